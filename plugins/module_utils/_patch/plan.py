# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the package manager would do to what this host shall do, and why. Changes no package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from .._host.door import Host
from .._host.facts import os_release
from .._vocabulary.patch import NONE, UNKNOWN, UPDATES
from .._vocabulary.stamp import format_stamp
from . import ledger as patch_ledger
from . import restarts, stages
from .ledger import Ledger
from .manager import Manager
from .model import Observed, OmittedChange, PackageChange, Plan, in_order
from .policy import Policy
from .space import space


@dataclass(frozen=True)
class PlanInputs:
    """What a plan is made from. ``advisories`` are None where no files of them were given.

    ``advisories`` are by source package; ``cves`` says more of those that the manager's own lists name.
    """

    policy: Policy
    now: datetime
    advisories: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    refresh: bool = False
    cves: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Planned:
    """A plan, and what was seen when it was made."""

    plan: Plan
    observed: Observed
    ledger: Ledger
    warnings: tuple[str, ...] = field(default=())


def plan(host: Host, manager: Manager, inputs: PlanInputs) -> Planned:
    """Return what this host would do now. Nothing but the lists of packages is written."""
    unreachable = manager.refresh() if inputs.refresh else ()
    ledger = patch_ledger.read(host)
    observed = manager.observe(ledger.expired(format_stamp(inputs.now)))
    changes, omitted = _choose(manager, observed, inputs, _Rating(manager, inputs, ledger))
    processes = restarts.read_mapped_files(host)
    changes = tuple(_with_interruptions(manager, processes, change) for change in changes)
    doubts = (
        *observed.broken,
        *observed.unknown_because,
        *(f"a list could not be read anew: {why}" for why in unreachable),
    )
    proposed = Plan(
        verdict=_verdict(doubts, changes),
        unknown_because=doubts,
        changes=changes,
        omitted=omitted,
        sources=observed.sources,
        space=space(host, changes),
        reboot=restarts.assess_reboot(host, processes, manager.kernels(observed.packages)),
        services=processes.services(),
        unattended_updaters=manager.unattended_updaters(),
        run=_newest(host),
    )
    names = [package.name for package in observed.packages.values()]
    return Planned(
        plan=proposed,
        observed=observed,
        ledger=ledger,
        warnings=_warnings(inputs, ledger, names),
    )


def _verdict(doubts: Sequence[str], changes: Sequence[PackageChange]) -> str:
    if doubts:
        return UNKNOWN
    return UPDATES if changes else NONE


def rating_inputs(host: Host, manager: Manager, refresh: bool) -> dict[str, Any]:
    """Return what the control node chooses the advisories of this host by: codename, sources and cves.

    ``sources`` maps each source package to the earliest version of it that is installed.
    """
    sources: dict[str, str] = {}
    for package in manager.installed().values():
        known = sources.get(package.source)
        if known is None or manager.brings(known, package.source_version, known):
            sources[package.source] = package.source_version
    codename = os_release(host).get("VERSION_CODENAME", "")
    return {"codename": codename, "sources": sources, "cves": list(manager.cves(refresh))}


def remember(host: Host, planned: Planned, now: datetime) -> None:
    """Write down what was seen for the first time: with it its deadline begins."""
    at = format_stamp(now)
    held = {package.name for package in planned.observed.packages.values() if package.held}
    released = [name for name in planned.ledger.holds() if name not in held]  # somebody has ended a hold of ours
    patch_ledger.add(host, [{"what": patch_ledger.RELEASED, "at": at, "name": name} for name in released])
    changes = [*planned.plan.changes, *(out.change for out in planned.plan.omitted)]
    unseen = [change for change in planned.ledger.unseen(changes) if change.new]
    patch_ledger.add(host, [patch_ledger.entry(patch_ledger.SEEN, change, at) for change in unseen])


@dataclass(frozen=True)
class _Rating:
    """Gives a change the day it was seen, its advisories, severity and deadline."""

    manager: Manager
    inputs: PlanInputs
    ledger: Ledger

    def rate(self, change: PackageChange) -> PackageChange:
        """Return the change as the policy rates it, with the day on which it was first seen."""
        first_seen = self.ledger.first_seen(change, self.manager.brings) or format_stamp(self.inputs.now)
        advisories = [*(self.inputs.advisories or {}).get(change.source, ()), *self._from_lists(change)]
        dated = replace(change, first_seen=first_seen)
        return self.inputs.policy.rate(dated, advisories, self.manager.brings, self.inputs.now)

    def _from_lists(self, change: PackageChange) -> list[Mapping[str, Any]]:
        """Return what is known of the CVEs that the change names itself: its own version is what closes them."""
        known = self.inputs.cves
        return [{"cve": cve, "fixed": change.source_new, **known[cve]} for cve in change.cves if cve in known]


def _choose(
    manager: Manager, observed: Observed, inputs: PlanInputs, rating: _Rating
) -> tuple[tuple[PackageChange, ...], tuple[OmittedChange, ...]]:
    """Return the set that the policy takes, with what that needs; and everything else with its reason."""
    policy, now = inputs.policy, inputs.now
    holds = rating.ledger.holds()
    kept_back = tuple(_with_our_hold(replace(out, change=rating.rate(out.change)), holds) for out in observed.omitted)
    changes = [rating.rate(change) for change in observed.changes]
    verdicts = [policy.judge(change, now) for change in changes]
    refused = [out for out in verdicts if out is not None]
    if not refused:
        return in_order(changes), kept_back
    chosen = [change for change, out in zip(changes, verdicts) if out is None]
    narrowed, impossible = manager.narrow(
        replace(observed, changes=tuple(changes)), chosen, lambda change: policy.exclusion(change, now)
    )
    coming = {(change.name, change.arch) for change in narrowed}
    staying = [out for out in (*refused, *impossible) if (out.change.name, out.change.arch) not in coming]
    rated = [change if change.first_seen else rating.rate(change) for change in narrowed]
    return in_order(rated), (*kept_back, *staying)


def _with_our_hold(out: OmittedChange, holds: Mapping[str, Mapping[str, Any]]) -> OmittedChange:
    """Return the omitted change; a hold that a roll back has left says when it ends."""
    hold = holds.get(out.change.name) if out.kind == "held" else None
    if hold is None:
        return out
    return replace(out, reason=f"{hold['version']} was rolled back in run {hold['run']}", expires=hold["until"])


def _with_interruptions(manager: Manager, processes: restarts.MappedFiles, change: PackageChange) -> PackageChange:
    files = manager.files(change) if change.old else ()
    units, reboot = restarts.predict_interruptions(processes, change, files)
    return replace(change, restarts=units, reboot=reboot)


def _newest(host: Host) -> dict[str, Any]:
    run = stages.newest(host)
    if run is not None:
        return run.as_result()
    return {}


def _warnings(inputs: PlanInputs, ledger: Ledger, names: Iterable[str]) -> tuple[str, ...]:
    warnings = list(inputs.policy.describe_expired(names, inputs.now.date()))
    if ledger.damaged:
        warnings.append(f"{ledger.damaged} lines of the ledger are damaged; they count as never written")
    return tuple(warnings)
