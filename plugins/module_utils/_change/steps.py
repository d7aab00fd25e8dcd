# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is about to do, and doing it: steps that stand or fall together in groups. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Callable, Sequence

from .._errors import ClinicalError, HostWriteError
from .._host.door import Host
from .subjects import audit
from .subjects.base import Image, Subject
from .subjects.units import BEGIN, ActiveUnit, has_systemd, show, systemctl


@dataclass(frozen=True)
class Step:
    """One subject and what it is to become; without ``wanted`` it is only watched, because another step changes it.

    ``before`` and ``after`` are words for people; they never hold a secret. ``watched`` stays true of a subject that is
    put back on a revert: whichever way a run goes, it comes after the commands that would change it again.
    """

    subject: Subject
    wanted: Image | None
    before: str
    after: str
    why: str
    controls: tuple[str, ...]
    watched: bool = False

    @property
    def beside(self) -> bool:
        return self.watched or self.wanted is None


@dataclass(frozen=True)
class Effect:
    """What makes a change live: reload or restart of a unit that runs, starting one, daemon-reload, audit rules."""

    verb: str
    unit: str = ""

    def happen(self, host: Host) -> None:
        if self.verb == audit.LOAD:
            audit.load(host)
            return
        if not has_systemd(host):
            return
        if self.verb == "daemon-reload":
            systemctl(host, "daemon-reload")
        elif self.verb == BEGIN:
            if show(host, [self.unit])[self.unit].exists:
                systemctl(host, "start", "--no-block", self.unit)
        elif show(host, [self.unit])[self.unit].running:
            systemctl(host, self.verb, self.unit)


@dataclass(frozen=True)
class Group:
    """Steps in their order, commands that must then succeed, and what makes them live. A failure undoes the group.

    A guarded group could keep people from logging in. ``stops`` are the units that go down because somebody consented.
    """

    name: str
    steps: tuple[Step, ...]
    checks: tuple[tuple[str, ...], ...] = ()
    effects: tuple[Effect, ...] = ()
    guarded: bool = False
    stops: tuple[str, ...] = ()

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(control for step in self.steps for control in step.controls))


def unread(unit: str, controls: tuple[str, ...]) -> Step:
    """The step of a group that changes no file: the settings are right, but the unit started before they were."""
    words = ("runs with older settings", "has read its settings", "it started before the settings were changed")
    return Step(ActiveUnit(unit), None, *words, controls)


@dataclass(frozen=True)
class JournalEntry:
    """A step with the image that it replaces."""

    step: Step
    before: Image
    group: int


@dataclass
class ApplyOutcome:
    """How applying went. ``failed`` maps the index of an undone group to the reason.

    ``settled`` holds, by the index of their entries, what watched subjects looked like right after their group.
    """

    failed: dict[int, ClinicalError] = field(default_factory=dict)
    settled: dict[int, Image] = field(default_factory=dict)


def capture(host: Host, groups: Sequence[Group]) -> list[JournalEntry]:
    """The image of everything that the groups are going to change, before the first change."""
    return [JournalEntry(step, step.subject.capture(host), n) for n, group in enumerate(groups) for step in group.steps]


def unguarded() -> None:
    """Arms nothing."""


def apply(
    host: Host, groups: Sequence[Group], entries: Sequence[JournalEntry], arm: Callable[[], None] = unguarded
) -> ApplyOutcome:
    """Make every group true; ``arm`` is called before each guarded one.

    A group that fails, or cannot be guarded, is undone and noted, and the others go on. Where the machine itself cannot
    be written, or something unforeseen happens, everything is undone and the error is raised.
    """
    outcome = ApplyOutcome()
    done: list[tuple[Group, list[JournalEntry]]] = []
    for number, group in enumerate(groups):
        mine: list[JournalEntry] = []
        done.append((group, mine))
        try:
            numbers = [n for n, entry in enumerate(entries) if entry.group == number]
            if group.guarded:
                arm()
            mine += [_anew(host, entries[n]) for n in numbers]
            _apply_group(host, group, mine)
            watched = [(n, e) for n, e in zip(numbers, mine) if e.step.wanted is None]
            outcome.settled.update({n: e.step.subject.capture_after(host, e.before) for n, e in watched})
        except ClinicalError as error:
            if isinstance(error, HostWriteError):
                undo_all(host, done, error)
            _undo_last(host, done, error)
            outcome.failed[number] = error
        except Exception as error:  # noqa: BLE001 - whatever it is, the host must not stay half changed
            undo_all(host, done, ClinicalError("Applying", group.name, repr(error), "This is a defect: please report."))
    return outcome


