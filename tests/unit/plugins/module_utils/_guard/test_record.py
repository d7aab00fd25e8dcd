# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A guarded run on a fake host: armed before it is needed, confirmed or taken back, never in between."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from typing import Any, Dict

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, run_store
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm, break_glass, record, reverter
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import CONFIRMED
from dirty_host import dirty_host, request
from fake_host import FakeHost, Killed
from guarded import DROP_IN, alarms, guarded_host, guarded_request, is_at_risk


def enforced(host: FakeHost, **more: Any) -> _baseline.Report:
    return _baseline.enforce(host, guarded_request(**more))


def taken_back(host: FakeHost) -> record.Guard:
    guard = record.armed(host)
    assert guard is not None
    return reverter.take_back(host, guard, "nobody confirmed it").guard


def confirmed_host() -> FakeHost:
    """A host that keeps its guarded change, because somebody confirmed it."""
    host = guarded_host()
    enforced(host)
    guard = record.armed(host)
    assert guard is not None
    record.end(host, guard, CONFIRMED, "a fresh login worked")
    return host


def untouched() -> Dict[str, Any]:
    return guarded_host().state()


def test_a_guarded_change_is_armed_and_says_until_when() -> None:
    host = guarded_host()
    report = enforced(host)
    assert report.guard["state"] == "armed"
    assert (report.guard["run_id"], report.guard["within"], report.guard["seconds_left"]) == ("e1", 120, 120)
    assert f"{alarm.NAME}.timer" in host.units
    assert host.stat(alarm.BOOT_LINK) is not None
    assert "--on-active=120s" in next(argv for argv in host.runs if argv[0] == "systemd-run")
    assert f"ExecStart={' '.join(alarm.command())} --boot" in host.text(alarm.BOOT_UNIT)


def test_the_guarded_comes_last_and_the_alarm_just_before_it() -> None:
    host = guarded_host()
    enforced(host)
    order = [
        next(n for n, told in enumerate(host.operations) if word in told)
        for word in ("set net", "systemd-run", DROP_IN)
    ]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("kinds", "within"), [(("sysctl",), 120), (("sshd",), 0)], ids=["nothing guarded", "no login at stake"]
)
def test_what_needs_no_guard_does_not_pay_for_it(kinds: tuple[str, ...], within: int) -> None:
    host = dirty_host()
    report = _baseline.enforce(host, request("e1", *kinds, confirm_within=within))
    assert report.guard["state"] == "none"
    assert alarms(host) == []
    assert not [argv for argv in host.runs if argv[0] in ("systemd-run", "getent")]


def test_a_second_run_that_changes_nothing_arms_nothing() -> None:
    host = confirmed_host()
    assert alarms(host) == []
    operations = len(host.operations)
    assert enforced(host, run_id="e2").guard["state"] == "none"
    assert len(host.operations) == operations


def test_an_audit_arms_nothing() -> None:
    host = guarded_host()
    assert _baseline.audit(host, guarded_request()).guard["state"] == "none"
    assert host.operations == []


def test_taken_back_is_as_it_was() -> None:
    host = guarded_host()
    enforced(host)
    ended = taken_back(host)
    assert (ended.state, ended.why) == ("reverted", "nobody confirmed it")
    assert host.state() == untouched()
    assert alarms(host) == []


def test_a_daemon_that_the_change_brought_down_is_started_again() -> None:
    host = guarded_host()
    enforced(host)
    host.units["ssh.service"].active = False
    taken_back(host)
    assert host.units["ssh.service"].active


def test_a_reboot_leaves_no_time() -> None:
    host = guarded_host()
    enforced(host)
    host.add_file("/proc/sys/kernel/random/boot_id", "boot-2\n")
    guard = record.armed(host)
    assert guard is not None
    assert record.seconds_left(host, guard) == 0


def test_the_clock_on_the_wall_does_not_matter() -> None:
    host = guarded_host()
    enforced(host)
    guard = record.armed(host)
    assert guard is not None
    for jump in (-86400 * 400, 86400 * 400):
        host.set_clock(1_800_000_000 + jump)
        assert record.seconds_left(host, guard) == 120


