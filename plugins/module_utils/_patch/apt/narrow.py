# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The set that apt would change for a part of the upgrade, with what that part needs. Private to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..._host.door import Host
from ..manager import BarCheck
from ..model import INSTALL, REMOVE, Observed, OmittedChange, PackageChange, because, in_order
from . import observe as look
from . import read
from .read import SimulatedStep

_NEVER = -1
_STAYS = 1001
_NEEDS = "it needs a package that may not come"

Narrowed = tuple[tuple[PackageChange, ...], tuple[OmittedChange, ...]]


def narrow(host: Host, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
    """``chosen`` with what it needs, as long as nothing of that is barred; otherwise as much of it as is possible."""
    if not chosen:
        return (), ()
    shut = [change for change in _known(observed) if barred(change) is not None]
    words = [f"{change.key}={change.new}" for change in chosen if change.change not in (INSTALL, REMOVE)]
    done = look.simulate(host, ["install", *words], look.pins((c.name, c.new, _NEVER) for c in shut if c.new))
    found = _described(host, observed, read.simulated(done.out).steps) if done.rc == 0 and words else ()
    if not found or any(barred(change) is not None for change in found):
        found = _as_much_as_possible(host, observed, chosen)
    return _told(found, chosen)


def _known(observed: Observed) -> list[PackageChange]:
    return [*observed.changes, *(out.change for out in observed.omitted)]


def _as_much_as_possible(host: Host, observed: Observed, chosen: Sequence[PackageChange]) -> tuple[PackageChange, ...]:
    """The upgrade with everything else nailed down: apt keeps back what cannot come without it."""
    names = {change.name for change in chosen}
    others = [change for change in _known(observed) if change.name not in names]
    rules = [(c.name, c.old, _STAYS) if c.old else (c.name, c.new, _NEVER) for c in others]
    done = look.simulate(host, ["dist-upgrade"], look.pins(rules))
    return _described(host, observed, read.simulated(done.out).steps) if done.rc == 0 else ()


def _described(host: Host, observed: Observed, steps: Sequence[SimulatedStep]) -> tuple[PackageChange, ...]:
    """The steps as changes; what the whole upgrade holds as well is described already."""
    known: dict[tuple[str, str], PackageChange] = {(change.name, change.new): change for change in _known(observed)}
    strange = [step for step in steps if (step.name, step.new) not in known]
    if strange:
        table = look.OfferTable(observed.packages, {}, {index.description: index for index in look.indexes(host)})
        offered = look.offers(host, [table.named(step.name, step.arch) for step in strange])
        for change in look.described(host, replace(table, offers=offered), strange):
            known[(change.name, change.new)] = change
    return tuple(known[(step.name, step.new)] for step in steps)


def _told(found: Sequence[PackageChange], chosen: Sequence[PackageChange]) -> Narrowed:
    names = {change.name for change in chosen}
    changes = [change if change.name in names else because(change, "the others need it") for change in found]
    come = {change.name for change in found}
    missing = [OmittedChange("excluded", change, _NEEDS) for change in in_order(chosen) if change.name not in come]
    # A new package that only served what stays away is not missed by anybody.
    return in_order(changes), tuple(out for out in missing if out.change.change not in (INSTALL, REMOVE))
