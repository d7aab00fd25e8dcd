# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job on a fake host: four shots for each kind, predictions that hold, groups that fail alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import files
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import record
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from dirty_host import SETTINGS, controls, dirty_host, request
from fake_host import FakeHost

EVERY = [*((kind,) for kind in SETTINGS), ()]
NAMES = [*SETTINGS, "all"]


def results(report: _baseline.Report) -> dict[str, str]:
    return {finding["id"]: finding["result"] for finding in report.findings}


def finding(report: _baseline.Report, control: str) -> dict[str, Any]:
    (found,) = [f for f in report.findings if f["id"] == control]
    return found


def test_the_dirty_host_has_something_for_every_kind() -> None:
    assert set(SETTINGS) == set(KINDS)


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_four_shots(kinds: tuple[str, ...], system: str) -> None:
    host = dirty_host(system)
    untouched = host.state()

    first = _baseline.audit(host, request("a1", *kinds))
    assert first.changed
    assert set(results(first).values()) == {"fail"}
    assert host.state() == untouched
    assert host.operations == []

    second = _baseline.enforce(host, request("e1", *kinds))
    assert second.changed
    assert set(results(second).values()) == {"fixed"}
    assert second.changes == first.changes
    assert host.leftovers() == []
    enforced, operations = host.state(), len(host.operations)

    third = _baseline.audit(host, request("a2", *kinds))
    fourth = _baseline.enforce(host, request("e2", *kinds))
    for report in (third, fourth):
        assert not report.changed
        assert report.changes == []
        assert set(results(report).values()) == {"pass"}
        assert report.warnings == []
    assert host.state() == enforced
    assert host.operations[operations:] == []


@pytest.mark.parametrize("kind", SETTINGS)
def test_enforcing_one_control_at_a_time_ends_where_all_at_once_ends(kind: str) -> None:
    host, stepwise = dirty_host(), dirty_host()
    _baseline.enforce(host, request("e", kind))
    for number, control in enumerate(controls(kind)):
        wish = _baseline.BaselineRequest(f"e{number}", (control,), frozenset({"cups.service"}))
        assert results(_baseline.enforce(stepwise, wish)) == {control.id: "fixed"}
    assert stepwise.state()["files"].keys() == host.state()["files"].keys()
    assert not _baseline.audit(stepwise, request("a", kind)).changed


def test_findings_keep_the_order_of_the_controls() -> None:
    wish = request("a")
    backwards = _baseline.BaselineRequest("a", tuple(reversed(wish.controls)), wish.allow_stop)
    report = _baseline.audit(dirty_host(), backwards)
    assert [f["id"] for f in report.findings] == [c.id for c in reversed(wish.controls)]


def test_a_result_without_controls_is_empty_and_unchanged() -> None:
    host = dirty_host()
    report = _baseline.enforce(host, _baseline.BaselineRequest("e"))
    assert (report.changed, report.findings, report.changes, host.operations) == (False, [], [], [])


def test_the_before_images_are_on_disk_before_the_first_change() -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1"))
    first_change = next(n for n, words in enumerate(host.operations) if "/var/lib/healthops" not in words)
    assert "write /var/lib/healthops/journal/e1/run" in host.operations[:first_change]
    assert host.operations.index("write /var/lib/healthops/journal/e1/entries") < first_change


@pytest.mark.parametrize(("kind", "guarded"), [("mount", True), ("sysctl", False)])
def test_what_is_written_to_fstab_is_guarded_since_a_boot_may_fail_over_it(kind: str, guarded: bool) -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1", kind, confirm_within=120))
    assert (record.armed(host) is not None) == guarded


def test_a_rejected_group_is_put_back_and_the_others_are_enforced() -> None:
    host = dirty_host()
    before = host.state()
    host.answers[("sshd", "-t")] = CommandResult(("sshd", "-t"), 255, "", "line 3: Bad configuration option\n")
    report = _baseline.enforce(host, request("e1"))
    told = results(report)
    assert {told[c.id] for c in controls("sshd")} == {"error"}
    assert {told[c.id] for c in controls() if c.kind != "sshd"} == {"fixed"}
    assert "It was put back" in finding(report, "sshd_1")["reason"]
    assert "Bad configuration option" in finding(report, "sshd_1")["reason"]
    assert not any("sshd" in change["subject"] for change in report.changes)
    assert host.stat("/etc/ssh/sshd_config.d/00-healthops.conf") is None
    _baseline.revert(host, request("r1"), "", False)
    assert host.state() == before


