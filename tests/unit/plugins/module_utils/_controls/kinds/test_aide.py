# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AIDE: a first database that a unit of its own builds, and what has to be in it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import units
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from dirty_host import bare
from fake_host import FakeHost, fixture
from fake_programs import FakeUnit
from look import look, plan

UNIT = "healthops-aide-database.service"
DATABASE = "/var/lib/aide/aide.db"
CONTROL = Control("one", "aide", {"covers": "database"})


def host(system: str = "debian-12") -> FakeHost:
    made = FakeHost(system)
    made.add_file("/etc/aide/aide.conf", bare(fixture("aide", system)))
    made.add_dir("/etc/aide/aide.conf.d")
    return made


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_a_database_that_is_there(system: str) -> None:
    made = host(system)
    made.add_file(DATABASE, "x")
    assert look(made, "aide", CONTROL.settings).result == "pass"


def test_building_the_first_one_is_begun_and_not_waited_for() -> None:
    made = host()
    made.units[UNIT] = FakeUnit(static=True)  # as systemd knows it once its file has been read
    (finding,) = _baseline.enforce(made, _baseline.BaselineRequest("e1", (CONTROL,))).findings
    assert (finding["result"], "in the background" in finding["reason"]) == ("fail", True)
    begun = ("systemctl", "--no-ask-password", "start", "--no-block", UNIT)
    assert begun in made.runs
    text = made.text(f"/etc/systemd/system/{UNIT}")
    assert f"ConditionPathExists=!{DATABASE}\n" in text
    assert "Nice=19\n" in text


def test_what_is_being_built_is_left_to_it() -> None:
    made = host()
    made.units[UNIT] = FakeUnit(static=True)
    _baseline.enforce(made, _baseline.BaselineRequest("e1", (CONTROL,)))
    made.answers[_show()] = _answer("activating")
    planned = plan(made, "aide", CONTROL.settings)
    assert (planned.assessments[0].before, planned.groups) == ("being built", ())


def test_a_failure_is_told_and_not_repeated_for_ever() -> None:
    made = host()
    made.units[UNIT] = FakeUnit(static=True)
    _baseline.enforce(made, _baseline.BaselineRequest("e1", (CONTROL,)))
    made.answers[_show()] = _answer("failed")
    planned = plan(made, "aide", CONTROL.settings)
    assert planned.groups == ()
    assert planned.assessments[0].reason == f"building it failed; see: journalctl -u {UNIT}"


def test_the_database_goes_with_the_run_that_began_it() -> None:
    made = host()
    made.units[UNIT] = FakeUnit(static=True)
    before = made.state()
    _baseline.enforce(made, _baseline.BaselineRequest("e1", (CONTROL,)))
    made.units[UNIT].active = False  # it has done its work
    made.add_dir("/var/lib/aide")
    made.add_file(DATABASE, "x")
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)
    assert made.stat(DATABASE) is None
    assert made.stat(f"/etc/systemd/system/{UNIT}") is None
    assert made.state()["units"] == {**before["units"], UNIT: made.state()["units"][UNIT]}


@pytest.mark.parametrize(
    ("lines", "missing"),
    [
        ("", "auditctl, auditd, ausearch, aureport, autrace, augenrules"),
        ("/sbin/auditctl p+sha512\n/usr/sbin/auditd$ sha512\n/sbin/ausearch sha256\n", "ausearch, aureport"),
    ],
)
def test_every_audit_tool_needs_a_strong_hash(lines: str, missing: str) -> None:
    made = host()
    made.add_file("/etc/aide/aide.conf.d/50_site", lines)
    made.add_file("/etc/aide/aide.conf.d/50_site.bak", "/sbin/aureport sha512\n")  # AIDE reads no name with a dot
    assert look(made, "aide", {"covers": "audit_tools"}).before.startswith(f"not covered: {missing}")


def test_without_aide_it_does_not_apply() -> None:
    made = FakeHost()
    made.programs -= {"aideinit"}
    assert look(made, "aide", CONTROL.settings).result == "notapplicable"


def _show() -> tuple[str, ...]:
    return ("systemctl", "show", "--property", ",".join(units.PROPERTIES), "--", UNIT)


def _answer(active: str) -> CommandResult:
    return CommandResult(_show(), 0, f"Id={UNIT}\nLoadState=loaded\nActiveState={active}\nUnitFileState=static\n", "")
