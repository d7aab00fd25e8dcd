# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard for anybody's own changes: arm, confirm, take back, ask."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .._change import apply as changes
from .._change import journal
from .._change.lock import LOCK
from .._change.run_store import STATE
from .._change.steps import Group, Step
from .._change.subjects.base import Subject
from .._change.subjects.kernel import KernelValue
from .._change.subjects.trees import Tree
from .._core import FOLDER
from .._errors import ClinicalError
from .._host import login as ssh_login
from .._host.door import Host
from .._text.quoting import shell_words
from .._vocabulary.guard import CONFIRMED, REVERTED
from . import boot_watch, break_glass, record, reverter
from . import run as guarded_run
from .record import Guard, GuardTerms

KERNEL = "/proc/sys/"
#: What belongs to the kernel cannot be put back as files.
FORBIDDEN = ("/proc", "/sys", "/dev")
#: Here lies what takes a change back: the journal, the lock, and the code.
STATE_FOLDERS = (STATE, posixpath.dirname(LOCK), posixpath.dirname(FOLDER))


@dataclass(frozen=True)
class GuardRequest:
    """The options of a task; ``paths`` (files, folders, keys below /proc/sys) are restored unless it is confirmed.

    ``confirm_within`` is in seconds; ``why`` is the reason for taking a run back, also one that nothing guards. With
    ``watch_next_boot`` what was confirmed is looked at again after the next boot.
    """

    run_id: str = ""
    paths: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    confirm_within: int = 120
    break_glass_users: tuple[str, ...] = ()
    journal_keep: int = 20
    why: str = ""
    watch_next_boot: bool = True


@dataclass
class GuardResult:
    """What came of a task, as plain data for the module's result; ``failed`` where it is not what the task wanted."""

    run_id: str
    guard: dict[str, Any]
    changed: bool = False
    msg: str = ""
    failed: bool = False
    restored: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def arm(host: Host, request: GuardRequest, check: bool) -> GuardResult:
    """Journal what is to be restored and arm the guard; raises ClinicalError where it cannot, and then nothing is."""
    terms, groups = _terms(host, request), (_group(request.paths),)
    entries = changes.capture(host, groups)
    if check:
        msg = f"The guard {request.run_id} would be armed."
        return GuardResult(run_id=request.run_id, guard=record.as_result(host, None), changed=True, msg=msg)
    run = guarded_run.begin(host, request.run_id, groups, entries, made_by="commit_confirm")
    try:
        guard = record.arm(host, request.run_id, terms)
    except ClinicalError:
        journal.end(host, run, "undone", entries, {})
        raise
    warnings = guarded_run.tidy_journal(host, request.journal_keep)
    msg = f"Unless it is confirmed, the change is taken back at {guard.until} ({guard.within} s)."
    return GuardResult(
        run_id=guard.run_id,
        guard=record.as_result(host, guard),
        changed=True,
        msg=msg,
        warnings=warnings,
    )


def confirm(host: Host, request: GuardRequest, check: bool) -> GuardResult:
    """Confirm where a login that is younger than the change, and the break-glass accounts, show that people get in."""
    guard = _wanted(host, request.run_id)
    if guard is None:
        return _missing(host, request.run_id, fatal=not check)
    if guard.state == REVERTED:
        return _answer(host, guard, f"It is too late: {_how_it_ended(guard)}", failed=True)
    if guard.state == CONFIRMED:
        return _answer(host, guard, _how_it_ended(guard))
    if check:
        return _answer(host, guard, f"The guard {guard.run_id} is armed.")
    login = ssh_login.own_login(host)
    if login is not None and login.started <= guard.armed_by:
        return _answer(
            host, guard, "This login is older than the change, so it shows nothing. Log in anew.", failed=True
        )
    problems = break_glass.problems(host, request.break_glass_users, login)
    if problems:
        return _refused(host, guard, "; ".join(problems))
    warnings = break_glass.warnings(host, request.break_glass_users, login)
    _complete(host, guard)
    ended = record.end(host, guard, CONFIRMED, _watch_next_boot(host, guard, request, login))
    answer = _answer(host, ended, "The change is confirmed.", changed=True)
    answer.warnings += warnings
    return answer


def _watch_next_boot(host: Host, guard: Guard, request: GuardRequest, login: ssh_login.Login | None) -> str:
    """Have the next boot looked at where that is wanted, and return why the change is confirmed, and for how long."""
    worked = "a fresh login worked"
    if not request.watch_next_boot:
        boot_watch.clear(host)
        return worked
    try:
        watched = boot_watch.begin(host, guard.run_id, login, request.break_glass_users)
    except ClinicalError as error:  # that people get in now is known all the same
        return f"{worked}; the next boot will not be looked at: {error}"
    return f"{worked}; the host looks again after its next boot" if watched else worked


