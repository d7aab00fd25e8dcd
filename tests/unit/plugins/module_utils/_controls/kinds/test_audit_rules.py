# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules: written, compiled, in the kernel."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.audit_rules import AuditRules
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, FakePackage
from look import look, plan, states, subjects

RULES = {"key": "id", "rules": ["watch /etc/group wa", "calls settimeofday"]}
LINES = (
    "-w /etc/group -p wa -k id\n"
    "-a always,exit -F arch=b64 -S settimeofday -k id\n"
    "-a always,exit -F arch=b32 -S settimeofday -k id\n"
)
OURS = "/etc/audit/rules.d/healthops.rules"


def host(written: str = LINES, compiled: str = LINES, running: str = LINES) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/audit/rules.d/site.rules", written, mode=0o640)
    made.add_file("/etc/audit/audit.rules", compiled, mode=0o640)
    made.audit = running.splitlines()
    return made


@pytest.mark.parametrize(
    ("made", "wanted", "result"),
    [
        pytest.param(host(), ("ok", "ok", "ok"), "pass", id="all"),
        pytest.param(host(running=""), ("deviates", "ok", "ok"), "fail", id="not loaded"),
        pytest.param(host(compiled=""), ("ok", "deviates", "ok"), "fail", id="not compiled"),
        pytest.param(host(written=""), ("ok", "ok", "deviates"), "fail", id="gone at the next boot"),
        pytest.param(host(running=LINES.replace("wa", "r")), ("deviates", "ok", "ok"), "fail", id="another rule runs"),
    ],
)
def test_verdicts(made: FakeHost, wanted: tuple[str, str, str], result: str) -> None:
    seen = look(made, "audit_rules", RULES)
    assert (states(seen), seen.result, seen.reason) == (wanted, result, "")


def test_only_what_is_missing_is_written_and_then_all_is_compiled_and_loaded() -> None:
    made = host(LINES.splitlines()[0] + "\n", "", "")
    control = Control("one", "audit_rules", RULES)
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", (control,)))
    assert [finding["result"] for finding in report.findings] == ["fixed"]
    assert made.text(OURS).splitlines()[1:] == ["-i", *LINES.splitlines()[1:]]
    assert made.nodes[OURS].mode == 0o600
    assert made.audit == LINES.splitlines()[1:] + LINES.splitlines()[:1]
    before = host(LINES.splitlines()[0] + "\n", "", "").state()
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)
    assert made.state() == before


def test_ours_keeps_what_is_in_it() -> None:
    made = host("")
    made.add_file(OURS, "-i\n-w /etc/old -p wa -k old\n", mode=0o640)
    (group,) = plan(made, "audit_rules", RULES).groups
    assert subjects([group]) == [f"file {OURS}", "made by augenrules"]
    _baseline.enforce(made, _baseline.BaselineRequest("e1", (Control("one", "audit_rules", RULES),)))
    assert made.text(OURS).startswith("-i\n-w /etc/old -p wa -k old\n-w /etc/group")


def test_locked_rules_wait_for_the_next_boot() -> None:
    made = host(running="")
    made.answers[("auditctl", "-s")] = CommandResult(("auditctl", "-s"), 0, "enabled 2\nfailure 1\n", "")
    planned = plan(made, "audit_rules", RULES)
    (seen,) = planned.assessments
    assert (seen.result, planned.groups) == ("fail", ())
    assert seen.reason == "the rules are locked until the next boot (-e 2), which brings them"


def test_locked_rules_are_written_and_the_kernel_is_left_alone() -> None:
    made = host("", "", "")
    made.answers[("auditctl", "-s")] = CommandResult(("auditctl", "-s"), 0, "enabled 2\nfailure 1\n", "")
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", (Control("one", "audit_rules", RULES),)))
    assert ("auditctl", "-R", "/etc/audit/audit.rules") not in made.runs
    assert [(f["result"], "next boot" in f["reason"]) for f in report.findings] == [("fail", True)]


def test_a_rule_that_silences_the_kernel_is_told() -> None:
    made = host()
    made.add_file("/etc/audit/rules.d/00-off.rules", "-a never,task\n")
    planned = plan(made, "audit_rules", RULES)
    assert planned.assessments[0].result == "fail"
    assert "never,task" in planned.assessments[0].reason
    assert planned.groups == ()