def test_a_held_package_lock_names_its_holder() -> None:
    host = dirty_host()
    host.apt_lock = "Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)"
    report = _baseline.enforce(host, request("e1"))
    told = results(report)
    assert {told[c.id] for c in controls("package")} == {"error"}
    assert {told[c.id] for c in controls() if c.kind != "package"} == {"fixed"}
    assert "process 812 (unattended-upgr)" in finding(report, "package_1")["reason"]
    assert host.packages == {"telnet": "1:0.17-44"}


def test_a_group_that_cannot_even_be_put_back_puts_everything_back_and_says_so() -> None:
    host = dirty_host()
    refused = ("systemctl", "--no-ask-password", "reload", "ssh.service")
    host.answers[refused] = CommandResult(refused, 1, "", "Job for ssh.service failed.\n")
    before = host.state()
    with pytest.raises(ClinicalError, match="could NOT be put back entirely") as error:
        _baseline.enforce(host, request("e1"))
    assert "Job for ssh.service failed" in str(error.value)
    assert host.state() == before
    host.answers.clear()
    assert not _baseline.revert(host, request("r1"), "", False).changed
    assert host.state() == before


def test_an_unforeseen_error_puts_everything_back() -> None:
    host = dirty_host()
    before = host.state()

    def burst(_host: FakeHost, argv: Any) -> CommandResult:
        raise RuntimeError("bug")

    host.answers[("sshd", "-t")] = burst
    with pytest.raises(ClinicalError, match="put back as it was"):
        _baseline.enforce(host, request("e1"))
    assert host.state() == before
    with pytest.raises(ClinicalError, match="no run has changed anything"):
        _baseline.revert(host, request("r1"), "", False)


def test_a_kind_that_cannot_be_looked_at_is_an_error_and_the_others_go_on() -> None:
    host = dirty_host()
    argv = ("modprobe", "--showconfig")
    host.answers[argv] = CommandResult(argv, 1, "", "modprobe: FATAL\n")
    report = _baseline.enforce(host, request("e1", "kernel_module", "banner"))
    assert results(report) == {
        "kernel_module_1": "error",
        "kernel_module_2": "error",
        "banner_1": "fixed",
        "banner_2": "fixed",
    }
    assert "modprobe: FATAL" in finding(report, "kernel_module_1")["reason"]


@pytest.mark.parametrize(
    ("applies", "reason"),
    [
        pytest.param({"families": ["RedHat"]}, "it is for RedHat, this host is Debian", id="family"),
        pytest.param({"distributions": {"Debian": ["13"]}}, "it is not for Debian 12", id="version"),
        pytest.param({"container": True}, "it is for containers only", id="container"),
        pytest.param({"requires_path": ["/usr/sbin/nginx"]}, "/usr/sbin/nginx is not on this host", id="requires"),
        pytest.param({"unless_path": ["/etc/issue"]}, "/etc/issue is on this host", id="unless"),
        pytest.param({"families": ["Debian"], "distributions": {"Debian": ["12"]}, "container": False}, "", id="fits"),
    ],
)
def test_where_a_control_applies(applies: dict[str, Any], reason: str) -> None:
    control = Control("one", "banner", SETTINGS["banner"][0], applies=applies)
    (found,) = _baseline.audit(dirty_host(), _baseline.BaselineRequest("a", (control,))).findings
    assert (found["result"], found["reason"]) == ("notapplicable" if reason else "fail", reason)


@pytest.mark.parametrize("with_diff", [False, True])
def test_a_result_is_plain_data_and_has_a_diff_where_it_was_asked_for(with_diff: bool) -> None:
    report = _baseline.audit(dirty_host(), request("a", "sysctl"))
    told = _baseline.result(report, with_diff, True)
    assert ("diff" in told) == with_diff
    assert told["check_mode"] is True
    assert not {"restored", "reverted_run_id", "warnings"} & set(told)
    if with_diff:
        headers: list[str] = [entry["after_header"] for entry in told["diff"]]
        assert headers == [change["subject"] for change in report.changes]


