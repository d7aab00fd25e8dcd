# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard around anybody's own changes, on a fake host: arm, confirm, take back, ask."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import commit_confirm, record, reverter
from ansible_collections.healthops.clinical.plugins.module_utils._guard.commit_confirm import GuardRequest, GuardResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from dirty_host import dirty_host, request
from fake_host import FakeHost
from fake_programs import FakeUnit
from guarded import alarms

RULES = "/etc/nftables.conf"


def armed_host(**more: Any) -> FakeHost:
    host = FakeHost()
    host.add_file(RULES, "flush ruleset\n", mode=0o755)
    host.kernel["net.ipv4.ip_forward"] = "0"
    host.units["ssh.service"] = FakeUnit(True)
    host.units["nftables.service"] = FakeUnit(True)
    paths = (RULES, "/etc/new.d", "/proc/sys/net/ipv4/ip_forward")
    commit_confirm.arm(host, GuardRequest("g1", paths, **more), False)
    return host


def change(host: FakeHost) -> None:
    """What the tasks between arming and confirming do."""
    host.add_file(RULES, "flush ruleset; drop everything\n", mode=0o600, uid=1000)
    host.add_file("/etc/new.d/rule", "drop")
    host.kernel["net.ipv4.ip_forward"] = "1"
    host.units["ssh.service"].active = False


def at_login(host: FakeHost, started: int) -> None:
    """This process lives below an SSH login that began at that moment; the guard was armed at 900."""
    stat = "{pid} ({comm}) S {parent} {zeros}{started} 0 0\n"
    zeros = "0 " * 17
    host.add_file("/proc/self/stat", stat.format(pid=20, comm="python3", parent=10, zeros=zeros, started=started + 5))
    host.add_file("/proc/10/stat", stat.format(pid=10, comm="sshd", parent=1, zeros=zeros, started=started))


def confirm(host: FakeHost, **more: Any) -> GuardResult:
    return commit_confirm.confirm(host, GuardRequest("g1", **more), False)


def test_arming_says_until_when_and_changes_nothing_that_it_guards() -> None:
    host = armed_host()
    assert host.text(RULES) == "flush ruleset\n"
    answer = commit_confirm.status(host, GuardRequest())
    assert (answer.guard["state"], answer.guard["run_id"], answer.guard["seconds_left"]) == ("armed", "g1", 120)
    assert "unless confirmed, it is taken back at 20" in answer.msg


def test_taken_back_at_once_with_everything_that_belongs_to_it() -> None:
    host = armed_host(units=("nftables.service",), commands=("modprobe -r 'nf_x'",))
    change(host)
    host.modules["nf_x"] = 0
    answer = commit_confirm.revert(host, GuardRequest(), False)
    assert answer.changed
    assert not answer.failed
    assert {entry["subject"] for entry in answer.restored} == {
        f"tree {RULES}",
        "tree /etc/new.d",
        "kernel value net/ipv4/ip_forward",
    }
    node = host.nodes[RULES]
    assert (node.content, node.mode, node.uid) == (b"flush ruleset\n", 0o755, 0)
    assert host.stat("/etc/new.d") is None
    assert host.kernel["net.ipv4.ip_forward"] == "0"
    assert host.units["ssh.service"].active
    assert ("modprobe", "-r", "nf_x") in host.runs
    assert ("systemctl", "--no-ask-password", "reload-or-restart", "nftables.service") in host.runs
    assert alarms(host) == []
    again = commit_confirm.revert(host, GuardRequest("g1"), False)
    assert (again.changed, again.failed) == (False, False)


def test_a_command_that_fails_leaves_the_guard_armed_for_another_try() -> None:
    host = armed_host(commands=("visudo --check --file=/etc/nowhere",))
    change(host)
    argv = ("visudo", "--check", "--file=/etc/nowhere")
    host.answers[argv] = CommandResult(argv, 1, "", "no such file")
    with pytest.raises(ClinicalError, match=r"exited with 1: no such file. It will be tried again every minute"):
        commit_confirm.revert(host, GuardRequest(), False)
    assert host.text(RULES) == "flush ruleset\n"
    assert record.armed(host) is not None
    host.answers[argv] = CommandResult(argv, 0, "", "")
    assert commit_confirm.revert(host, GuardRequest(), False).guard["state"] == "reverted"


