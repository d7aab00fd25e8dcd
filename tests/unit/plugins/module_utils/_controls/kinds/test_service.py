# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units: masked with consent, enabled without touching what a person masked."""

from __future__ import annotations

import pytest
from fake_host import FakeHost
from fake_programs import FakeUnit
from look import look, plan, states, subjects

CUPS = {"unit": "cups.service", "state": "masked"}
CRON = {"unit": "cron.service", "state": "enabled"}


def host(name: str = "cups.service", active: bool = False, masked: bool = False, enabled: bool = False) -> FakeHost:
    made = FakeHost()
    made.units[name] = FakeUnit(active=active, since=1000.0, masked=masked)
    if masked:
        made.add_link(f"/etc/systemd/system/{name}", "/dev/null")
    if enabled:
        made.add_link(f"/etc/systemd/system/multi-user.target.wants/{name}", f"/lib/systemd/system/{name}")
    return made


@pytest.mark.parametrize(
    ("made", "allowed", "wanted", "touched"),
    [
        pytest.param(host(masked=True), [], ("ok", "ok", "ok"), [], id="masked"),
        pytest.param(
            host(), [], ("ok", "deviates", "deviates"), ["file /etc/systemd/system/cups.service"], id="not running"
        ),
        pytest.param(host(active=True), [], ("deviates", "deviates", "deviates"), [], id="running, no consent"),
        pytest.param(
            host(active=True),
            ["cups.service"],
            ("deviates", "deviates", "deviates"),
            ["unit cups.service", "file /etc/systemd/system/cups.service"],
            id="running, consent",
        ),
        pytest.param(host(active=True, masked=True), [], ("deviates", "ok", "ok"), [], id="masked, still running"),
    ],
)
def test_masking(made: FakeHost, allowed: list[str], wanted: tuple[str, str, str], touched: list[str]) -> None:
    planned = plan(made, "service", CUPS, allow_stop=allowed)
    (seen,) = planned.assessments
    assert states(seen) == wanted
    assert subjects(planned.groups) == touched
    if seen.result == "fail" and not touched:
        assert "list cups.service in hardening_allow_stop" in seen.reason


def test_somebodys_own_unit_file_is_not_replaced() -> None:
    made = host()
    made.add_file("/etc/systemd/system/cups.service", "[Unit]\n")
    planned = plan(made, "service", CUPS)
    assert "somebody's own unit file" in planned.assessments[0].reason
    assert planned.groups == ()


@pytest.mark.parametrize(
    ("made", "wanted", "touched"),
    [
        pytest.param(host("cron.service", True, enabled=True), ("ok", "ok", "ok"), [], id="enabled and running"),
        pytest.param(
            host("cron.service", False, enabled=True),
            ("deviates", "ok", "ok"),
            ["unit cron.service"],
            id="stopped",
        ),
        pytest.param(
            host("cron.service", masked=True), ("deviates", "deviates", "deviates"), [], id="masked on purpose"
        ),
    ],
)
def test_enabling(made: FakeHost, wanted: tuple[str, str, str], touched: list[str]) -> None:
    planned = plan(made, "service", CRON)
    assert states(planned.assessments[0]) == wanted
    assert subjects(planned.groups) == touched
    assert ("unmask it" in planned.assessments[0].reason) == made.units["cron.service"].masked


def test_enabling_remembers_the_links_to_the_byte() -> None:
    (group,) = plan(host("cron.service"), "service", CRON).groups
    assert [step.subject.type for step in group.steps] == ["tree", "start at boot of unit", "unit"]


def test_no_unit_and_no_systemd() -> None:
    assert look(FakeHost(), "service", CUPS).reason == "there is no such unit on this host"
    made = host()
    del made.nodes["/run/systemd/system"]
    assert look(made, "service", CUPS).reason == "systemd is not the init of this host"
