# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making groups of steps true, and putting back what did not come to stand: capture, apply, undo, restore."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from .._errors import ClinicalError, ExchangedError, HostWriteError, ReadOnlyError
from .._host.door import READ_LIMIT, Host
from .steady import require_steady
from .steps import Group, JournalEntry, Step
from .subjects.base import Image, Subject
from .subjects.files import File, Meta, is_kept, is_of_account
from .subjects.units import ActiveUnit


@dataclass
class ApplyOutcome:
    """How applying went. ``failed`` maps the index of an undone group to the reason.

    ``settled`` holds, by the index of their entries, what watched subjects looked like right after their group.
    """

    failed: dict[int, ClinicalError] = field(default_factory=dict)
    settled: dict[int, Image] = field(default_factory=dict)


@dataclass(frozen=True)
class Missed:
    """Something that is not where it was put, in words; ``exchanged`` where it is an account's, which may change it."""

    name: str
    description: str
    exchanged: bool


class Undone(ClinicalError):
    """Everything was to be put back; ``entirely`` says whether it was."""

    def __init__(self, doing: str, subject: str, saw: str, try_this: str, entirely: bool) -> None:
        super().__init__(doing, subject, saw, try_this)
        self.entirely = entirely


def capture(host: Host, groups: Sequence[Group]) -> list[JournalEntry]:
    """Return the image of everything that the groups are going to change, before the first change."""
    entries, failed = capture_each(host, groups)
    for error in failed.values():
        raise error
    return entries


def capture_each(host: Host, groups: Sequence[Group]) -> tuple[list[JournalEntry], dict[int, ClinicalError]]:
    """Return the images of each group that can be taken back, and the error of each other by its index."""
    entries: list[JournalEntry] = []
    failed: dict[int, ClinicalError] = {}
    for number, group in enumerate(groups):
        try:
            entries += [_captured(host, step, number) for step in group.steps]
        except ClinicalError as error:
            failed[number] = error
            entries = [entry for entry in entries if entry.group != number]
    return entries, failed


def _captured(host: Host, step: Step, number: int) -> JournalEntry:
    image = step.subject.capture(host)
    if step.wanted is not None and not is_kept(image):
        reason = f"it is larger than {READ_LIMIT} bytes, so a change of it could not be taken back"
        raise ClinicalError("Keeping", step.subject.shown_name(image), reason)
    return JournalEntry(step, image, number)


def without_images(groups: Sequence[Group]) -> list[JournalEntry]:
    """Return the steps as entries of a way back that cannot be journaled."""
    return [JournalEntry(step, {}, number) for number, group in enumerate(groups) for step in group.steps]


def unguarded() -> None:
    """Arm nothing."""


def apply(
    host: Host,
    groups: Sequence[Group],
    entries: Sequence[JournalEntry],
    arm: Callable[[], None] = unguarded,
    failed: Mapping[int, ClinicalError] | None = None,
    together: bool = False,
) -> ApplyOutcome:
    """Make every group true, but those that have ``failed`` before; ``arm`` is called before each guarded one.

    A group that fails, or cannot be guarded, is undone and noted, and the others go on, unless they stand or fall
    ``together``. Where the machine itself cannot be written, and not only one file system that is mounted read-only, or
    something unforeseen happens, everything is undone and the error is raised.
    """
    outcome = ApplyOutcome(failed=dict(failed or {}))
    done: list[tuple[Group, list[JournalEntry]]] = []
    for number, group in enumerate(groups):
        if number in outcome.failed:
            continue
        applied: list[JournalEntry] = []
        done.append((group, applied))
        numbers = [n for n, entry in enumerate(entries) if entry.group == number]
        try:
            if group.guarded:
                arm()
            applied += [_capture_anew(host, entries[n]) for n in numbers]
            _apply_group(host, group, applied)
            watched = [(n, e) for n, e in zip(numbers, applied) if e.step.wanted is None]
            outcome.settled.update({n: e.step.subject.capture_after(host, e.before) for n, e in watched})
        except ClinicalError as error:
            if together or (isinstance(error, HostWriteError) and not isinstance(error, ReadOnlyError)):
                undo_all(host, done, _named(error, group))
            _undo_last(host, done, error)
            outcome.failed[number] = error
            # What others do to it from now on is no change of this run.
            outcome.settled.update({n: e.step.subject.capture_after(host, e.before) for n, e in zip(numbers, applied)})
        except Exception as error:  # noqa: BLE001 - whatever it is, the host must not stay half changed
            undo_all(host, done, ClinicalError("Applying", group.name, repr(error), "This is a defect: please report."))
    return outcome


def _named(error: ClinicalError, group: Group) -> ClinicalError:
    """Return the error with the controls that it was met for."""
    controls = ", ".join(group.controls)
    subject = f"{error.subject} for {controls}" if controls else error.subject
    return ClinicalError(error.doing, subject, error.saw, error.try_this)


def _capture_anew(host: Host, entry: JournalEntry) -> JournalEntry:
    """Return the entry as its group meets it: undoing one group must not undo what earlier ones did to the subject."""
    return replace(entry, before=entry.step.subject.capture(host))


def _apply_group(host: Host, group: Group, entries: Sequence[JournalEntry]) -> None:
    _put(host, [entry for entry in entries if not entry.step.late])
    for argv in group.checks:
        done = host.run(argv)
        if done.rc != 0:
            raise ClinicalError("Checking the new settings with", " ".join(argv), done.complaint)
    _put(host, [entry for entry in entries if entry.step.late])
    for effect in group.effects:
        effect.happen(host)
    require_steady(host, group.steady)


