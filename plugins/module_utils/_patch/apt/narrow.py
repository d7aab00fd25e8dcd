# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The set that apt would change for a part of the upgrade, with what that part needs. Changes no package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..._host.door import Host
from ..manager import BarCheck, Narrowed
from ..model import INSTALL, REMOVE, Observed, OmittedChange, PackageChange, because, in_order
from . import observe as look_at
from . import read
from .read import SimulatedStep

#: Priorities of pins: a version that never comes, and one that stays though it would be a downgrade.
_NEVER = -1
_STAYS = 1001
_NEEDS = "it needs a package that may not come"


def narrow(host: Host, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
    """Return ``chosen`` with what it needs, as long as nothing of that is barred; otherwise as much as is possible."""
    if not chosen:
        return (), ()
    coming = _with_needs(host, observed, chosen, barred)
    if not coming or any(barred(change) is not None for change in coming):
        coming = _as_much_as_possible(host, observed, chosen)
    return _narrowed(coming, chosen)


def _with_needs(
    host: Host, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck
) -> tuple[PackageChange, ...]:
    """Return what apt would change for the chosen while nothing barred may come; none where it finds no way."""
    names = [f"{change.key}={change.new}" for change in chosen if change.change not in (INSTALL, REMOVE)]
    shut = [change for change in _known(observed) if barred(change) is not None]
    pins = look_at.pins((change.name, change.new, _NEVER) for change in shut if change.new)
    done = look_at.simulate(host, ["install", *names], pins)
    if done.rc != 0 or not names:
        return ()
    return _described(host, observed, read.simulated(done.out).steps)


def _known(observed: Observed) -> list[PackageChange]:
    return [*observed.changes, *(out.change for out in observed.omitted)]


def _as_much_as_possible(host: Host, observed: Observed, chosen: Sequence[PackageChange]) -> tuple[PackageChange, ...]:
    """Return the upgrade with everything else nailed down: apt keeps back what cannot come without it."""
    names = {change.name for change in chosen}
    rules = []
    for change in _known(observed):
        if change.name not in names:
            rule = (change.old, _STAYS) if change.old else (change.new, _NEVER)
            rules.append((change.name, *rule))
    done = look_at.simulate(host, ["dist-upgrade"], look_at.pins(rules))
    if done.rc == 0:
        return _described(host, observed, read.simulated(done.out).steps)
    return ()


def _described(host: Host, observed: Observed, steps: Sequence[SimulatedStep]) -> tuple[PackageChange, ...]:
    """Return the steps as changes; what is part of the whole upgrade is described already."""
    known: dict[tuple[str, str], PackageChange] = {(c.name, c.new): c for c in _known(observed)}
    strange = [step for step in steps if (step.name, step.new) not in known]
    if strange:
        indexes = {index.description: index for index in look_at.indexes(host)}
        table = look_at.OfferTable(observed.packages, {}, indexes)
        offers = look_at.offers(host, [table.named(step.name, step.arch) for step in strange])
        for change in look_at.described(host, replace(table, offers=offers), strange):
            known[(change.name, change.new)] = change
    return tuple(known[(step.name, step.new)] for step in steps)


def _narrowed(coming: Sequence[PackageChange], chosen: Sequence[PackageChange]) -> Narrowed:
    chosen_names, names = {change.name for change in chosen}, {change.name for change in coming}
    changes = [c if c.name in chosen_names else because(c, "the others need it") for c in coming]
    missing = [change for change in in_order(chosen) if change.name not in names]
    # A new package that only served what stays away is not missed by anybody.
    missed = [change for change in missing if change.change not in (INSTALL, REMOVE)]
    return in_order(changes), tuple(OmittedChange("excluded", change, _NEEDS) for change in missed)
