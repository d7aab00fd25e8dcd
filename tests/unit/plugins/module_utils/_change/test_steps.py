# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Steps, groups and effects: what a run is about to do."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Effect, Group, Step, unread
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.audit import COMPILED, LOAD
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import BEGIN
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost
from fake_programs import FakeUnit

SSH = "ssh.service"


def step(*controls: str, watched: bool = False, wanted: bool = True) -> Step:
    return Step(
        subject=File("/etc/x"),
        wanted=file_image(b"x\n") if wanted else None,
        before="a",
        after="b",
        why="because",
        controls=controls,
        watched=watched,
    )


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.units[SSH] = FakeUnit(active=True, since=1.0)
    made.units["aide.service"] = FakeUnit(active=False)
    return made


def test_a_step_without_a_wanted_image_is_beside_and_stays_so_on_the_way_back() -> None:
    assert not step().beside
    assert step(wanted=False).beside
    assert step(watched=True).beside


def test_a_group_names_each_control_once_in_its_order() -> None:
    assert Group("g", (step("b", "a"), step("a", "c"))).controls == ("b", "a", "c")


def test_a_unit_that_is_older_than_its_settings_is_only_watched() -> None:
    watched = unread(SSH, ("c1",))
    assert (watched.subject.name, watched.beside, watched.controls) == (SSH, True, ("c1",))
    assert (watched.before, watched.after) == ("runs with older settings", "has read its settings")


def test_only_a_unit_that_runs_is_restarted(host: FakeHost) -> None:
    Effect("restart", SSH).happen(host)
    Effect("restart", "aide.service").happen(host)
    Effect("restart", "nosuch.service").happen(host)
    assert host.operations == [f"systemctl restart {SSH}"]


def test_a_unit_that_is_begun_is_not_waited_for_and_has_to_be_there(host: FakeHost) -> None:
    Effect(BEGIN, "aide.service").happen(host)
    Effect(BEGIN, "nosuch.service").happen(host)
    assert [argv[2:] for argv in host.runs if "start" in argv] == [("start", "--no-block", "aide.service")]
    assert host.units["aide.service"].active


def test_systemd_reads_its_units_anew_where_it_runs(host: FakeHost) -> None:
    Effect("daemon-reload").happen(host)
    assert host.operations == ["systemctl daemon-reload"]
    del host.nodes["/run/systemd/system"]
    Effect("daemon-reload").happen(host)
    Effect("restart", SSH).happen(host)
    assert host.operations == ["systemctl daemon-reload"]


def test_audit_rules_are_loaded_also_without_systemd(host: FakeHost) -> None:
    del host.nodes["/run/systemd/system"]
    host.add_file(COMPILED, "-w /etc/passwd -p wa\n")
    Effect(LOAD).happen(host)
    assert host.audit == ["-w /etc/passwd -p wa"]


def test_what_systemd_refuses_is_raised(host: FakeHost) -> None:
    host.units[SSH].masked = True
    with pytest.raises(ClinicalError, match="masked"):
        Effect("restart", SSH).happen(host)