@pytest.mark.parametrize("started", [None, 901], ids=["no ssh login above", "a younger login"])
def test_confirmed_it_stays_and_nothing_is_armed(started: int | None) -> None:
    host = armed_host()
    change(host)
    if started is not None:
        at_login(host, started)
    answer = confirm(host)
    assert (answer.changed, answer.failed, answer.guard["state"]) == (True, False, "confirmed")
    assert host.text(RULES).endswith("drop everything\n")
    assert alarms(host) == []
    again = confirm(host)
    assert (again.changed, again.failed) == (False, False)


def test_a_login_that_is_older_shows_nothing() -> None:
    host = armed_host()
    at_login(host, 899)
    answer = confirm(host)
    assert (answer.failed, answer.guard["state"]) == (True, "armed")
    assert "older than the change" in answer.msg
    assert record.armed(host) is not None


def test_a_break_glass_account_that_would_be_locked_out_takes_it_back_at_once() -> None:
    host = armed_host()
    change(host)
    answer = confirm(host, break_glass_users=("nobody-here",))
    assert (answer.failed, answer.guard["state"]) == (True, "reverted")
    assert "nobody-here" in answer.msg
    assert host.text(RULES) == "flush ruleset\n"
    assert alarms(host) == []


def test_who_comes_late_hears_it() -> None:
    host = armed_host()
    guard = record.armed(host)
    assert guard is not None
    reverter.take_back(host, guard, "nobody confirmed it within 120 s")
    answer = confirm(host)
    assert (answer.failed, answer.changed, answer.guard["state"]) == (True, False, "reverted")
    assert "It is too late: The run g1 was taken back at" in answer.msg
    assert "nobody confirmed it within 120 s" in answer.msg


def test_a_guard_under_which_nothing_was_changed_is_no_run_that_was_cut() -> None:
    host = armed_host()
    commit_confirm.revert(host, GuardRequest(), False)
    assert all("was cut" not in warning for warning in _baseline.enforce(host, request("e1", "banner")).warnings)


def test_what_was_confirmed_is_not_taken_back_by_the_guard() -> None:
    host = armed_host()
    change(host)
    confirm(host)
    answer = commit_confirm.revert(host, GuardRequest("g1"), False)
    assert answer.failed
    assert "state: reverted, run_id: g1" in answer.msg
    with pytest.raises(ClinicalError, match="no run has changed anything"):  # it is not the baseline's newest run
        _baseline.revert(host, request("r1"), "", False)
    _baseline.revert(host, request("r1"), "g1", False)
    assert host.text(RULES) == "flush ruleset\n"
    assert host.stat("/etc/new.d") is None


def test_where_no_guard_is_known() -> None:
    host = FakeHost()
    for act in (commit_confirm.confirm, commit_confirm.revert):
        answer = act(host, GuardRequest("g1"), False)
        assert (answer.failed, answer.guard["state"]) == (True, "none")
        assert "No guard g1 is known" in answer.msg
        assert not act(host, GuardRequest("g1"), True).failed  # in check mode nothing was armed
    assert not commit_confirm.status(host, GuardRequest()).failed
    assert host.operations == []