def test_without_systemd_a_process_waits() -> None:
    host = guarded_host()
    del host.nodes["/run/systemd/system"]
    report = enforced(host)
    assert report.guard["survives_reboot"] is False
    assert host.spawned == [(*alarm.command(), "--wait")]
    assert host.stat(alarm.BOOT_UNIT) is None
    taken_back(host)
    assert alarms(host) == []


@pytest.mark.parametrize("program", ["systemd-run", "python"])
def test_what_cannot_be_guarded_is_not_changed(program: str) -> None:
    host = guarded_host()
    ready = (*alarm.command(), "--ready")
    answer = CommandResult((), 1, "", "no such thing")
    if program == "python":
        host.answers[ready] = answer
    else:
        host.programs.remove(program)
    report = enforced(host)
    told = {finding["id"]: (finding["result"], finding["reason"]) for finding in report.findings}
    assert told["sysctl_1"][0] == "fixed"
    assert told["sshd_1"][0] == "error"
    assert DROP_IN not in host.nodes
    assert alarms(host) == []
    assert report.guard["state"] == "none"


def test_a_guarded_group_that_fails_leaves_nothing_armed() -> None:
    host = guarded_host()
    host.answers[("sshd", "-t")] = CommandResult(("sshd", "-t"), 255, "", "Bad configuration option")
    report = enforced(host)
    assert report.guard["state"] == "confirmed"
    assert "nothing that it guarded" in report.guard["why"]
    assert alarms(host) == []


def test_a_bad_break_glass_account_is_found_before_anything_is_changed() -> None:
    host = guarded_host()
    before = host.state()
    with pytest.raises(ClinicalError, match=r"nobody-here.*nothing was changed"):
        enforced(host, break_glass_users=("nobody-here",))
    assert host.state() == before


def test_check_mode_foretells_that_a_bad_break_glass_account_will_have_the_run_refused() -> None:
    host = guarded_host()
    (warning,) = _baseline.audit(host, guarded_request(break_glass_users=("nobody-here",))).warnings
    assert warning.startswith("A run would be refused and change nothing: break-glass account nobody-here: ")
    assert host.operations == []
    assert _baseline.audit(host, guarded_request(within=0, break_glass_users=("nobody-here",))).warnings == []
    assert _baseline.audit(host, request("a1", "sysctl", break_glass_users=("nobody-here",))).warnings == []


def test_check_mode_foretells_what_a_confirmation_could_not_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(break_glass, "problems", lambda *_args: [])
    monkeypatch.setattr(break_glass, "warnings", lambda _host, users, _login: [f"try {users[0]}"])
    host = guarded_host()
    assert _baseline.audit(host, guarded_request(break_glass_users=("rescue",))).warnings == ["try rescue"]
    assert _baseline.audit(host, guarded_request(within=0, break_glass_users=("rescue",))).warnings == []


def test_check_mode_of_a_revert_foretells_it_too() -> None:
    host = guarded_host()
    enforced(host)
    guard = record.armed(host)
    assert guard is not None
    record.end(host, guard, CONFIRMED, "a fresh login worked")
    wanted = guarded_request("r1", break_glass_users=("nobody-here",))
    (warning,) = _baseline.revert(host, wanted, "e1", check=True).warnings
    assert "refused and change nothing: break-glass account nobody-here: " in warning


@pytest.mark.parametrize("within", [1, 9, 3601, -5])
def test_a_time_that_is_no_use_is_refused(within: int) -> None:
    host = guarded_host()
    with pytest.raises(ClinicalError, match="not between 10 and 3600"):
        enforced(host, within=within)
    assert host.operations == []


def test_a_damaged_record_counts_as_armed_while_there_is_an_alarm() -> None:
    host = guarded_host()
    enforced(host)
    host.nodes["/var/lib/healthops/journal/e1/guard"].content = b"0123456789abcdef {}\n"
    taken_back(host)
    assert host.state() == untouched()
    assert record.armed(host) is None


def test_a_guarded_revert_that_nobody_confirms_is_taken_back_too() -> None:
    host = confirmed_host()
    hardened = host.state()
    report = _baseline.revert(host, request("r1", confirm_within=60), "", False)
    assert report.guard["state"] == "armed"
    assert host.state()["files"] != hardened["files"]
    taken_back(host)
    assert host.state() == hardened
    assert _baseline.revert(host, request("r2"), "e1", True).restored  # the first run holds again


