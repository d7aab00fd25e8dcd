# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking a run back: exactly what it replaced, and only where nobody changed it since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._errors import ClinicalError
from .._host.door import Host
from . import journal
from .journal import JournaledRun, LoadedRun
from .steps import Group, JournalEntry, Step
from .subjects.base import Image


@dataclass(frozen=True)
class RevertPlan:
    """The way back from a run: what to restore in which groups, and what was changed by others since."""

    run: JournaledRun
    groups: tuple[Group, ...]
    drifted: tuple[str, ...]
    damaged: int


def choose_run(host: Host, run_id: str) -> JournaledRun:
    """Return the run to take back: the one named, or the newest of the baseline that enforced something.

    Raises ClinicalError where there is none.
    """
    known = journal.runs(host)
    named = [run for run in known if run.run_id == run_id]
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


def plan_revert(host: Host, run: JournaledRun) -> RevertPlan:
    """Compare what the run made of its subjects with what they are now; nothing is changed."""
    loaded = journal.load(host, run)
    cut = any(r.reverts == run.run_id and r.progress == "applying" for r in journal.runs(host)) and not run.reverted_by
    steps: dict[int, list[Step]] = {}
    drifted: list[str] = []
    for entry in loaded.entries:
        subject, goal = entry.step.subject, _goal(entry, loaded)
        now = subject.capture(host)
        if subject.matches(now, goal):
            continue
        # The commands of a revert that was cut left what lies beside them in a state that nobody noted.
        if not (cut and entry.step.beside) and not _is_ours(entry, loaded, now):
            drifted.append(journal.key(subject))
        step = replace(entry.step, wanted=goal, before=entry.step.after, after=entry.step.before, why="put back")
        steps.setdefault(entry.group, []).append(step)
    return RevertPlan(
        run=run,
        groups=_turned(loaded.groups, steps, cut),
        drifted=tuple(drifted),
        damaged=loaded.damaged,
    )


def sweep(host: Host, run: JournaledRun) -> None:
    """Remove the half-written files that a killed run, or a killed revert of it, left behind."""
    for entry in journal.load(host, run).entries:
        entry.step.subject.sweep(host)


def refuse_unless_safe(way: RevertPlan, force: bool) -> None:
    """Raise where going back would lose somebody's later change, or where the journal does not tell the whole way."""
    if force:
        return
    doing, subject = "Reverting the run", way.run.run_id
    if way.damaged:
        reason = "its journal is damaged, so not every before-image can be read; nothing was changed"
        raise ClinicalError(doing, subject, reason, "force: true restores what can be read.")
    if way.drifted:
        reason = f"changed by somebody since: {', '.join(way.drifted)}; nothing was changed"
        raise ClinicalError(doing, subject, reason, "Look at them; force: true restores them all the same.")


def _goal(entry: JournalEntry, loaded: LoadedRun) -> Image:
    after = loaded.after.get(journal.key(entry.step.subject))
    return entry.before if after is None else entry.step.subject.inverse(entry.before, after)


def _is_ours(entry: JournalEntry, loaded: LoadedRun, now: Image) -> bool:
    """Compare ``now`` with the run: True for what it made, also in part, as where the run or its revert was cut."""
    subject = entry.step.subject
    after = loaded.after.get(journal.key(subject)) or entry.step.wanted or now
    return subject.is_partial(now, entry.before, after)


def _turned(groups: Sequence[Group], steps: dict[int, list[Step]], cut: bool) -> tuple[Group, ...]:
    """Return the groups, the last first, and in each the last step first, but what is only watched behind the others.

    After a revert that was cut, all is made live again, also what it had restored already.
    """
    numbered = reversed(list(enumerate(groups)))
    chosen = [(group, steps.get(n, [])) for n, group in numbered if n in steps or (cut and group.effects)]
    return tuple(replace(group, steps=tuple(_backwards(back))) for group, back in chosen)


def _backwards(steps: Sequence[Step]) -> list[Step]:
    turned = list(reversed(steps))
    return [step for step in turned if not step.beside] + [step for step in turned if step.beside]