def test_in_a_container_the_kernel_is_not_asked() -> None:
    made = host(running="")
    made.in_container()
    seen = look(made, "audit_rules", RULES)
    assert states(seen) == ("notapplicable", "ok", "ok")
    assert seen.verdicts.running.observed == "the machine's kernel"
    assert not [argv for argv in made.runs if argv[0] == "auditctl"]


@pytest.mark.parametrize("said", ["The audit system is disabled\n", ""])
def test_a_kernel_that_does_not_audit(said: str) -> None:
    made = host()
    made.answers[("auditctl", "-l")] = CommandResult(("auditctl", "-l"), 0 if said else 1, said, "")
    assert states(look(made, "audit_rules", RULES)) == ("notapplicable", "ok", "ok")


def test_people_begin_where_the_system_says() -> None:
    made = host()
    made.add_file("/etc/login.defs", "UID_MIN 500\n")
    (group,) = plan(made, "audit_rules", {"key": "id", "rules": ["runs /usr/bin/dpkg"]}).groups
    assert "-F auid>=500" in group.steps[0].after


def test_without_the_daemon_it_does_not_apply() -> None:
    made = FakeHost()
    assert look(made, "audit_rules", RULES).reason == "there is no auditctl on this host"


def test_a_strange_rule_is_refused() -> None:
    problems = AuditRules().validate({"key": "identity", "rules": ["-e 2"]})
    assert len(problems) == 1
    assert "-e 2" in problems[0]


def test_programs_that_packages_of_the_same_run_bring_are_watched_at_once() -> None:
    """What a package brings is not there when the run is planned, and its rule has to be there when the run ends."""
    made = host("", "", "")
    made.privileged = ["/usr/bin/su"]
    made.mirror["sudo"] = FakePackage("1.9", {}, privileged=("/usr/bin/sudo",))
    made.add_file("/var/lib/apt/extended_states", "")
    controls = (
        Control("sudo", "package", {"name": "sudo", "state": "present"}),
        Control("programs", "audit_rules", {"key": "run", "rules": ["runs privileged"]}),
    )
    told, before = _baseline.audit(made, _baseline.BaselineRequest("c1", controls)).changes, made.state()
    report = _baseline.enforce(made, _baseline.BaselineRequest("e1", controls))
    assert [finding["result"] for finding in report.findings] == ["fixed", "fixed"]
    assert report.changes == told
    watched = [line.split()[3] for line in made.text(OURS).splitlines() if line.startswith("-a")]
    assert watched == ["path=/usr/bin/su", "path=/usr/bin/sudo"]
    assert _baseline.audit(made, _baseline.BaselineRequest("c2", controls)).changes == []
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)
    assert made.state() == before


def enforce(made: FakeHost, run_id: str = "e1") -> _baseline.Report:
    return _baseline.enforce(made, _baseline.BaselineRequest(run_id, (Control("one", "audit_rules", RULES),)))


def test_rules_that_only_the_kernel_lacks_are_loaded_and_no_file_is_touched() -> None:
    made = host(running="")
    files = made.state()["files"]
    report = enforce(made)
    (change,) = report.changes
    assert (change["subject"], report.findings[0]["result"]) == ("audit rules of the kernel", "fixed")
    assert change["before"] != change["after"]
    assert made.state()["files"] == files
    _baseline.revert(made, _baseline.BaselineRequest("r1"), "", False)


def test_a_kernel_that_takes_none_of_them_is_no_change() -> None:
    made = host(running="")
    argv = ("auditctl", "-R", "/etc/audit/audit.rules")
    made.answers[argv] = CommandResult(argv, 0, "", "")
    for run_id in ("e1", "e2"):
        report = enforce(made, run_id)
        assert (report.changed, report.findings[0]["result"]) == (False, "error")
        assert "it took none of those that it lacks" in report.findings[0]["reason"]


def test_rules_that_are_not_compiled_are_shown_as_a_difference() -> None:
    (change,) = enforce(host(compiled="")).changes
    assert (change["before"], change["after"]) == ("# id: 3 not there", "# id: all as in /etc/audit/rules.d")
