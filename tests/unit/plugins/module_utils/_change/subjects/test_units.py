# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd: what it says of them, running and enabled."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import (
    ActiveUnit,
    EnabledUnit,
    OwnUnit,
    has_systemd,
    parse_show,
    show,
    systemctl,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, fixture
from fake_programs import FakeUnit

CUPS = "cups.service"


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.units[CUPS] = FakeUnit(active=True, since=1000.0)
    return made


@pytest.mark.parametrize(
    ("system", "number", "described"),
    [
        ("debian-12", 0, ("ssh.service", "loaded", "active", "enabled", True, False)),
        ("debian-13", 1, ("nginx.service", "loaded", "active", "enabled", True, False)),
        ("debian-12", 2, ("nosuch.service", "not-found", "inactive", "", False, False)),
        ("debian-12", 3, ("reboot.target", "loaded", "inactive", "disabled", True, False)),
        ("debian-12-hardened", 0, ("ctrl-alt-del.target", "masked", "inactive", "masked", True, True)),
    ],
)
def test_what_systemctl_shows(system: str, number: int, described: tuple[object, ...]) -> None:
    unit = parse_show(fixture("systemctl", system).split("\n\n")[number], FakeHost())
    assert (unit.name, unit.loaded, unit.active, unit.enabled, unit.exists, unit.masked) == described
    assert (unit.since > 0) == unit.running


def test_several_units_are_asked_in_one_command(host: FakeHost) -> None:
    states = show(host, [CUPS, "nosuch.service", CUPS])
    assert [(name, unit.exists, unit.running) for name, unit in states.items()] == [
        (CUPS, True, True),
        ("nosuch.service", False, False),
    ]
    assert states[CUPS].since == 1000.0
    assert len(host.runs) == 1


def test_without_systemd_nothing_is_asked(host: FakeHost) -> None:
    del host.nodes["/run/systemd/system"]
    assert not has_systemd(host)
    assert show(host, [CUPS]) == {}
    assert ActiveUnit(CUPS).capture(host) == {"active": None}
    assert EnabledUnit(CUPS).capture(host) == {"enabled": None}
    assert host.runs == []


def test_a_unit_is_stopped_and_started_again(host: FakeHost) -> None:
    unit = ActiveUnit(CUPS)
    before = unit.capture(host)
    unit.put(host, {"active": False})
    assert not host.units[CUPS].active
    unit.put(host, {"active": False})
    unit.put(host, before)
    assert host.units[CUPS].active
    verbs = [argv[2] for argv in host.runs if argv[1] == "--no-ask-password"]
    assert verbs == ["daemon-reload", "stop", "daemon-reload", "start"]


def test_a_unit_is_enabled_and_disabled_again(host: FakeHost) -> None:
    unit = EnabledUnit(CUPS)
    before = unit.capture(host)
    assert before == {"enabled": False}
    unit.put(host, {"enabled": True})
    assert unit.capture(host) == {"enabled": True}
    unit.put(host, before)
    assert unit.capture(host) == before


def test_a_unit_that_comes_and_goes_with_its_package_is_left_alone(host: FakeHost) -> None:
    for unit in (ActiveUnit("nosuch.service"), EnabledUnit("nosuch.service")):
        image = unit.capture(host)
        assert list(image.values()) == [None]
        unit.put(host, image)
    assert host.operations == []


def test_what_systemd_refuses_is_told_with_where_to_look(host: FakeHost) -> None:
    with pytest.raises(ClinicalError, match=r"Unit nosuch\.service not found\. See: journalctl -u nosuch\.service"):
        systemctl(host, "start", "nosuch.service")


def test_a_systemctl_that_does_not_work_is_told(host: FakeHost) -> None:
    show(host, [CUPS])
    host.answers[host.runs[-1]] = CommandResult((), 1, "", "Failed to connect to bus\n")
    with pytest.raises(ClinicalError, match="Failed to connect to bus"):
        show(host, [CUPS])


@pytest.mark.parametrize(
    ("now", "before", "after", "is_partial"),
    [(None, True, False, True), (False, True, False, True), (True, True, False, True), (None, True, True, False)],
)
def test_a_unit_that_a_cut_run_took_away_is_the_runs_and_nobody_elses(
    now: bool | None, before: bool, after: bool, is_partial: bool
) -> None:
    images = ({"active": active} for active in (now, before, after))
    assert OwnUnit("gateway.service").is_partial(*images) == is_partial
