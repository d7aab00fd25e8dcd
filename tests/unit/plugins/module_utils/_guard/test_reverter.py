# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverter as a program: when it acts, and how it asks systemd while the system starts."""

from __future__ import annotations

import contextlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, List, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import lock
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.kernel import KernelValue
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm, record, reverter
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import CONFIRMED, REVERTED
from fake_host import FakeHost
from fake_programs import FakeUnit
from guarded import alarms, guarded_host, guarded_request

REAL_LOCK = lock.held


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """A host with an armed guard, on which the reverter is started; its naps pass the time."""
    fake = guarded_host()
    _baseline.enforce(fake, guarded_request())
    monkeypatch.setattr(reverter, "RealHost", lambda: fake)
    monkeypatch.setattr(lock, "held", lambda *args, **kwargs: nullcontext())
    return fake


def before() -> Any:
    return guarded_host().state()


def test_it_waits_until_the_time_is_over(host: FakeHost, capsys: pytest.CaptureFixture[str]) -> None:
    began = host.uptime
    assert reverter.main([]) == 0
    assert host.uptime - began == 120
    assert host.state() == before()
    assert "taken back: nobody confirmed it within 120 s" in capsys.readouterr().out


def test_it_goes_home_when_the_change_is_confirmed_meanwhile(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def confirm(_seconds: float) -> None:
        guard = record.armed(host)
        assert guard is not None
        record.end(host, guard, CONFIRMED, "a fresh login worked")

    monkeypatch.setattr(host, "sleep", confirm)
    hardened = host.state()["files"]["/etc/ssh/sshd_config.d/00-healthops.conf"]
    assert reverter.main([]) == 0
    assert host.state()["files"]["/etc/ssh/sshd_config.d/00-healthops.conf"] == hardened
    assert alarms(host) == []


def test_a_time_that_begins_anew_is_waited_for(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run was still at work when its time was over, held the lock, and then set the time anew."""
    renewals: List[int] = []

    def held(*args: Any, **kwargs: Any) -> Any:
        guard = record.armed(host)
        if guard is not None and not renewals:
            renewals.append(1)
            record.renew(host, guard)
        return nullcontext()

    monkeypatch.setattr(lock, "held", held)
    began = host.uptime
    assert reverter.main([]) == 0
    assert host.uptime - began == 240


@pytest.mark.parametrize("option", ["--now", "--boot"])
def test_at_once(host: FakeHost, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverter, "BootingHost", lambda: host)
    monkeypatch.setattr(reverter, "_reason", lambda *args: "it was asked for")
    began = host.uptime
    if option == "--boot":
        del host.units[alarm.TIMER]  # transient units do not survive a reboot
    assert reverter.main([option]) == 0
    assert host.uptime == began
    assert host.state() == before()
    assert alarms(host) == []


def test_at_boot_a_timer_stands_by_should_it_fail(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reverter, "BootingHost", lambda: host)
    del host.units[alarm.TIMER]
    monkeypatch.setattr(reverter, "take_back", _refuse)
    monkeypatch.setattr(reverter, "_reason", lambda *args: "it was asked for")
    assert reverter.main(["--boot"]) == 1
    assert alarm.TIMER in host.units
    assert record.armed(host) is not None


def test_a_process_of_its_own_tries_until_it_succeeds(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, tries = reverter.take_back, []

    def fails_twice(*args: Any) -> reverter.TakenBack:
        tries.append(1)
        return whole(*args) if len(tries) > 2 else _refuse()

    monkeypatch.setattr(reverter, "take_back", fails_twice)
    assert reverter.main(["--wait"]) == 0
    assert len(tries) == 3
    assert host.state() == before()


def test_one_try_of_the_timer_that_fails_says_so(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reverter, "take_back", _refuse)
    assert reverter.main([]) == 1
    assert "Taking back this" in capsys.readouterr().err
    assert record.armed(host) is not None


def _refuse(*args: Any) -> Any:
    raise ClinicalError("Taking back", "this", "the disk is full")


@pytest.mark.parametrize(
    ("argv", "asked"),
    [
        (
            ["systemctl", "--no-ask-password", "start", "x"],
            ["systemctl", "--no-block", "--no-ask-password", "start", "x"],
        ),
        (["/usr/bin/systemctl", "reload", "x"], ["/usr/bin/systemctl", "--no-block", "reload", "x"]),
        (["systemctl", "show", "x"], ["systemctl", "show", "x"]),
        (["nft", "-f", "start"], ["nft", "-f", "start"]),
    ],
)
def test_while_the_system_starts_no_job_is_waited_for(
    argv: List[str], asked: List[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: List[Sequence[str]] = []

    def run(self: RealHost, argv: Sequence[str], *args: Any) -> CommandResult:
        seen.append(argv)
        return CommandResult(tuple(argv), 0, "", "")

    monkeypatch.setattr(RealHost, "run", run)
    reverter.BootingHost().run(argv)
    assert seen == [asked]


def lock_held_by(
    holder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> contextlib.AbstractContextManager[None]:
    """A real lock that somebody else holds, and a reverter that does not wait long for it."""
    path = str(tmp_path / "baseline.lock")
    monkeypatch.setattr(reverter, "PATIENCE", 0.0)
    monkeypatch.setattr(lock, "held", lambda run_id, patience: REAL_LOCK(run_id, path, patience))
    return REAL_LOCK(holder, path)


def test_a_due_change_does_not_wait_for_the_run_of_somebody_else(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with lock_held_by("a-patch-run-of-hours", tmp_path, monkeypatch):
        assert reverter.main([]) == 0
    assert host.state() == before()
    assert "run a-patch-run-of-hours" in capsys.readouterr().out


@pytest.mark.parametrize("holder", ["e1", "the guard"])
def test_the_run_itself_and_whoever_settles_it_are_waited_for(
    host: FakeHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, holder: str
) -> None:
    hardened = host.state()
    with lock_held_by(holder, tmp_path, monkeypatch):
        assert reverter.main([]) == 1
    assert host.state() == hardened


def with_socket(host: FakeHost) -> None:
    """Have systemd hold the port, as Debian does where ssh.socket is enabled."""
    host.units["ssh.socket"] = FakeUnit(active=True)


def test_taking_back_leaves_an_ssh_server_alive_whose_socket_systemd_holds(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_socket(host)
    assert reverter.main(["--now"]) == 0
    assert host.units["ssh.service"].active
    assert "systemctl restart ssh.service" in host.operations


def test_a_socket_that_went_down_is_started_before_the_service_that_took_its_port(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.units["ssh.socket"] = FakeUnit(active=False)
    guard = record.armed(host)
    assert guard is not None
    running = replace(guard, running=("ssh.service", "ssh.socket"))
    assert reverter.take_back(host, running, "a test").guard.state == REVERTED
    assert host.units["ssh.socket"].active
    assert host.units["ssh.service"].active


def test_a_defect_in_one_step_ends_neither_the_others_nor_the_reloads(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a subject raises: to read it, to put it back, or to look at it."""
    ours = [path for path in host.nodes if path.endswith("healthops.conf")]
    assert len(ours) == 2
    for name in ("capture", "put", "sweep"):
        monkeypatch.setattr(KernelValue, name, lambda *_args: dict[str, str]()["a short line"])
    assert reverter.main(["--now"]) == 1
    assert "KeyError" in capsys.readouterr().err
    assert [path for path in ours if path in host.nodes] == []
    assert any(operation.endswith(" ssh.service") for operation in host.operations[-5:])
    assert record.armed(host) is not None
