# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a run back: what it replaced, and nothing that others have changed since.

An item that others have changed as well is left and named, and the rest is taken back. Where a later run of ours has
changed it, that run goes first, or several go together as if they were one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._errors import ClinicalError
from .._host.door import Host
from .._text.data_folders import SOMETHING
from . import journal
from .folder_times import FolderTimes
from .journal import JournaledRun, LoadedRun
from .steps import Group, JournalEntry, Step
from .subjects.base import Conflict, Image, SharedFolder, Subject, WayBack
from .subjects.files import File, Meta, is_of_account

#: What a journal says of who made a run that configured a system.
CONFIGURED = "service_config"


@dataclass(frozen=True)
class Drift:
    """An item that is left as it is: the subject, and the conflict or another ``reason``.

    ``built_on_by`` is the later run of ours that has changed it, or nothing. What is ``of_account`` is for that account
    to decide, so the run does not stand for it. ``shown_subject`` and ``shown_conflict`` are what people are told.
    """

    subject: str
    conflict: Conflict | None = None
    reason: str = ""
    built_on_by: str = ""
    of_account: bool = False
    shown_subject: str = ""
    shown_conflict: Conflict | None = None

    def describe(self) -> str:
        """Return the item in words."""
        subject, conflict = self.shown_subject or self.subject, self.shown_conflict or self.conflict
        if conflict is None:
            return f"{subject}: {self.reason}"
        entry = conflict.entry
        if entry.startswith(("/", SOMETHING)):
            item = f"file {entry}" if entry.startswith("/") else entry
        else:
            item = f"{subject} {entry}".rstrip()
        return f"{item}, {self._who()} ({conflict.describe()})"

    def _who(self) -> str:
        if self.built_on_by:
            return f"changed by the later run {self.built_on_by}"
        return "changed by somebody since"

    def as_result(self) -> dict[str, str]:
        """Return the item as a module's result has it."""
        conflict = self.shown_conflict or self.conflict or Conflict("", "", "", "")
        return {
            "subject": self.shown_subject or self.subject,
            "entry": conflict.entry,
            "before": conflict.before,
            "set": conflict.ours,
            "now": conflict.now,
            "reason": self.reason or self._who(),
            "run_id": self.built_on_by,
        }


@dataclass(frozen=True)
class RevertPlan:
    """The way back from a run, or from several as if they were one: what to restore, and what is left and why."""

    run: JournaledRun
    groups: tuple[Group, ...]
    drifted: tuple[Drift, ...]
    damaged: int
    later: tuple[JournaledRun, ...] = ()
    folders: FolderTimes = field(default_factory=dict)

    @property
    def runs(self) -> tuple[JournaledRun, ...]:
        """All runs that are taken back, the newest first."""
        return (*reversed(self.later), self.run)

    @property
    def settled(self) -> tuple[JournaledRun, ...]:
        """Those of which nothing has to be offered again: none where something else is left than accounts decide."""
        if all(drift.of_account for drift in self.drifted):
            return self.runs
        return ()


@dataclass(frozen=True)
class _Terms:
    """How subjects are compared: ``changed`` are the paths of all runs that go back, ``deferred`` those of later ones.

    What is deferred is put back before that of the first run, so its present state tells nothing.
    """

    force: bool
    cut: bool
    changed: frozenset[str]
    deferred: frozenset[str]


@dataclass
class _Findings:
    """What a plan finds out: the steps back by their group, and what is left."""

    steps: dict[int, list[Step]] = field(default_factory=dict)
    drifted: list[Drift] = field(default_factory=list)
    #: The groups of which something is in conflict without which the rest makes no sense.
    torn: dict[int, Subject] = field(default_factory=dict)


def choose_run(host: Host, run_id: str) -> JournaledRun:
    """Return the run to take back: the one named, or the newest of the baseline that enforced something.

    A play that only configured systems has none of its own name; then it is the first of those. Raises ClinicalError
    where there is none.
    """
    known = journal.runs(host)
    named = [run for run in known if run.run_id == run_id] or _configurations_of(host, run_id, known)
    if run_id and not named:
        have = ", ".join(run.run_id for run in known[-5:]) or "none"
        raise ClinicalError("Reverting the run", run_id, "the journal does not hold it", f"It holds: {have}.")
    if named:
        return named[0]
    damaged = [run.run_id for run in known if run.progress == "damaged"]
    if damaged:
        advice = "Name the run to revert with run_id."
        raise ClinicalError("Finding the newest run in", journal.JOURNAL, f"{damaged[0]} is damaged", advice)
    enforced = [run for run in known if run.made_by == "baseline" and not run.reverts and run.progress != "undone"]
    if not enforced:
        raise ClinicalError("Reverting on", "this host", "no run has changed anything here", "There is nothing to do.")
    return enforced[-1]