def test_a_guarded_revert_that_fails_in_part_does_not_stay_half_done() -> None:
    host = confirmed_host()
    hardened = host.state()
    host.fixed_keys.add("net.ipv4.conf.all.send_redirects")
    with pytest.raises(ClinicalError, match="The host is as it was before this revert"):
        _baseline.revert(host, request("r1", confirm_within=60), "", False)
    host.fixed_keys.clear()
    assert host.state() == hardened
    assert alarms(host) == []


# --- killed ---


def _length(host: FakeHost) -> int:
    enforced(host)
    return len(host.operations)


def test_killed_at_any_operation_it_is_never_at_risk_without_an_alarm() -> None:
    before = untouched()
    for number in range(1, _length(guarded_host()) + 1):
        host = guarded_host()
        host.strike(number, "killed")
        with pytest.raises(Killed):
            enforced(host)
        host.fault = None
        guard = record.armed(host)
        if is_at_risk(host):
            assert guard is not None, host.operations[-1]
            assert f"{alarm.NAME}.timer" in host.units
            assert host.stat(alarm.BOOT_LINK) is not None
        if guard is not None:
            reverter.take_back(host, guard, "nobody confirmed it")
            assert host.state() == before, host.operations[-1]
            assert alarms(host) == []
            assert host.leftovers() == []


def test_a_revert_that_is_killed_at_any_operation_is_completed_by_the_next() -> None:
    armed = guarded_host()
    enforced(armed)
    whole = deepcopy(armed)
    taken_back(whole)
    before = untouched()
    for number in range(1, len(whole.operations) - len(armed.operations) + 1):
        host = deepcopy(armed)
        host.strike(number, "killed")
        with pytest.raises(Killed):
            taken_back(host)
        host.fault = None
        if record.armed(host) is None:  # only the tidying up was cut: the alarm goes off once more and does it
            alarm.clear(host)
        else:
            taken_back(host)
        assert host.state() == before, whole.operations[len(armed.operations) + number - 1]
        assert alarms(host) == []
        assert host.leftovers() == []


def test_a_disk_that_is_full_does_not_stop_the_way_back_for_good() -> None:
    armed = guarded_host()
    enforced(armed)
    for number in range(1, 30):
        host = deepcopy(armed)
        host.strike(number, "ENOSPC", lasting=True)
        try:
            taken_back(host)
        except ClinicalError:
            host.fault = None
            taken_back(host)
        host.fault = None
        assert host.state() == untouched()
        assert record.armed(host) is None


def test_a_full_disk_at_any_operation_of_the_run_leaves_nothing_at_risk() -> None:
    for number in range(1, _length(guarded_host()) + 1):
        host = guarded_host()
        host.strike(number, "ENOSPC", lasting=True)
        with contextlib.suppress(ClinicalError):
            enforced(host)
        host.fault = None
        assert not is_at_risk(host) or record.armed(host) is not None, number


def test_a_guard_that_cannot_be_armed_anew_stays_as_it_ended() -> None:
    host = guarded_host()
    enforced(host)
    guard = record.armed(host)
    assert guard is not None
    ended = record.end(host, guard, CONFIRMED, "a fresh login worked")
    host.programs.discard("systemd-run")
    with pytest.raises(ClinicalError):
        record.arm(host, "e1", record.GuardTerms(10))
    assert record.load(host, "e1") == ended
    assert alarms(host) == []


def test_a_guard_of_a_newer_release_is_refused_in_words() -> None:
    host = guarded_host()
    enforced(host)
    guard = record.armed(host)
    assert guard is not None
    path = f"{journal.JOURNAL}/{guard.run_id}/guard"
    known = run_store.unline(host.nodes[path].content.rstrip(b"\n"))
    assert known is not None
    host.nodes[path].content = run_store.line({**known, "quorum": 2})
    with pytest.raises(ClinicalError, match="a newer release of this collection wrote it; the key 'quorum'"):
        record.load(host, guard.run_id)
