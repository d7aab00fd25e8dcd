# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers for its next boot of a change that was confirmed, and when it forgets it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, run_store
from ansible_collections.healthops.clinical.plugins.module_utils._guard import boot_watch, commit_confirm, record
from ansible_collections.healthops.clinical.plugins.module_utils._guard.commit_confirm import GuardRequest
from ansible_collections.healthops.clinical.plugins.module_utils._host import login as ssh_login
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection, Login
from fake_host import FakeHost
from guarded import guarded_host, guarded_request

LOGIN = Login(10**9, Connection(client="192.0.2.7", server="192.0.2.1", port=22))
PLACES = (boot_watch.UNIT, boot_watch.LINK, boot_watch.PROGRAM, boot_watch.RECORD)


@pytest.fixture(autouse=True)
def logged_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every process lives in a fresh login over SSH."""
    monkeypatch.setattr(ssh_login, "own_login", lambda host: LOGIN)


def confirm(host: FakeHost, run_id: str, **more: Any) -> dict[str, Any]:
    return commit_confirm.confirm(host, GuardRequest(run_id=run_id, **more), False).guard


def confirmed(**more: Any) -> FakeHost:
    host = guarded_host()
    _baseline.enforce(host, guarded_request())
    confirm(host, "e1", **more)
    return host


def boot(host: FakeHost) -> None:
    host.add_file("/proc/sys/kernel/random/boot_id", "boot-2\n")


def laid_out(host: FakeHost) -> list[str]:
    return [path for path in PLACES if host.stat(path) is not None]


def test_the_next_boot_after_a_confirmed_change_is_awaited_and_the_record_of_the_guard_says_so() -> None:
    host = confirmed()
    watch = boot_watch.load(host)
    assert watch is not None
    assert (watch.runs, watch.client, watch.server, watch.port) == (("e1",), "192.0.2.7", "192.0.2.1", 22)
    assert watch.login.connection == LOGIN.connection
    assert watch.network, "kernel values of the network were changed"
    assert laid_out(host) == list(PLACES)
    assert f"ExecStart={' '.join(boot_watch.command())}" in host.text(boot_watch.UNIT)
    guard = record.load(host, "e1")
    assert guard is not None
    assert guard.why == "a fresh login worked; the host looks again after its next boot"
    assert not boot_watch.is_due(host, watch)
    boot(host)
    assert boot_watch.is_due(host, watch)


def test_where_nobody_wants_it_nothing_is_laid_out() -> None:
    host = confirmed(watch_next_boot=False)
    assert (laid_out(host), host.stat(boot_watch.FOLDER)) == ([], None)


@pytest.mark.parametrize("lacking", ["systemd", "login"])
def test_without_systemd_or_a_login_nothing_is_laid_out(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = guarded_host()
    if lacking == "systemd":
        del host.nodes["/run/systemd/system"]
    else:
        monkeypatch.setattr(ssh_login, "own_login", lambda host: None)
    _baseline.enforce(host, guarded_request())
    guard = confirm(host, "e1")
    assert (guard["why"], laid_out(host)) == ("a fresh login worked", [])


def test_a_run_that_is_taken_back_before_the_boot_is_not_looked_at() -> None:
    host = confirmed()
    _baseline.revert(host, guarded_request("r1"), "e1", False)
    confirm(host, "r1")
    assert laid_out(host) == []


def test_a_run_that_is_taken_back_without_a_guard_is_forgotten_too() -> None:
    host = confirmed()
    _baseline.revert(host, guarded_request("r1", within=0), "e1", False)
    run = next(run for run in journal.runs(host) if run.run_id == "e1")
    assert run.reverted_by == "r1"
    assert laid_out(host) == []


def test_while_one_of_two_runs_stands_the_boot_is_awaited() -> None:
    host = confirmed()
    commit_confirm.arm(host, GuardRequest("g2", ("/etc/nftables.conf",)), False)
    confirm(host, "g2")
    _baseline.revert(host, guarded_request("r1", within=0), "g2", False)
    assert laid_out(host) == list(PLACES)


def test_runs_that_no_boot_has_followed_yet_are_looked_at_together() -> None:
    host = confirmed()
    commit_confirm.arm(host, GuardRequest("g2", ("/etc/nftables.conf",)), False)
    confirm(host, "g2")
    watch = boot_watch.load(host)
    assert watch is not None
    assert watch.runs == ("e1", "g2")


def test_a_login_of_a_later_boot_ends_it_and_one_of_the_same_boot_does_not() -> None:
    host = confirmed()
    boot_watch.settle(host)
    assert laid_out(host) == list(PLACES)
    boot(host)
    boot_watch.settle(host)
    assert (laid_out(host), host.stat(boot_watch.FOLDER)) == ([], None)


def test_a_later_boot_without_a_login_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = confirmed()
    boot(host)
    monkeypatch.setattr(ssh_login, "own_login", lambda host: None)
    boot_watch.settle(host)
    assert laid_out(host) == list(PLACES)


def test_a_host_that_awaits_no_boot_is_asked_one_thing_and_left_alone() -> None:
    host = FakeHost()
    boot_watch.settle(host)
    boot_watch.clear(host)
    assert (host.operations, host.runs) == ([], [])


@pytest.mark.parametrize("content", [b"{", run_store.line({"runs": ["e1"], "quorum": 2})], ids=["damaged", "newer"])
def test_a_record_that_cannot_be_read_awaits_nothing(content: bytes) -> None:
    host = confirmed()
    host.nodes[boot_watch.RECORD].content = content
    assert boot_watch.load(host) is None