def _configurations_of(host: Host, run_id: str, runs: Sequence[JournaledRun]) -> list[JournaledRun]:
    """Return which of the runs configured a system in the play of this id, and hold; the system's name ends theirs."""
    configured = []
    for run in runs:
        rest = run.run_id.removeprefix(f"{run_id}-")
        if run.made_by == CONFIGURED and rest != run.run_id and not (run.reverted_by or run.progress == "undone"):
            names = {group.name for group in journal.load(host, run).groups}
            if rest in names or rest.rpartition("-")[0] in names:  # a play may configure a system several times
                configured.append(run)
    return configured


def later_runs(host: Host, run: JournaledRun) -> list[JournaledRun]:
    """Return the runs that came after one and still hold, the oldest first; a way back is none of them."""
    return [
        later
        for later in journal.runs(host)
        if later.sequence > run.sequence and not (later.reverts or later.reverted_by or later.progress == "undone")
    ]


def plan_revert(
    host: Host, run: JournaledRun, with_later: bool = False, force: bool = False, play: str = ""
) -> RevertPlan:
    """Compare what the run made of its subjects with what they are now; nothing is changed.

    Where a ``play`` was named that has no run of its own, all systems that it configured go with the first of them;
    with ``with_later`` all later runs of ours do. With ``force`` what they wrote is put back also
    where others have changed the same since.
    """
    since = later_runs(host, run)
    later = _configurations_of(host, play, since) if play != run.run_id else []
    if with_later:
        later = [other for other in since if other.made_by != "commit_confirm"]
    loaded = [journal.load(host, taken) for taken in (run, *later)]
    joined = _joined(loaded)
    deferred = frozenset(path for other in loaded[1:] for path in touched_paths(other))
    cut = any(r.reverts == run.run_id and r.progress == "applying" for r in journal.runs(host)) and not run.reverted_by
    findings = _Findings()
    terms = _Terms(force=force, cut=cut, changed=frozenset(touched_paths(joined)), deferred=deferred)
    for entry in joined.entries:
        _examine(host, entry, joined, terms, findings)
    _leave_torn(joined.groups, findings)
    drifted = findings.drifted
    if drifted and not with_later:
        drifted = _attributed(drifted, [journal.load(host, other) for other in reversed(since)])
    return RevertPlan(
        run=run,
        groups=_turned(joined.groups, findings.steps, cut),
        drifted=tuple(drifted),
        damaged=joined.damaged,
        later=tuple(later),
        folders=joined.folders,
    )


def sweep(host: Host, run: JournaledRun) -> None:
    """Remove the half-written files that a killed run, or a killed revert of it, left behind."""
    for entry in journal.load(host, run).entries:
        entry.step.subject.sweep(host)


def refuse_unless_safe(way: RevertPlan, force: bool) -> None:
    """Raise where the journal does not tell the whole way, a later run builds on this one, or nothing can go back."""
    if force:
        return
    doing, subject = "Reverting the run", way.run.run_id
    if way.damaged:
        reason = "its journal is damaged, so not every before-image can be read; nothing was changed"
        raise ClinicalError(doing, subject, reason, "force: true restores what can be read.")
    later = sorted({drift.built_on_by for drift in way.drifted} - {""})
    if later:
        items = "; ".join(drift.describe() for drift in way.drifted if drift.built_on_by)
        reason = f"the later run {' and '.join(later)} builds on it; nothing was changed: {items}"
        advice = "Take the later one back first, or all of them in one with later_runs: true."
        raise ClinicalError(doing, subject, reason, advice)
    if way.drifted and not way.groups:
        reason = f"nothing was changed: {'; '.join(drift.describe() for drift in way.drifted)}"
        advice = "Look at them; force: true restores what the run wrote there all the same."
        raise ClinicalError(doing, subject, reason, advice)


