# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking back what nobody confirmed; also a program of its own, started by the alarm.

revert.pyz             take the armed change back once its time is over
revert.pyz --now       take it back at once
revert.pyz --boot      the same, while the system starts
revert.pyz --wait      like the first, and again until it has succeeded
revert.pyz --ready     only show that it can start
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TextIO

from .._change import apply as changes
from .._change import journal, lock, revert, ssh_server
from .._change.folder_times import put_times
from .._change.subjects.units import has_systemd, show, systemctl
from .._errors import ClinicalError, ExchangedError
from .._host.door import CommandResult, Host
from .._host.real import RealHost
from .._text.outlet import shown
from .._vocabulary.guard import ARMED, REVERTED
from . import alarm, record
from . import run as guarded_run
from .record import Guard

#: How long a run that is at work is waited for.
PATIENCE = 60.0
#: How many paths that are left a record names.
NAMED = 5
#: The name under which the lock is held for the guard itself.
NAME = "the guard"
_JOBS = frozenset({"start", "stop", "reload", "restart", "reload-or-restart", "try-restart"})


class BootingHost(RealHost):
    """A machine that is starting: systemd must not wait for jobs that wait for us."""

    starting = True

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        if argv[0].rpartition("/")[2] == "systemctl" and _JOBS.intersection(argv):
            argv = [argv[0], "--no-block", *argv[1:]]
        return super().run(argv, timeout, stdin, env)


@dataclass(frozen=True)
class TakenBack:
    """The guard as it ended, and in words what was restored."""

    guard: Guard
    restored: list[dict[str, Any]]


def take_back(host: Host, guard: Guard, why: str) -> TakenBack:
    """Restore all that the guarded run replaced, also over later changes, and note that it was so.

    Raises ClinicalError where something could not be restored; the guard is then still armed, and this can be repeated.
    """
    host.remove(alarm.BALLAST)
    run = revert.choose_run(host, guard.run_id)
    troubles = _tried(partial(revert.sweep, host, run))
    way = revert.plan_revert(host, run, force=True)
    restored = _restore(host, way)
    troubles += [error for error in restored if not isinstance(error, ExchangedError)]
    left = list(dict.fromkeys(error.subject for error in restored if isinstance(error, ExchangedError)))
    troubles += _revive(host, guard)
    troubles += _tried(partial(_lift, host, guard.lifted))
    for argv in guard.commands:
        troubles += _tried(partial(_run, host, argv))
    if way.damaged:
        why = f"{why}; {way.damaged} lines of its journal cannot be read, and what they held is not restored"
    if way.drifted:
        why = f"{why}; left as it is: {'; '.join(drift.describe() for drift in way.drifted)}"
    if left:
        more = f" and {len(left) - NAMED} more" if len(left) > NAMED else ""
        why = f"{why}; left to whoever exchanges it: {', '.join(left[:NAMED])}{more}"
    if troubles:
        reasons = " ".join(map(str, troubles))
        raise ClinicalError("Taking back the run", guard.run_id, reasons, "It will be tried again every minute.")
    ended = record.end(host, guard, REVERTED, why)
    _tried(partial(put_times, host, way.folders))  # the alarm has gone from them as well
    return TakenBack(ended, guarded_run.describe_changes(way.groups))


def take_back_now(host: Host, run_id: str, why: str, revive: Sequence[str] = ()) -> TakenBack:
    """Restore in the same way what a run replaced that nothing guards yet.

    ``revive`` are units that ran before it and are to run again.
    """
    guard = record.load(host, run_id)
    if guard is None or guard.state != ARMED:
        # Should this be cut, the alarm goes on with it.
        guard = record.arm(host, run_id, record.GuardTerms(record.SHORTEST))
    running = tuple(dict.fromkeys([*guard.running, *revive]))
    return take_back(host, replace(guard, running=running), why)


def settle(host: Host, run_id: str) -> list[str]:
    """Refuse a new run while a guard is armed; take back what is overdue; tell what was taken back last.

    Returns warnings for people; raises ClinicalError where the run has to wait.
    """
    guard = record.unsettled(host)
    if guard is None:
        return []
    if guard.state == REVERTED:
        record.note_announced(host, guard)
        return [f"The run {guard.run_id} was taken back at {guard.ended}: {guard.why}."]
    seconds = record.seconds_left(host, guard)
    if seconds:
        reason = f"the run {guard.run_id} is not confirmed yet, and is taken back at {guard.until} ({seconds} s)"
        raise ClinicalError("Beginning the run", run_id, reason, "Confirm it or wait; nothing was changed.")
    take_back(host, guard, "it was overdue when the next run came")
    return [f"The run {guard.run_id} was never confirmed; it was overdue and was taken back now."]


def _restore(host: Host, way: revert.RevertPlan) -> list[ClinicalError]:
    """Put everything back as far as it goes; a journal that cannot be written is no reason to leave a host cut off."""
    attempt_id = _attempt_id(host, way.run.run_id)
    if not way.groups:  # nothing was changed under the guard, or an earlier attempt has put it back
        return _tried(partial(guarded_run.note_reverted, host, way.run, way.run.reverted_by or attempt_id))
    try:
        entries = changes.capture(host, way.groups)
        run = guarded_run.begin(host, attempt_id, way.groups, entries, reverts=way.run.run_id)
    except Exception:  # noqa: BLE001 - what cannot be read or noted is no reason to leave a host cut off
        images = changes.without_images(way.groups)
        return changes.restore(host, way.groups, images, starting=_is_starting(host))
    troubles = changes.restore(host, way.groups, entries, starting=_is_starting(host))
    troubles += _tried(partial(journal.end, host, run, "complete", entries, {}))
    if all(isinstance(trouble, ExchangedError) for trouble in troubles):
        troubles += _tried(partial(guarded_run.note_reverted, host, way.run, attempt_id))
    return troubles