def revert(host: Host, request: GuardRequest, check: bool) -> GuardResult:
    """Take the guarded run back at once, or with a reason (``why``) also one that nothing guards."""
    guard = _wanted(host, request.run_id)
    if guard is None:
        if request.why and not check and any(run.run_id == request.run_id for run in journal.runs(host)):
            return _taken_back(host, reverter.take_back_now(host, request.run_id, request.why))
        return _missing(host, request.run_id, fatal=not check)
    if guard.state == CONFIRMED:
        advice = f"To take it back all the same: healthops.clinical.baseline, state: reverted, run_id: {guard.run_id}."
        return _answer(host, guard, f"{_how_it_ended(guard)} {advice}", failed=True)
    if guard.state == REVERTED:
        return _answer(host, guard, _how_it_ended(guard))
    if check:
        return _answer(host, guard, f"The guard {guard.run_id} would be taken back.", changed=True)
    return _taken_back(host, reverter.take_back(host, guard, request.why or "a task asked for it"))


def _taken_back(host: Host, taken: reverter.TakenBack) -> GuardResult:
    answer = _answer(host, taken.guard, _how_it_ended(taken.guard), changed=True)
    answer.restored = taken.restored
    return answer


def status(host: Host, request: GuardRequest) -> GuardResult:
    """Return how a guard stands; nothing is changed."""
    guard = _wanted(host, request.run_id)
    if guard is None:
        return _missing(host, request.run_id, fatal=False)
    if guard.ended:
        return _answer(host, guard, _how_it_ended(guard))
    seconds = record.seconds_left(host, guard)
    msg = f"The guard {guard.run_id} is armed: unless confirmed, it is taken back at {guard.until} ({seconds} s)."
    return _answer(host, guard, msg)


def _wanted(host: Host, run_id: str) -> Guard | None:
    if run_id:
        return record.load(host, run_id)
    return record.armed(host) or record.newest(host)


def _missing(host: Host, run_id: str, fatal: bool) -> GuardResult:
    msg = f"No guard {run_id} is known on this host." if run_id else "No guard was ever armed on this host."
    return GuardResult(run_id, record.as_result(host, None), msg=msg, failed=fatal)


def _answer(host: Host, guard: Guard, msg: str, changed: bool = False, failed: bool = False) -> GuardResult:
    return GuardResult(
        run_id=guard.run_id,
        guard=record.as_result(host, guard),
        changed=changed,
        msg=msg,
        failed=failed,
    )


def _how_it_ended(guard: Guard) -> str:
    end = "was confirmed" if guard.state == CONFIRMED else "was taken back"
    return f"The run {guard.run_id} {end} at {guard.ended}: {guard.why}."


def _refused(host: Host, guard: Guard, why: str) -> GuardResult:
    taken = reverter.take_back(host, guard, why)
    return _answer(host, taken.guard, _how_it_ended(taken.guard), failed=True)


def _complete(host: Host, guard: Guard) -> None:
    """Note what the guarded paths have become, so that the change can still be taken back one day."""
    run = _run(host, guard.run_id)
    if run.progress == "applying":
        journal.end(host, run, "complete", journal.load(host, run).entries, {})


def _run(host: Host, run_id: str) -> journal.JournaledRun:
    return next(run for run in journal.runs(host) if run.run_id == run_id)


# --- what a task asks for, checked ---


def _terms(host: Host, request: GuardRequest) -> GuardTerms:
    record.check_within(request.confirm_within)
    if not request.paths:
        raise ClinicalError("Arming the guard", request.run_id, "paths names nothing to restore", "List what changes.")
    commands = tuple(_command(host, text) for text in request.commands)
    return GuardTerms(request.confirm_within, units=request.units, commands=commands)


def _command(host: Host, text: str) -> tuple[str, ...]:
    arguments = shell_words(text)
    if arguments is None:
        raise ClinicalError("Reading the command", text, "a quote or a backslash in it has no end")
    argv = tuple(arguments)
    if not argv or host.which(argv[0]) is None:
        raise ClinicalError("Reading the command", text or "''", "there is no such program on this host")
    return argv


def _group(paths: Sequence[str]) -> Group:
    return Group("guarded", tuple(_guarded_step(path) for path in paths), guarded=True)


def _guarded_step(path: str) -> Step:
    return Step(
        subject=_subject(path),
        wanted=None,
        before="as it was",
        after="as it became",
        why="it is guarded",
        controls=(),
    )


def _subject(path: str) -> Subject:
    """Return what is restored for a path; raises ClinicalError where it cannot be."""
    if path.startswith(KERNEL) and posixpath.normpath(path) == path:
        return KernelValue(path[len(KERNEL) :])
    forbidden = any(path == folder or path.startswith(f"{folder}/") for folder in FORBIDDEN)
    plain = path.startswith("/") and posixpath.normpath(path) == path and path != "/" and ":" not in path
    if forbidden or not plain:
        reason = "it is not a plain absolute path to files that can be put back"
        raise ClinicalError("Guarding", path, reason, "Name files, folders, or keys below /proc/sys.")
    holding = [
        folder for folder in STATE_FOLDERS if f"{folder}/".startswith(f"{path}/") or path.startswith(f"{folder}/")
    ]
    if holding:
        reason = f"{holding[0]} has what takes the change back, so it cannot be taken back itself"
        raise ClinicalError("Guarding", path, reason, "Name the files and folders that change.")
    return Tree(path)