def test_check_mode_changes_nothing() -> None:
    host = FakeHost()
    assert commit_confirm.arm(host, GuardRequest("g1", (RULES,)), True).changed
    assert host.operations == []
    host = armed_host()
    change(host)
    operations = len(host.operations)
    assert commit_confirm.revert(host, GuardRequest(), True).changed
    assert not commit_confirm.confirm(host, GuardRequest(), True).failed
    assert len(host.operations) == operations


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        pytest.param({"paths": ()}, "names nothing to restore", id="no path"),
        pytest.param({"paths": ("etc/x",)}, "Guarding etc/x", id="relative"),
        pytest.param({"paths": ("/",)}, "Guarding /", id="everything"),
        pytest.param({"paths": ("/etc/../x",)}, "plain absolute path", id="dots"),
        pytest.param({"paths": ("/proc/1/mem",)}, "plain absolute path", id="the kernel's"),
        pytest.param({"paths": ("/proc/sys/../1/mem",)}, "plain absolute path", id="the kernel's by a detour"),
        pytest.param({"paths": ("/var/lib/healthops",)}, "has what takes the change back", id="our own"),
        pytest.param({"paths": ("/var/lib/healthops/x",)}, "has what takes the change back", id="in our own"),
        pytest.param({"paths": ("/var/lib",)}, "/var/lib/healthops has what takes", id="around our own"),
        pytest.param({"paths": ("/run",)}, "/run/healthops has what takes", id="around our lock"),
        pytest.param({"paths": ("/var/cache",)}, "/var/cache/healthops has what takes", id="around our code"),
        pytest.param({"paths": ("/etc/a:b",)}, "plain absolute path", id="colon"),
        pytest.param({"paths": (RULES,), "commands": ("nft-of-my-own -f x",)}, "no such program", id="unknown program"),
        pytest.param({"paths": (RULES,), "commands": ("",)}, "no such program", id="no command"),
        pytest.param(
            {"paths": (RULES,), "commands": ("echo 'a",)}, "a quote or a backslash in it has no end", id="quotes"
        ),
        pytest.param({"paths": (RULES,), "confirm_within": 5}, "not between 10 and 3600", id="too short"),
    ],
)
@pytest.mark.parametrize("check", [True, False], ids=["check", "run"])
def test_bad_wishes_are_refused_before_anything_is_done(asked: dict[str, Any], message: str, check: bool) -> None:
    host = FakeHost()
    host.add_file(RULES)
    with pytest.raises(ClinicalError, match=message):
        commit_confirm.arm(host, GuardRequest("g1", **asked), check)
    assert host.operations == []


def test_arming_that_fails_leaves_nothing_armed() -> None:
    host = FakeHost()
    host.add_file(RULES)
    host.programs.remove("systemd-run")
    with pytest.raises(ClinicalError, match="systemd-run"):
        commit_confirm.arm(host, GuardRequest("g1", (RULES,)), False)
    assert record.armed(host) is None
    assert alarms(host) == []
    assert _baseline.enforce(host, request("e1", "banner")).warnings == []  # nor does it count as a run that was cut


def test_with_a_reason_a_run_is_taken_back_that_nothing_guards() -> None:
    host = dirty_host()
    before = host.state()
    _baseline.enforce(host, request("e1", "sysctl", "banner"))
    assert commit_confirm.revert(host, GuardRequest("e1"), False).failed
    wish = GuardRequest("e1", why="the controller cannot reach tcp 80 any more")
    assert not commit_confirm.revert(host, wish, True).changed  # check mode takes nothing back
    answer = commit_confirm.revert(host, wish, False)
    assert (answer.failed, answer.changed) == (False, True)
    assert (answer.guard["state"], answer.guard["why"]) == ("reverted", "the controller cannot reach tcp 80 any more")
    assert host.state() == before
    assert alarms(host) == []


def test_a_reason_makes_no_run() -> None:
    assert commit_confirm.revert(dirty_host(), GuardRequest("nosuch", why="x"), False).failed


def test_check_mode_refuses_what_could_not_be_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keeps the run from reading what it guards keeps check mode from it as well."""
    host = FakeHost()
    host.add_file(RULES, "flush ruleset\n")
    before, refused = host.state(), []

    def broken(path: str, *_args: Any) -> bytes:
        raise ClinicalError("Reading", path, "Input/output error")

    monkeypatch.setattr(host, "read", broken)
    for check in (True, False):
        with pytest.raises(ClinicalError, match="Input/output error") as caught:
            commit_confirm.arm(host, GuardRequest("g1", (RULES,)), check)
        refused.append(str(caught.value))
    assert refused[0] == refused[1]
    assert host.state() == before


def test_a_confirmation_warns_of_what_could_not_be_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    host = armed_host()
    monkeypatch.setattr(commit_confirm.break_glass, "problems", lambda *_args: [])
    monkeypatch.setattr(commit_confirm.break_glass, "warnings", lambda _host, users, _login: [f"try {users[0]}"])
    answer = confirm(host, break_glass_users=("rescue",))
    assert (answer.guard["state"], answer.warnings) == ("confirmed", ["try rescue"])
