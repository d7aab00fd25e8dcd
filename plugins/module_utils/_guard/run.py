# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out what was planned: journaled first, guarded where it could lock people out. Private to the collection."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .._change import journal
from .._change import steps as change_steps
from .._change.steps import ApplyOutcome, Group, JournalEntry, Undone
from .._change.subjects.base import Image, Subject
from .._change.subjects.trees import Tree
from .._errors import ClinicalError, HostWriteError
from .._host.door import Host
from .._vocabulary.guard import CONFIRMED, REVERTED
from .._vocabulary.stamp import stamp_of
from . import record
from .record import GuardTerms


def begin(
    host: Host, run_id: str, groups: Sequence[Group], entries: Sequence[JournalEntry], **more: str
) -> journal.JournaledRun:
    """Journal a run; where not even that can be written, say that nothing was changed."""
    try:
        return journal.begin(host, run_id, stamp_of(host.now()), groups, entries, **more)
    except HostWriteError as error:
        raise HostWriteError(error.doing, error.subject, f"{error.saw}; nothing was changed", error.try_this) from error


def carry_out(
    host: Host, run_id: str, groups: Sequence[Group], wish: GuardTerms | None, reverts: str = ""
) -> ApplyOutcome:
    """Journal, apply, and leave the run guarded where it changed something that could lock people out.

    Without a wish nothing is guarded. Raises ClinicalError where everything was put back.
    """
    entries = change_steps.capture(host, groups)
    run = begin(host, run_id, groups, entries, reverts=reverts)

    def arm() -> None:
        if wish is not None and record.load(host, run_id) is None:
            record.arm(host, run_id, wish, units=_units(groups))

    try:
        outcome = change_steps.apply(host, groups, entries, arm)
        _end(host, run, groups, entries, outcome)
    except Undone as error:
        _note_undone(host, run, entries, error)
        raise
    _settle(host, run_id, any(group.guarded for n, group in enumerate(groups) if n not in outcome.failed))
    return outcome


def _units(groups: Sequence[Group]) -> tuple[str, ...]:
    """The units that the guarded groups make read their settings."""
    effects = [effect for group in groups if group.guarded for effect in group.effects]
    return tuple(dict.fromkeys(effect.unit for effect in effects if effect.unit))


def _settle(host: Host, run_id: str, stands: bool) -> None:
    """The time to confirm begins when all is done; a guard whose groups all failed has nothing left to guard."""
    guard = record.load(host, run_id)
    if guard is None:
        return
    if stands:
        record.renew(host, guard)
    else:
        record.end(host, guard, CONFIRMED, "nothing that it guarded was changed")


def _end(
    host: Host,
    run: journal.JournaledRun,
    groups: Sequence[Group],
    entries: Sequence[JournalEntry],
    outcome: ApplyOutcome,
) -> None:
    """Note that the run is complete; a run that cannot be noted is put back like one that cannot be applied."""
    try:
        journal.end(host, run, "complete", entries, _own_changes_seen(host, entries, outcome.settled))
    except ClinicalError as error:
        kept = [(n, group) for n, group in enumerate(groups) if n not in outcome.failed]
        change_steps.undo_all(host, [(group, [e for e in entries if e.group == n]) for n, group in kept], error)


def _paths(subject: Subject) -> tuple[str, ...]:
    """The files that a subject may change."""
    one = getattr(subject, "path", subject.name)
    return tuple(getattr(subject, "outputs", (one,)))


def _own_changes_seen(host: Host, entries: Sequence[JournalEntry], settled: Mapping[int, Image]) -> dict[int, Image]:
    """What watched trees look like where a later step of the same run changed a path that they had seen change."""
    seen = dict(settled)
    for number, image in settled.items():
        tree = entries[number].step.subject
        if not isinstance(tree, Tree):
            continue
        subjects = [entry.step.subject for entry in entries]
        others = {path for subject in subjects for path in _paths(subject)}
        others |= {path for n, other in settled.items() if n != number for path in other.get("touched", ())}
        shared = others & set(image["touched"])
        seen[number] = tree.renewed(host, image, shared) if shared else image
    return seen


def _note_undone(host: Host, run: journal.JournaledRun, entries: Sequence[JournalEntry], error: Undone) -> None:
    """A disk that refused the change may refuse the note as well; the run then counts as cut and reverts the same.

    A guard stays armed where something could not be put back: it will try again.
    """
    if not error.entirely:
        return
    try:
        journal.end(host, run, "undone", entries, {})
        guard = record.load(host, run.run_id)
        if guard is not None:
            record.end(host, guard, REVERTED, str(error))
    except ClinicalError:
        return


def tidy_journal(host: Host, keep: int, reverted: journal.JournaledRun | None = None, by: str = "") -> list[str]:
    """Keep the journal in order. The host is done by now, so what fails here is only worth a warning."""
    try:
        if reverted is not None:
            note_reverted(host, reverted, by)
        journal.prune(host, keep)
    except ClinicalError as error:
        return [f"The host is done, but its journal could not be tidied: {error}"]
    return []


def note_reverted(host: Host, run: journal.JournaledRun, by: str) -> None:
    """Note that a run holds no more; where it was a revert itself, what that had reverted holds again."""
    journal.note_reverted(host, run, by)
    for earlier in [other for other in journal.runs(host) if other.reverted_by == run.run_id]:
        journal.note_reverted(host, earlier, "")


def describe_changes(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """What changes, in words; what is only watched beside a command is the command's own business."""
    steps = [step for group in groups for step in group.steps if step.before or step.after]
    return [
        {
            "subject": journal.key(step.subject),
            "before": step.before,
            "after": step.after,
            "why": step.why,
            "controls": list(step.controls),
        }
        for step in steps
    ]
