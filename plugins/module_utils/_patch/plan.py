# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the package manager would do to what this host shall do, and why. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._host.door import Host
from .._host.facts import os_release
from .._vocabulary.patch import NONE, UNKNOWN, UPDATES
from .._vocabulary.stamp import format_stamp
from . import ledger as patch_ledger
from . import restarts, stages
from .ledger import Ledger
from .manager import Manager
from .model import Change, LeftOut, Observed, Plan, in_order
from .policy import Policy
from .space import space


@dataclass(frozen=True)
class Question:
    """What a plan is made from. ``advisories`` are None where no files of them were given.

    ``cves`` says more of those that the manager's own lists name.
    """

    policy: Policy
    now: datetime
    advisories: Optional[Mapping[str, Sequence[Mapping[str, Any]]]] = None
    refresh: bool = False
    cves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A plan, and what was seen when it was made."""

    plan: Plan
    observed: Observed
    ledger: Ledger
    warnings: Tuple[str, ...] = field(default=())


def plan(host: Host, manager: Manager, question: Question) -> Planned:
    """What this host would do now. Nothing but the lists of packages is written."""
    unreachable = manager.refresh() if question.refresh else ()
    ledger = patch_ledger.read(host)
    observed = manager.observe(ledger.expired(format_stamp(question.now)))
    rated = _Rated(manager, question, ledger)
    changes, left_out = _chosen(manager, observed, question, rated)
    running = restarts.running(host)
    changes = tuple(_foretold(manager, running, change) for change in changes)
    doubts = (*observed.unknown_because, *(f"a list could not be read anew: {why}" for why in unreachable))
    found = Plan(
        verdict=UNKNOWN if doubts else UPDATES if changes else NONE,
        unknown_because=doubts,
        changes=changes,
        left_out=left_out,
        sources=observed.sources,
        space=space(host, changes),
        reboot=restarts.reboot(host, running, manager.kernels(observed.packages)),
        services=running.services(),
        unattended_updaters=manager.unattended_updaters(),
        run=_newest(host),
    )
    names = [package.name for package in observed.packages.values()]
    return Planned(found, observed, ledger, _warnings(question, ledger, names))


def to_rate(host: Host, manager: Manager, refresh: bool) -> Dict[str, Any]:
    """What the control node chooses the advisories of this host by; each source has its earliest version."""
    sources: Dict[str, str] = {}
    for package in manager.installed().values():
        known = sources.get(package.source)
        if known is None or manager.within(known, package.source_version, known):
            sources[package.source] = package.source_version
    release = os_release(host)
    return {"codename": release.get("VERSION_CODENAME", ""), "sources": sources, "cves": list(manager.cves(refresh))}


def remember(host: Host, planned: Planned, now: datetime) -> None:
    """Write down what was seen for the first time: with it its deadline begins."""
    plan_, today = planned.plan, format_stamp(now)
    held = {package.name for package in planned.observed.packages.values() if package.held}
    gone = [name for name in planned.ledger.holds() if name not in held]  # somebody has ended a hold of ours
    patch_ledger.add(host, [{"what": patch_ledger.RELEASED, "at": today, "name": name} for name in gone])
    seen = planned.ledger.unseen([*plan_.changes, *(out.change for out in plan_.left_out)])
    patch_ledger.add(host, [patch_ledger.entry(patch_ledger.SEEN, change, today) for change in seen if change.new])


@dataclass(frozen=True)
class _Rated:
    """Gives a change the day it was seen, its advisories, severity and deadline."""

    manager: Manager
    question: Question
    ledger: Ledger

    def __call__(self, change: Change) -> Change:
        first = self.ledger.first_seen(change, self.manager.within) or format_stamp(self.question.now)
        told = [*(self.question.advisories or {}).get(change.source, ()), *self._own(change)]
        seen = replace(change, first_seen=first)
        return self.question.policy.rated(seen, told, self.manager.within, self.question.now)

    def _own(self, change: Change) -> List[Mapping[str, Any]]:
        """What is known of the CVEs that the change names itself: its own version is what closes them."""
        known = self.question.cves
        return [{"cve": cve, "fixed": change.source_new, **known[cve]} for cve in change.cves if cve in known]


def _chosen(
    manager: Manager, observed: Observed, question: Question, rated: _Rated
) -> Tuple[Tuple[Change, ...], Tuple[LeftOut, ...]]:
    """The set that the policy takes, with what that needs; and everything else with its reason."""
    holds = rated.ledger.holds()
    kept = tuple(_our_hold(replace(out, change=rated(out.change)), holds) for out in observed.left_out)
    changes = [rated(change) for change in observed.changes]
    refused: List[LeftOut] = []
    for change in changes:
        out = question.policy.judge(change, question.now)
        if out is not None:
            refused.append(out)
    if not refused:
        return in_order(changes), kept
    names = {(out.change.name, out.change.arch) for out in refused}
    wanted = [change for change in changes if (change.name, change.arch) not in names]
    rated_observed = replace(observed, changes=tuple(changes))
    found, impossible = manager.narrowed(rated_observed, wanted, lambda one: question.policy.against(one, question.now))
    come = {(change.name, change.arch) for change in found}
    stay = [out for out in (*refused, *impossible) if (out.change.name, out.change.arch) not in come]
    fresh = [change if change.first_seen else rated(change) for change in found]
    return in_order(fresh), (*kept, *stay)


def _our_hold(out: LeftOut, holds: Mapping[str, Mapping[str, Any]]) -> LeftOut:
    """A hold that a roll back has left says when it ends."""
    ours = holds.get(out.change.name) if out.kind == "held" else None
    if ours is None:
        return out
    return replace(out, reason=f"{ours['version']} was rolled back in run {ours['run']}", expires=ours["until"])


def _foretold(manager: Manager, running: restarts.Running, change: Change) -> Change:
    units, lasts = restarts.foretold(running, change, manager.files(change) if change.old else ())
    return replace(change, restarts=units, reboot=lasts)


def _newest(host: Host) -> Dict[str, Any]:
    run = stages.newest(host)
    return run.told() if run is not None else {}


def _warnings(question: Question, ledger: Ledger, names: Iterable[str]) -> Tuple[str, ...]:
    ended = question.policy.ended(names, question.now.date())
    lost = [f"{ledger.damaged} lines of the ledger are damaged; they count as never written"] if ledger.damaged else []
    return (*ended, *lost)