def _joined(loaded: Sequence[LoadedRun]) -> LoadedRun:
    """Return several runs, the oldest first, as if they were one: each subject before the first, after the last.

    Raises ClinicalError where one of several was cut, because nobody knows what it came to change.
    """
    if len(loaded) == 1:
        return loaded[0]
    cut = [part.run.run_id for part in loaded if part.run.progress == "applying"]
    if cut:
        raise ClinicalError("Reverting the run", cut[0], "it was cut before it ended", "Take it back first, by itself.")
    groups: list[Group] = []
    entries: dict[str, JournalEntry] = {}
    after: dict[str, Image] = {}
    folders: FolderTimes = {}
    for part in loaded:
        folders = {**part.folders, **folders}
        for entry in part.entries:
            _join(entry, part.after, len(groups), entries, after)
        groups += part.groups
    return LoadedRun(
        run=loaded[0].run,
        groups=tuple(groups),
        entries=tuple(sorted(entries.values(), key=lambda entry: entry.group)),
        after=after,
        damaged=sum(part.damaged for part in loaded),
        folders=folders,
    )


def _join(
    entry: JournalEntry,
    made: dict[str, Image],
    offset: int,
    entries: dict[str, JournalEntry],
    after: dict[str, Image],
) -> None:
    key, known = journal.key(entry.step.subject), _known_as(entry.step.subject, entries)
    if known not in entries:
        entries[known] = replace(entry, group=offset + entry.group)
        after.update({known: made[key]} if key in made else {})
    elif key in made and known in after:
        earlier, later = (entries[known].before, after[known]), (entry.before, made[key])
        before, after[known] = entry.step.subject.joined(earlier, later)
        entries[known] = replace(entries[known], before=before)


def _known_as(subject: Subject, entries: Mapping[str, JournalEntry]) -> str:
    """Return the key of a subject; of a file, that of whichever subject an earlier run knew the same file as.

    What comes with a package of the same run is awaited; to the runs after it, it is a file like others.
    """
    for key, entry in entries.items():
        known = entry.step.subject
        if isinstance(subject, File) and isinstance(known, File) and known.path == subject.path:
            return key
    return journal.key(subject)


def _examine(host: Host, entry: JournalEntry, run: LoadedRun, terms: _Terms, findings: _Findings) -> None:
    """Note the step that puts a subject back, and what of it is left."""
    subject, key = entry.step.subject, journal.key(entry.step.subject)
    shown = _shown_key(subject, entry.before)
    of_account = False
    try:
        now = subject.capture(host)
        of_account = is_of_account(host, subject, now, entry.before)
        way = _way_back(entry, run.after.get(key), now, terms)
        done = subject.matches(now, way.goal)
        obstacle = "" if done else subject.obstacle(host, way.goal)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not keep the rest from being taken back
        way, done, obstacle = WayBack(entry.before), False, "" if terms.force else f"it cannot be read: {error}"
    drifted = [Drift(key, reason=obstacle, shown_subject=shown)] if obstacle else []
    if not terms.force:
        conflicts = [conflict for conflict in way.conflicts if conflict.entry.partition(" ")[0] not in terms.deferred]
        drifted += [
            Drift(
                subject=key,
                conflict=conflict,
                of_account=of_account,
                shown_subject=shown,
                shown_conflict=subject.shown_conflict(conflict),
            )
            for conflict in conflicts
        ]
    findings.drifted += drifted
    if drifted and not subject.STANDS_ALONE:
        findings.torn[entry.group] = subject
    if not done and not obstacle:
        findings.steps.setdefault(entry.group, []).append(_step_back(entry, subject.deferred(way.goal, terms.deferred)))


def _shown_key(subject: Subject, image: Image) -> str:
    """Return the key of a subject as people are told it."""
    return f"{subject.type} {subject.shown_name(image)}"


def _step_back(entry: JournalEntry, goal: Image) -> Step:
    return replace(
        entry.step,
        wanted=goal,
        before=entry.step.after,
        after=entry.step.before,
        why="put back",
        watched=entry.step.beside or entry.step.subject.MADE_OF_OTHERS,
    )