def _put(host: Host, entries: Sequence[JournalEntry]) -> None:
    for entry in entries:
        if entry.step.wanted is not None:
            entry.step.subject.put(host, entry.step.wanted)


def _undo_last(host: Host, done: list[tuple[Group, list[JournalEntry]]], cause: ClinicalError) -> None:
    """Put the group that failed back; where not even that works, everything."""
    try:
        undo(host, *done[-1])
    except ExchangedError:
        pass  # of that group nothing else is left, and the cause is told
    except ClinicalError:
        undo_all(host, done, cause)
    done.pop()


def undo(host: Host, group: Group, entries: Sequence[JournalEntry]) -> None:
    """Put a group back, last step first, and make that live. What it did not come to change is not written again.

    Raises ClinicalError where it is not as it was then, whatever the programs answered that were to do it; that is
    ExchangedError where all of it is left to whoever exchanges it.
    """
    backwards = list(reversed(entries))
    for entry in [e for e in backwards if not e.step.beside] + [e for e in backwards if e.step.beside]:
        subject = entry.step.subject
        with contextlib.suppress(ExchangedError):  # it is looked at below
            if not subject.matches(subject.capture(host), entry.before):
                subject.put(host, entry.before)
    for effect in group.effects:
        effect.happen(host)
    missed = not_reached(host, [(entry.step.subject, entry.before) for entry in entries])
    if missed:
        kind = ExchangedError if all(it.exchanged for it in missed) else ClinicalError
        descriptions = "; ".join(it.description for it in missed)
        raise kind("Putting back", group.name, descriptions, "Look at it on the host.")


def not_reached(host: Host, goals: Sequence[tuple[Subject, Image]]) -> list[Missed]:
    """Look at subjects that were put somewhere, in this order, and return which of them are not there.

    A file that a program has written since, as apt does its logs when packages go, is put there once more.
    """
    missed: list[Missed] = []
    later: set[str] = set()
    for subject, goal in reversed(goals):
        remaining = subject.remaining(goal, later)
        if remaining is not None:
            missed += _astray(host, subject, remaining)
        later.update(goal.get("touched", ()))
    return missed[::-1]


def _astray(host: Host, subject: Subject, goal: Image) -> list[Missed]:
    try:
        now = subject.capture(host)
        names = subject.astray(now, goal)
        if names and isinstance(subject, (File, Meta)):
            subject.put(host, goal)
            now = subject.capture(host)
            names = subject.astray(now, goal)
        of_account = is_of_account(host, subject, now, goal)
        return [Missed(subject.shown_name(goal), f"{name} is not as it was to be", of_account) for name in names]
    except ClinicalError as error:
        exchanged = isinstance(error, ExchangedError)
        name = subject.shown_name(goal)
        return [Missed(name, f"{subject.type} {name} cannot be read: {error}", exchanged)]


def restore(
    host: Host, groups: Sequence[Group], entries: Sequence[JournalEntry], starting: bool = False
) -> list[ClinicalError]:
    """Put every step where it is wanted and go on over whatever fails, because half of a way back is better than none.

    Returns what failed, and what is not where it was put, as ExchangedError where it is left to whoever exchanges it;
    of a host that is ``starting``, whose units have yet to start, not those. What the groups would have checked first
    is not asked: it was so before.
    """
    wanted = [(entry.step.subject, entry.step.wanted) for entry in entries if entry.step.wanted is not None]
    acts = [
        (f"{subject.type} {subject.shown_name(image)}", partial(subject.put, host, image)) for subject, image in wanted
    ]
    effects = [effect for group in groups for effect in group.effects]
    acts += [(f"{effect.verb} {effect.unit}".strip(), partial(effect.happen, host)) for effect in effects]
    troubles = [error for name, act in acts if (error := attempt(act, name)) is not None]
    settled = [pair for pair in wanted if not (starting and isinstance(pair[0], ActiveUnit))]
    failed = [trouble for trouble in troubles if not isinstance(trouble, ExchangedError)]
    missed = not_reached(host, settled) if not failed else []
    return troubles + [
        ExchangedError("Putting back", it.name, it.description)
        if it.exchanged
        else ClinicalError("Putting back", "this host", it.description)
        for it in missed
    ]


def attempt(act: Callable[[], object], name: str = "") -> ClinicalError | None:
    """Do it, and return the error where it failed, whatever it raised: on a way back nothing ends the rest."""
    try:
        act()
    except ClinicalError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a defect in one step must not keep the others from being taken back
        return ClinicalError("Putting back", name or "this host", repr(error), "This is a defect: please report.")
    return None


def undo_all(host: Host, done: Sequence[tuple[Group, list[JournalEntry]]], cause: ClinicalError) -> None:
    """Put everything back and raise ``Undone``: ``cause``, and whether the host is as it was."""
    stuck: list[str] = []
    for group, entries in reversed(done):
        try:
            undo(host, group, entries)
        except ClinicalError as error:
            stuck.append(f"{group.name}: {error}")
    doing, subject = "Enforcing the baseline on", "this host"
    reason = f"{cause.saw} ({cause.doing.lower()} {cause.subject})"
    if not stuck:
        reason = f"{reason}; the host was put back as it was"
        raise Undone(doing, subject, reason, cause.try_this, entirely=True)
    advice = "Mend the cause, then run state: reverted, which restores the rest from the journal. " + " ".join(stuck)
    raise Undone(doing, subject, f"{reason}; it could NOT be put back entirely", advice, entirely=False)
