# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carrying out what was planned: journaled first, guarded where it could lock people out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._change import apply as changes
from .._change import journal
from .._change.apply import ApplyOutcome, Undone
from .._change.revert import paths_of
from .._change.steps import Group, JournalEntry, Step
from .._change.subjects.base import Image
from .._change.subjects.files import Meta
from .._change.subjects.trees import Tree
from .._errors import ClinicalError, HostWriteError
from .._host.door import Host
from .._text import data_folders
from .._vocabulary.guard import CONFIRMED, REVERTED
from .._vocabulary.stamp import stamp_of
from . import boot_watch, record
from .record import GuardTerms


def begin(
    host: Host, run_id: str, groups: Sequence[Group], entries: Sequence[JournalEntry], **more: str
) -> journal.JournaledRun:
    """Journal a run before its first change; ``more`` are ``reverts`` and ``made_by`` of the journal.

    Raises HostWriteError, which says that nothing was changed, where not even the journal can be written.
    """
    try:
        return journal.begin(host, run_id, stamp_of(host.now()), groups, entries, **more)
    except HostWriteError as error:
        raise HostWriteError(error.doing, error.subject, f"{error.saw}; nothing was changed", error.try_this) from error


def carry_out(
    host: Host,
    run_id: str,
    groups: Sequence[Group],
    terms: GuardTerms | None,
    reverts: str = "",
    made_by: str = "baseline",
    together: bool = False,
) -> ApplyOutcome:
    """Journal, apply, and leave the run guarded where it changed something that could lock people out.

    Without ``terms`` nothing is guarded. Groups that stand or fall ``together`` are all put back where one fails.
    Raises ClinicalError where everything was put back.
    """
    entries, failed = changes.capture_each(host, groups)
    if together and failed:
        raise next(iter(failed.values()))
    run = begin(host, run_id, groups, entries, reverts=reverts, made_by=made_by)

    def arm() -> None:
        if terms is not None and record.load(host, run_id) is None:
            record.arm(host, run_id, terms, units=_units(groups))

    try:
        outcome = changes.apply(host, groups, entries, arm, failed, together)
        _end(host, run, groups, entries, outcome)
    except Undone as error:
        _note_undone(host, run, entries, error)
        raise
    _settle(host, run_id, any(group.guarded for n, group in enumerate(groups) if n not in outcome.failed))
    return outcome


def _units(groups: Sequence[Group]) -> tuple[str, ...]:
    """Return the units that the guarded groups make read their settings."""
    units: list[str] = []
    for group in groups:
        if group.guarded:
            units += [effect.unit for effect in group.effects if effect.unit]
    return tuple(dict.fromkeys(units))


def _settle(host: Host, run_id: str, stands: bool) -> None:
    """Let the time to confirm begin now that all is done; a guard whose groups all failed has nothing left to guard."""
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
        standing = [(n, group) for n, group in enumerate(groups) if n not in outcome.failed]
        changes.undo_all(host, [(group, [e for e in entries if e.group == n]) for n, group in standing], error)


def _own_changes_seen(host: Host, entries: Sequence[JournalEntry], settled: Mapping[int, Image]) -> dict[int, Image]:
    """Return ``settled`` anew where a later step of the run changed a path that a watched tree had seen change."""
    renewed = dict(settled)
    for number, image in settled.items():
        tree = entries[number].step.subject
        if not isinstance(tree, Tree):
            continue
        changed = {path for entry in entries for path in paths_of(entry.step.subject)}
        changed.update(*(settled[n].get("touched", ()) for n in settled if n != number))
        shared = changed & set(image["touched"])
        if shared:
            renewed[number] = tree.renewed(host, image, shared)
    return renewed


def _note_undone(host: Host, run: journal.JournaledRun, entries: Sequence[JournalEntry], error: Undone) -> None:
    """Note that everything was put back, where that is so.

    A disk that refused the change may refuse the note as well; the run then counts as cut and reverts the same.

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


def tidy_journal(host: Host, keep: int, reverted: Sequence[journal.JournaledRun] = (), by: str = "") -> list[str]:
    """Keep the journal in order, with its newest ``keep`` runs; the ``reverted`` were taken back by the run ``by``.

    Returns warnings for people: the host is done by now, so what fails here is worth no more.
    """
    try:
        for run in reverted:
            note_reverted(host, run, by)
        journal.prune(host, keep)
    except ClinicalError as error:
        return [f"The host is done, but its journal could not be tidied: {error}"]
    return []


def note_reverted(host: Host, run: journal.JournaledRun, by: str) -> None:
    """Note that a run holds no more; where it was a revert itself, what that had reverted holds again."""
    journal.note_reverted(host, run, by)
    for earlier in journal.runs(host):
        if earlier.reverted_by == run.run_id:
            journal.note_reverted(host, earlier, "")
    boot_watch.forget_reverted(host)


def describe_changes(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Return what changes, in words for a result; what is only watched beside a command is its own business."""
    steps = [step for group in groups for step in group.steps if step.before or step.after]
    folders = {journal.key(step.subject): _data_folder(step) for step in steps}
    named = [_described(journal.key(step.subject), [step]) for step in steps if not folders[journal.key(step.subject)]]
    alike: dict[tuple[str, ...], list[Step]] = {}
    for step in steps:
        folder = folders[journal.key(step.subject)]
        if folder:
            alike.setdefault((folder, step.why, *step.controls), []).append(step)
    return named + [
        _described(f"{same[0].subject.type} {data_folders.describe(place[0], len(same))}", same)
        for place, same in alike.items()
    ]


def _data_folder(step: Step) -> str | None:
    """Return the folder of data that a file whose owner or mode is changed lies in; its name may be a patient's."""
    if not isinstance(step.subject, Meta):
        return None
    return data_folders.data_folder(step.subject.name, (step.wanted or {}).get("kind") == "dir")


def _described(subject: str, steps: Sequence[Step]) -> dict[str, Any]:
    """Return in words one change, or several alike in one folder."""
    return {
        "subject": subject,
        "before": ", ".join(dict.fromkeys(step.before for step in steps)),
        "after": ", ".join(dict.fromkeys(step.after for step in steps)),
        "why": steps[0].why,
        "controls": list(steps[0].controls),
    }