def _way_back(entry: JournalEntry, after: Image | None, now: Image, terms: _Terms) -> WayBack:
    """Return the way back of a subject. A run that was cut did not note what it had made (``after``)."""
    subject = entry.step.subject
    # The commands of a revert that was cut left what lies beside them in a state that nobody noted.
    unknown = terms.cut and entry.step.beside
    if after is not None:
        present = after if unknown else subject.without(now, after, terms.changed)
        return subject.way_back(entry.before, after, present, terms.force)
    if unknown or subject.is_partial(now, entry.before, entry.step.wanted or now):
        return WayBack(entry.before)
    conflict = Conflict("", "as it was", entry.step.after or "as the run wanted it", "something else")
    return WayBack(entry.before if terms.force else now, (conflict,))


def _leave_torn(groups: Sequence[Group], findings: _Findings) -> None:
    """Leave the whole of a group of which a part is left without which the rest would be half done.

    Where all of a group are alike, such as texts for people, each stands for itself.
    """
    for number, cause in findings.torn.items():
        steps = findings.steps.get(number, [])
        if {step.subject.type for step in steps} <= {cause.type}:
            continue
        findings.steps.pop(number)
        reason = f"it goes with {_shown_key(cause, {})}"
        left = [step for step in steps if step.subject != cause and (step.before or step.after)]
        findings.drifted += [
            Drift(journal.key(step.subject), reason=reason, shown_subject=_shown_key(step.subject, step.wanted or {}))
            for step in left
        ]


def _attributed(drifted: Sequence[Drift], later: Sequence[LoadedRun]) -> list[Drift]:
    """Return what is left, each with the newest of the later runs that has changed the same, if one has.

    A folder that a later run uses as well just stays.
    """
    changed = [(run.run.run_id, touched_paths(run) | set(run.after)) for run in later]
    named = []
    for drift in drifted:
        paths = {drift.subject, drift.subject.rpartition(" ")[2]}
        paths |= {drift.conflict.entry.partition(" ")[0]} - {""} if drift.conflict else set()
        builders = [run_id for run_id, touched in changed if not touched.isdisjoint(paths)]
        builds_on = builders and drift.conflict and not isinstance(drift.conflict, SharedFolder)
        named.append(replace(drift, built_on_by=builders[0]) if builds_on else drift)
    return named


def touched_paths(run: LoadedRun) -> set[str]:
    """Return the paths that a run has changed, as far as it has noted them."""
    paths: set[str] = set()
    for entry in run.entries:
        touched: Sequence[str] | None = run.after.get(journal.key(entry.step.subject), {}).get("touched")
        paths.update(paths_of(entry.step.subject) if touched is None else touched)
    return paths


def paths_of(subject: Subject) -> tuple[str, ...]:
    """Return the files that a subject may change."""
    path: Any = getattr(subject, "path", subject.name)
    return tuple(getattr(subject, "outputs", (path,)))


def _turned(groups: Sequence[Group], steps: dict[int, list[Step]], cut: bool) -> tuple[Group, ...]:
    """Return the groups, the last first, and in each the last step first, but what is only watched behind the others.

    After a revert that was cut, all is made live again, also what it had restored already.
    """
    numbered = reversed(list(enumerate(groups)))
    chosen = [(group, steps.get(n, [])) for n, group in numbered if n in steps or (cut and group.effects)]
    return _metadata_first([replace(group, steps=tuple(_backwards(back))) for group, back in chosen])


def _metadata_first(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Return the groups with those in front that only give owners and modes back, of paths that no other one touches.

    Whoever reads settings would otherwise do so before the last change to them, and count as not having read it.
    """
    touching = Counter(path for group in groups for path in _touched(group))

    def comes_late(group: Group) -> bool:
        return not _is_metadata(group) or any(touching[path] > 1 for path in _touched(group))

    return tuple(sorted(groups, key=comes_late))


def _touched(group: Group) -> set[str]:
    return {path for step in group.steps for path in paths_of(step.subject)}


def _is_metadata(group: Group) -> bool:
    return bool(group.steps) and not group.effects and all(isinstance(step.subject, Meta) for step in group.steps)


def _backwards(steps: Sequence[Step]) -> list[Step]:
    turned = list(reversed(steps))
    return [step for step in turned if not step.beside] + [step for step in turned if step.beside]