def test_the_result_of_a_revert_tells_what_was_restored() -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1", "sysctl"))
    told = _baseline.result(_baseline.revert(host, request("r1"), "", False), True, False)
    assert told["reverted_run_id"] == "e1"
    assert len(told["restored"]) == len(told["diff"]) == 3
    assert not {"findings", "changes"} & set(told)


def test_after_a_revert_every_control_is_judged_as_before() -> None:
    host = dirty_host()
    fine = Control("sshd_fine", "sshd", {"option": "LoginGraceTime", "value": 600, "op": "at_most"})
    closed = Control("file_closed", "file", {"path": "/etc/ssh/sshd_config", "mode": "0600"})
    wanted = replace(request("e1", "sshd"), controls=(closed, fine, *controls("sshd")))
    before = results(_baseline.audit(host, wanted))
    assert (before["sshd_fine"], before["file_closed"]) == ("pass", "fail")
    _baseline.enforce(host, wanted)
    _baseline.revert(host, replace(wanted, run_id="r1"), "e1", False)
    assert results(_baseline.audit(host, wanted)) == before


def test_what_is_waived_is_judged_and_left_as_it_is() -> None:
    """Of each kind the first control is waived; the others are enforced as if it was not there."""
    wish = request("e")
    first = {control.kind: control.id for control in reversed(wish.controls)}.values()
    waived = replace(wish, controls=tuple(replace(c, waived={} if c.id in first else None) for c in wish.controls))
    rest = replace(wish, controls=tuple(c for c in wish.controls if c.id not in first))
    host, without = dirty_host(), dirty_host()
    predicted = _baseline.audit(host, waived)
    report, plain = _baseline.enforce(host, waived), _baseline.enforce(without, rest)
    assert {name: word for name, word in results(report).items() if name in first} == dict.fromkeys(first, "waived")
    assert {name: word for name, word in results(report).items() if name not in first} == results(plain)
    assert predicted.changes == report.changes == plain.changes
    assert host.state() == without.state()
    for found in report.findings:
        assert "waived" not in found
        assert found["id"] not in first or found["before"] == found["after"]


@pytest.mark.parametrize(
    ("value", "result"), [("0", "waived"), ("0 (not set at the next boot)", "waived"), ("1", "fixed")]
)
def test_a_waiver_of_one_value_waives_no_other(value: str, result: str) -> None:
    control = Control("one", "sysctl", {"key": "kernel.kptr_restrict", "value": 1}, waived={"value": value})
    (found,) = _baseline.enforce(dirty_host(), _baseline.BaselineRequest("e", (control,))).findings
    assert (found["result"], found["before"]) == (result, "0 (not set at the next boot)")


def test_what_is_waived_and_cannot_be_read_is_an_error() -> None:
    host = dirty_host()
    host.answers["modprobe", "--showconfig"] = CommandResult(("modprobe", "--showconfig"), 1, "", "modprobe: FATAL")
    control = Control("one", "kernel_module", SETTINGS["kernel_module"][0], waived={})
    (found,) = _baseline.enforce(host, _baseline.BaselineRequest("e", (control,))).findings
    assert found["result"] == "error"


def test_what_is_waived_and_complies_passes() -> None:
    control, host = Control("one", "sysctl", {"key": "kernel.kptr_restrict", "value": 1}), dirty_host()
    _baseline.enforce(host, _baseline.BaselineRequest("e", (control,)))
    (found,) = _baseline.enforce(host, _baseline.BaselineRequest("f", (replace(control, waived={}),))).findings
    assert found["result"] == "pass"


def test_check_mode_foretells_what_a_run_could_not_take_back_and_the_rest_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(files, "READ_LIMIT", 10)
    host = dirty_host()
    predicted = {finding["id"]: finding for finding in _baseline.audit(host, request("a", "banner", "sysctl")).findings}
    report = _baseline.enforce(host, request("e1", "banner", "sysctl"))
    done = {finding["id"]: finding["result"] for finding in report.findings}
    assert {predicted["banner_1"]["result"], done["banner_1"]} == {"error"}
    assert "could not be taken back" in predicted["banner_1"]["reason"]
    assert (predicted["sysctl_2"]["result"], done["sysctl_2"]) == ("fail", "fixed")
    assert host.text("/etc/issue") == dirty_host().text("/etc/issue")