def _anew(host: Host, entry: JournalEntry) -> JournalEntry:
    """The entry as its group finds it: undoing one group must not undo what earlier ones did to the same subject."""
    return replace(entry, before=entry.step.subject.capture(host))


def _apply_group(host: Host, group: Group, entries: Sequence[JournalEntry]) -> None:
    for entry in entries:
        if entry.step.wanted is not None:
            entry.step.subject.put(host, entry.step.wanted)
    for argv in group.checks:
        done = host.run(argv)
        if done.rc != 0:
            raise ClinicalError("Checking the new settings with", " ".join(argv), done.err_line)
    for effect in group.effects:
        effect.happen(host)


def _undo_last(host: Host, done: list[tuple[Group, list[JournalEntry]]], cause: ClinicalError) -> None:
    """Put the group that failed back; where not even that works, everything."""
    try:
        undo(host, *done[-1])
    except ClinicalError:
        undo_all(host, done, cause)
    done.pop()


def undo(host: Host, group: Group, entries: Sequence[JournalEntry]) -> None:
    """Put a group back, last step first, and make that live. What it did not come to change is not written again."""
    backwards = list(reversed(entries))
    for entry in [e for e in backwards if not e.step.beside] + [e for e in backwards if e.step.beside]:
        subject = entry.step.subject
        if not subject.matches(subject.capture(host), entry.before):
            subject.put(host, entry.before)
    for effect in group.effects:
        effect.happen(host)


def restore(host: Host, groups: Sequence[Group], entries: Sequence[JournalEntry]) -> list[ClinicalError]:
    """Put every step where it is wanted and go on over whatever fails, because half of a way back is better than none.

    What the groups would have checked first is not asked: it was so before.
    """
    wanted = [(entry.step.subject, entry.step.wanted) for entry in entries if entry.step.wanted is not None]
    acts = [partial(subject.put, host, image) for subject, image in wanted]
    acts += [partial(effect.happen, host) for group in groups for effect in group.effects]
    return [error for act in acts if (error := attempt(act)) is not None]


def attempt(act: Callable[[], None]) -> ClinicalError | None:
    """What went wrong, where something did."""
    try:
        act()
    except ClinicalError as error:
        return error
    return None


def undo_all(host: Host, done: Sequence[tuple[Group, list[JournalEntry]]], cause: ClinicalError) -> None:
    """Put everything back and raise ``cause`` with the word whether the host is as it was."""
    stuck: list[str] = []
    for group, entries in reversed(done):
        try:
            undo(host, group, entries)
        except ClinicalError as error:
            stuck.append(f"{group.name}: {error}")
    saw = f"{cause.saw} ({cause.doing.lower()} {cause.subject})"
    if stuck:
        advice = "Mend the cause, then run state: reverted, which restores the rest from the journal. " + " ".join(
            stuck
        )
        raise Undone(
            "Enforcing the baseline on", "this host", f"{saw}; it could NOT be put back entirely", advice, False
        )
    raise Undone(
        "Enforcing the baseline on", "this host", f"{saw}; the host was put back as it was", cause.try_this, True
    )


class Undone(ClinicalError):
    """Everything was to be put back; ``entirely`` says whether it was."""

    def __init__(self, doing: str, subject: str, saw: str, try_this: str, entirely: bool) -> None:
        super().__init__(doing, subject, saw, try_this)
        self.entirely = entirely