def _is_starting(host: Host) -> bool:
    return bool(getattr(host, "starting", False))


def _attempt_id(host: Host, run_id: str) -> str:
    """Return an id for this attempt; earlier ones may have been cut."""
    known = {run.run_id for run in journal.runs(host)}
    candidates = (f"{run_id[:54]}-guard{number}" for number in range(1, len(known) + 2))
    return next(candidate for candidate in candidates if candidate not in known)


def _revive(host: Host, guard: Guard) -> list[ClinicalError]:
    """Let units read what was restored, and start those that ran and were brought down."""
    names = dict.fromkeys([*guard.reload, *guard.held, *guard.running])
    sockets_first = sorted(names, key=lambda name: not name.endswith(".socket"))
    return [trouble for name in sockets_first for trouble in _tried(partial(_revive_unit, host, guard, name))]


def _revive_unit(host: Host, guard: Guard, name: str) -> None:
    unit = show(host, [name]).get(name)
    if unit is None or not unit.exists:
        return
    if unit.running and name in guard.reload:
        systemctl(host, ssh_server.live_verb(host, "reload-or-restart", unit.name), name)
    elif unit.running and guard.held.get(name, unit.invocation) != unit.invocation:
        systemctl(host, "restart", name)
    elif not unit.running and name in guard.running:
        host.run(["systemctl", "--no-ask-password", "reset-failed", name])  # it may have failed too often to start
        ssh_server.make_room(host, name)
        systemctl(host, "start", name)


def _lift(host: Host, names: Sequence[str]) -> None:
    """Let clients in again that a drain keeps back, now and at the next boot."""
    for name, unit in show(host, names).items():
        if unit.exists and (unit.running or unit.starts_at_boot):
            systemctl(host, "disable", name)
            systemctl(host, "stop", name)


def _run(host: Host, argv: Sequence[str]) -> None:
    done = host.run(argv)
    if done.rc != 0:
        raise ClinicalError("Running", argv[0], f"it exited with {done.rc}: {done.err_line}")


def _tried(act: partial[Any]) -> list[ClinicalError]:
    error = changes.attempt(act)
    if error is None:
        return []
    return [error]


# --- the program ---


def main(argv: Sequence[str]) -> int:
    """Run the reverter with these options and return its exit code: 0 when nothing is left to do."""
    if "--ready" in argv:
        return 0
    host = BootingHost() if "--boot" in argv else RealHost()
    at_once = "--boot" in argv or "--now" in argv
    if "--boot" in argv:
        _again_later(host)
    while True:
        done = _attempt(host, at_once)
        if done or "--wait" not in argv:
            if done:
                return 0
            return 1
        host.sleep(alarm.AGAIN_AFTER)


def _again_later(host: Host) -> None:
    """Have a timer of this boot make the next attempt, should this one be cut as well."""
    if has_systemd(host) and record.armed(host) is not None:
        try:
            alarm.set_off_in(host, alarm.AGAIN_AFTER)
        except ClinicalError as error:
            _say(error, sys.stderr)


def _attempt(host: Host, at_once: bool) -> bool:
    try:
        while True:
            if not at_once:
                _wait_until_due(host)
            with contextlib.ExitStack() as turn:
                _take_turn(host, turn)
                guard = record.armed(host)
                if guard is None:
                    alarm.clear(host)
                    _say("Nothing is armed.")
                    return True
                if at_once or not record.seconds_left(host, guard):  # else its time began anew
                    _tell_and_take_back(host, guard, at_once)
                    return True
    except ClinicalError as error:
        _say(error, sys.stderr)
        return False


def _take_turn(host: Host, turn: contextlib.ExitStack) -> None:
    """Take the lock, or go on without it: only the guarded run itself, and whoever settles it, is waited for longer."""
    try:
        turn.enter_context(lock.held(NAME, patience=PATIENCE))
    except lock.LockHeld as error:
        guard = record.armed(host)
        if guard is None or error.run_id in ("", NAME, guard.run_id):
            raise
        _say(f"{error} The run {guard.run_id} is due and does not wait for it.")


def _tell_and_take_back(host: Host, guard: Guard, at_once: bool) -> None:
    why = _reason(guard, at_once, host)
    _say(f"The run {guard.run_id} is taken back: {why} ...")
    taken = take_back(host, guard, why)
    _say(f"Done. Put back: {len(taken.restored)}.")


def _wait_until_due(host: Host) -> None:
    while (guard := record.armed(host)) is not None and record.seconds_left(host, guard):
        host.sleep(1)


def _reason(guard: Guard, at_once: bool, host: Host) -> str:
    if _is_starting(host):
        return "the host was restarted before it was confirmed"
    if at_once:
        return "somebody asked for it on the host"
    return f"nobody confirmed it within {guard.within} s"


def _say(message: object, where: TextIO | None = None) -> None:
    """Write a line for the system's journal, or for whoever typed the command."""
    stream = where or sys.stdout
    stream.write(f"{shown(str(message))}\n")
    stream.flush()
