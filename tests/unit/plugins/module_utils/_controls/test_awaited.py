# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controls whose program the same run installs: foretold before it is there, made true after, taken back with it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.packages import present
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from dirty_host import bare
from fake_host import FakeHost, Killed, fixture
from fake_programs import FakePackage

NEEDS = {"requires_package": ["auditd"]}
AUDITD = {"file": "/etc/audit/auditd.conf", "format": "key_value", "unit": "auditd.service", "action": "reload"}
DROP_IN = {"file": "/etc/audit/more.conf", "drop_in": "/etc/audit/more.conf.d/zz-healthops.conf", "format": "key_value"}
INSTALL = Control("package", "package", {"name": "auditd", "state": "present"})
UNREAD_ROOMS = (
    Control("rotates", "config", {**AUDITD, "key": "max_log_file_action", "value": "ROTATE"}, applies=NEEDS),
    Control("keeps", "config", {**AUDITD, "key": "num_logs", "value": 8, "op": "at_least"}, applies=NEEDS),
    Control("dropped", "config", {**DROP_IN, "key": "colour", "value": "blue"}, applies=NEEDS),
    Control("starts", "service", {"unit": "auditd.service", "state": "enabled"}, applies=NEEDS),
)
EVERY = (*UNREAD_ROOMS, INSTALL)


def bare_host(system: str = "debian-12") -> FakeHost:
    host = FakeHost(system)
    host.mirror["auditd"] = FakePackage(
        "1:3.0.9", {"/etc/audit/auditd.conf": bare(fixture("auditd", system))}, unit="auditd.service"
    )
    host.add_file("/var/lib/apt/extended_states", "")
    return host


def request(run_id: str, controls: tuple[Control, ...] = EVERY) -> _baseline.BaselineRequest:
    return _baseline.BaselineRequest(run_id, controls)


def results(report: _baseline.Report) -> dict[str, str]:
    return {finding["id"]: finding["result"] for finding in report.findings}


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_four_shots_and_back_on_a_host_that_lacks_the_package(system: str) -> None:
    host = bare_host(system)
    untouched = host.state()
    first = _baseline.audit(host, request("a1"))
    assert set(results(first).values()) == {"fail"}
    assert (host.state(), host.operations) == (untouched, [])
    second = _baseline.enforce(host, request("e1"))
    assert second.changes == first.changes
    assert set(results(second).values()) == {"fixed"}
    text = host.text("/etc/audit/auditd.conf")
    assert "num_logs = 8\n" in text
    assert "write_logs = yes\n" in text  # the package's own lines are all there
    for report in (_baseline.audit(host, request("a2")), _baseline.enforce(host, request("e2"))):
        assert (report.changed, set(results(report).values())) == (False, {"pass"})
    _baseline.revert(host, request("r1"), "", False)
    assert host.state() == untouched


def test_without_anybody_who_installs_it_the_controls_do_not_apply() -> None:
    report = _baseline.enforce(bare_host(), request("e1", UNREAD_ROOMS))
    assert set(results(report).values()) == {"notapplicable"}
    assert {finding["reason"] for finding in report.findings} == {"the package auditd is not installed"}


def test_a_package_that_is_about_to_go_is_as_good_as_gone() -> None:
    host = bare_host()
    _baseline.enforce(host, request("e1"))
    leaving = Control("package", "package", {"name": "auditd", "state": "absent"})
    foretold = results(_baseline.audit(host, request("a2", (*UNREAD_ROOMS, leaving))))
    assert foretold == {**dict.fromkeys(foretold, "notapplicable"), "package": "fail"}


def test_it_waits_for_packages_that_are_changed_under_the_guard() -> None:
    host = bare_host()
    controls = (*UNREAD_ROOMS, Control("package", "package", INSTALL.settings, hazard="lockout"))
    assert set(results(_baseline.enforce(host, request("e1", controls))).values()) == {"fixed"}


def test_where_the_package_does_not_come_nothing_is_left_behind() -> None:
    host = bare_host()
    untouched = host.state()
    host.apt_lock = "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"
    report = _baseline.enforce(host, request("e1", (UNREAD_ROOMS[0], UNREAD_ROOMS[3], INSTALL)))
    assert set(results(report).values()) == {"error"}
    assert host.state() == untouched


def test_killed_at_any_operation_it_can_be_taken_back() -> None:
    whole = bare_host()
    _baseline.enforce(whole, request("e1"))
    untouched = bare_host().state()
    for number in range(1, len(whole.operations) + 1):
        host = deepcopy(bare_host())
        host.strike(number, "killed")
        with pytest.raises(Killed):
            _baseline.enforce(host, request("e1"))
        host.fault = None
        if host.glob("/var/lib/healthops/journal/*/run"):
            _baseline.revert(host, request("r1"), "", False)
        assert host.state() == untouched, number


def test_rpm_is_asked_where_there_is_no_dpkg() -> None:
    host = FakeHost()
    host.programs -= {"dpkg-query"}
    host.programs |= {"rpm"}
    argv = ("rpm", "--query", "--queryformat", "%{NAME}\\n", "audit", "aide")
    host.answers[argv] = CommandResult(argv, 1, "audit\npackage aide is not installed\n", "")
    assert present(host, ["audit", "aide"]) == {"audit"}


def test_no_package_costs_no_question() -> None:
    host: Any = FakeHost()
    assert present(host, []) == set()
    assert host.runs == []


def test_dpkg_is_asked_once_for_what_controls_need_and_what_they_are_about() -> None:
    host = bare_host()
    _baseline.audit(host, request("a1", (*UNREAD_ROOMS[:3], Control("away", "package", {"name": "telnet"}))))
    asked = [argv for argv in host.runs if argv[0] == "dpkg-query" and "telnet" in argv]
    assert len(asked) == 1
    assert "auditd" in asked[0]


def test_an_answer_of_dpkg_that_nobody_understands_is_an_error_for_what_needs_packages_alone() -> None:
    host = bare_host()
    form = "--showformat=${Package}\\t${Version}\\t${db:Status-Status}\\n"
    argv = ("dpkg-query", "--show", form, "auditd")
    host.answers[argv] = CommandResult(argv, 0, "no line of its\n", "")
    other = Control("other", "sysctl", {"key": "net.ipv4.tcp_syncookies", "value": 1})
    found = _baseline.audit(host, request("a1", (*UNREAD_ROOMS, INSTALL, other))).findings
    reasons = {finding["id"]: finding["reason"] for finding in found if finding["result"] == "error"}
    assert reasons.keys() == {control.id for control in EVERY}
    assert all("dpkg-query says" in reason for reason in reasons.values())
