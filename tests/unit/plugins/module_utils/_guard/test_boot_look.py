# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host after its boot: it takes back only what shut everybody out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, lock
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import (
    boot_look,
    boot_watch,
    commit_confirm,
    record,
    ways_in,
)
from ansible_collections.healthops.clinical.plugins.module_utils._guard.commit_confirm import GuardRequest
from ansible_collections.healthops.clinical.plugins.module_utils._guard.exclusive import settled
from ansible_collections.healthops.clinical.plugins.module_utils._host import login as ssh_login
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection, Login
from fake_host import FakeHost
from fake_programs import FakeUnit
from fake_sockets import hush, listen
from guarded import DROP_IN, guarded_host, guarded_request

LOGIN = Login(10**9, Connection(client="192.0.2.7", server="192.0.2.1", port=22))
ROUTE = ("ip", "route", "get", "192.0.2.7")
ENABLED = "/etc/systemd/system/multi-user.target.wants/ssh.service"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host that was started again after a change was confirmed; nobody has logged in since, and all is well."""
    made = guarded_host()
    made.programs |= {"ip"}
    monkeypatch.setattr(lock, "held", lambda *args, **kwargs: nullcontext())
    monkeypatch.setattr(ssh_login, "own_login", lambda host: LOGIN)
    monkeypatch.setattr(ways_in, "account_troubles", lambda host, users, login, day: [])
    made.add_link(ENABLED, "/lib/systemd/system/ssh.service")
    listen(made, 22, 700, "ssh.service", "sshd")
    made.add_file("/sys/class/net/eth0/carrier", "1\n")
    made.answers[ROUTE] = CommandResult(ROUTE, 0, "192.0.2.7 via 192.0.2.254 dev eth0\n", "")
    _baseline.enforce(made, guarded_request())
    commit_confirm.confirm(made, GuardRequest(run_id="e1"), False)
    made.add_file("/proc/sys/kernel/random/boot_id", "boot-2\n")
    return made


def no_route(host: FakeHost) -> None:
    host.answers[ROUTE] = CommandResult(ROUTE, 2, "", "RTNETLINK answers: Network is unreachable")


def is_forgotten(host: FakeHost) -> bool:
    return host.stat(boot_watch.FOLDER) is None and host.stat(boot_watch.LINK) is None


def test_a_host_that_is_well_is_done_within_a_minute_and_keeps_its_change(host: FakeHost) -> None:
    began = host.uptime
    assert boot_look.examine(host) == "People get in."
    assert host.uptime - began < 61
    assert is_forgotten(host)
    assert DROP_IN in host.nodes


def test_before_the_boot_there_is_nothing_to_look_at(host: FakeHost) -> None:
    watch = boot_watch.load(host)
    assert watch is not None
    host.add_file("/proc/sys/kernel/random/boot_id", f"{watch.boot_id}\n")
    assert boot_look.examine(host) == "There is nothing to look at."
    assert not is_forgotten(host)


@pytest.mark.parametrize(
    ("shut", "reason"),
    [
        pytest.param(lambda host: hush(host, 22), "nothing listens on tcp 22", id="sshd"),
        pytest.param(no_route, "there is no route to 192.0.2.7: RTNETLINK answers: Network is unreachable", id="route"),
    ],
)
def test_what_shuts_everybody_out_is_taken_back_after_half_an_hour_and_told(
    host: FakeHost, shut: Callable[[FakeHost], None], reason: str
) -> None:
    shut(host)
    began = host.uptime
    outcome = boot_look.examine(host)
    assert host.uptime - began >= boot_look.PATIENCE
    assert outcome == f"Taken back: e1. And yet: {reason}."
    assert DROP_IN not in host.nodes
    assert is_forgotten(host)
    (warning,) = settled(host, "e2")
    assert f"after the next boot nobody got in for 30 minutes: {reason}" in warning


def test_all_accounts_refused_is_taken_back_and_one_that_gets_in_is_enough(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways_in, "account_troubles", lambda *_arguments: ["automation: refused", "breakglass: refused"])
    assert "automation: refused; breakglass: refused" in boot_look.examine(host)
    assert DROP_IN not in host.nodes


def test_pam_that_let_somebody_in_at_the_confirmation_has_to_let_somebody_in_now(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways_in, "is_admitted", lambda host, user: False)
    watch = boot_watch.load(host)
    assert watch is not None
    assert watch.admitted
    assert "PAM lets none of root in" in boot_look.examine(host)


def test_a_login_ends_the_wait_whatever_the_host_thinks_of_itself(host: FakeHost) -> None:
    hush(host, 22)
    host.add_file("/proc/900/cmdline", "sshd: alice@pts/0\0")
    host.add_file("/proc/900/comm", "sshd\n")
    assert boot_look.examine(host) == "People get in."
    assert DROP_IN in host.nodes


@pytest.mark.parametrize("how", ["disabled", "masked"])
def test_an_ssh_server_that_somebody_has_switched_off_is_no_reason(host: FakeHost, how: str) -> None:
    hush(host, 22)
    del host.nodes[ENABLED]
    if how == "masked":
        host.add_link("/etc/systemd/system/ssh.service", "/dev/null")
        host.units["ssh.service"].masked = True
    assert boot_look.examine(host).startswith("No SSH server is started on this host any more")
    assert DROP_IN in host.nodes
    assert is_forgotten(host)


def test_a_cable_that_is_out_is_no_reason(host: FakeHost) -> None:
    no_route(host)
    host.add_file("/sys/class/net/eth0/carrier", "0\n")
    assert boot_look.examine(host) == "People get in."


def test_a_route_counts_only_where_a_run_touched_the_network(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    no_route(host)
    monkeypatch.setattr(boot_watch, "_NETWORK", ("nothing of the kind",))
    commit_confirm.arm(host, GuardRequest("g2", ("/etc/motd",)), False)
    boot_watch.clear(host)
    commit_confirm.confirm(host, GuardRequest(run_id="g2"), False)
    host.add_file("/proc/sys/kernel/random/boot_id", "boot-3\n")
    assert boot_look.examine(host) == "People get in."


def test_one_run_after_the_other_goes_back_until_people_get_in(host: FakeHost) -> None:
    host.add_file("/proc/sys/kernel/random/boot_id", "boot-1\n")
    host.add_file("/etc/motd", "old\n")
    commit_confirm.arm(host, GuardRequest("g2", ("/etc/motd",)), False)
    host.add_file("/etc/motd", "new\n")
    commit_confirm.confirm(host, GuardRequest(run_id="g2"), False)
    host.add_file("/proc/sys/kernel/random/boot_id", "boot-2\n")
    hush(host, 22)
    sleep, pauses = host.sleep, iter(range(100))

    def back_with_the_motd(seconds: float) -> None:
        sleep(seconds)
        if host.text("/etc/motd") == "old\n" and next(pauses) == 3:  # a server takes its time
            listen(host, 22, 700, "ssh.service", "sshd")

    host.sleep = back_with_the_motd  # type: ignore[method-assign]
    assert boot_look.examine(host) == "Taken back: g2. People get in."
    assert DROP_IN in host.nodes


def test_a_run_that_the_journal_has_forgotten_is_left(host: FakeHost) -> None:
    hush(host, 22)
    for path in [path for path in host.nodes if path.startswith(f"{journal.JOURNAL}/e1")]:
        del host.nodes[path]
    outcome = boot_look.examine(host)
    assert outcome == "Taken back: nothing, no run stands any more. And yet: nothing listens on tcp 22."
    assert is_forgotten(host)


def test_a_run_that_was_taken_back_meanwhile_is_not_looked_at(host: FakeHost) -> None:
    hush(host, 22)
    _baseline.revert(host, guarded_request("r1", within=0), "e1", False)
    assert boot_look.examine(host) == "There is nothing to look at."


def test_what_went_down_is_started_again_by_the_unit_that_the_boot_would_start(host: FakeHost) -> None:
    host.units["ssh.socket"] = FakeUnit(active=False)
    host.units["ssh.service"].active = False
    hush(host, 22)
    boot_look.examine(host)
    assert (host.units["ssh.service"].active, host.units["ssh.socket"].active) == (True, False)


def test_a_boot_that_ended_in_emergency_mode_goes_on_once_the_run_is_back(host: FakeHost) -> None:
    host.units["emergency.target"] = FakeUnit(active=True)
    host.units["ssh.service"].active = False
    hush(host, 22)
    boot_look.examine(host)
    asked = [argv for argv in host.runs if argv[0] == "systemctl" and argv[-1] in ("daemon-reload", "default")]
    assert asked[-2:] == [
        ("systemctl", "--no-ask-password", "daemon-reload"),
        ("systemctl", "--no-ask-password", "--no-block", "default"),
    ]
    assert not host.units["ssh.service"].active, "started while what it needs had failed"
    assert DROP_IN not in host.nodes


def test_the_program_says_what_it_did(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(boot_look, "RealHost", lambda: host)
    assert boot_look.main([]) == 0
    assert capsys.readouterr().out == "People get in.\n"


def test_a_look_that_fails_is_made_again_at_the_next_boot(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object) -> None:
        raise ClinicalError("Taking back", "e1", "the disk is full")

    hush(host, 22)
    monkeypatch.setattr(boot_look, "RealHost", lambda: host)
    monkeypatch.setattr(boot_look.reverter, "take_back_now", refuse)
    assert boot_look.main([]) == 1
    assert "the disk is full" in capsys.readouterr().err
    assert not is_forgotten(host)
    assert record.armed(host) is None
