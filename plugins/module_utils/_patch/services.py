# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restarts that were held back, done in the order that the site wants, and what did not come back. Private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import FrozenSet, Sequence, Tuple

from .._change import availability
from .._change.availability import Snapshot
from .._change.subjects.units import has_systemd, show, systemctl
from .._errors import ClinicalError
from .._host.door import Host
from . import restarts as patch_restarts
from .manager import Asked

NOW = "now"
ASK = "ask"
_ENABLED = ("enabled", "enabled-runtime")
_STARTS = ("start", "restart", "reload", "try-restart", "force-reload", "reload-or-restart", "try-reload-or-restart")


@dataclass(frozen=True)
class Settled:
    """Which services were restarted, which somebody else has to, and what worked before and does not now."""

    restarted: Tuple[str, ...] = ()
    to_restart: Tuple[str, ...] = ()
    down: Tuple[str, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    stops: Tuple[str, ...]
    restarts: FrozenSet[str]
    put_off: FrozenSet[str]


def settle(host: Host, asked: Sequence[Asked], mode: str, order: Sequence[str], before: Snapshot) -> Settled:
    """Restart what packages asked for and what runs old libraries, unless the site lets nobody; tell what is down."""
    if not has_systemd(host):
        return Settled()
    if asked:
        systemctl(host, "daemon-reload")  # a unit that came or went with its package is seen only after this
    wanted = _wanted(host, asked, before)
    ordered, put_off = (patch_restarts.in_order(units, order) for units in (wanted.restarts, wanted.put_off))
    if mode == ASK:
        return Settled((), (*wanted.stops, *ordered, *put_off), _lost(host, before, False))
    for unit in wanted.stops:
        _tried(host, "stop", unit)
    failed = [unit for unit in ordered if not _tried(host, "restart", unit)]
    lost = _lost(host, before, bool(ordered))
    return Settled(ordered, put_off, tuple(dict.fromkeys([*failed, *lost])))


def _wanted(host: Host, asked: Sequence[Asked], before: Snapshot) -> _Wanted:
    """The units to stop, since they went with their package, those to restart or start, and those left to the site."""
    outdated = patch_restarts.outdated(host)
    begun = {one.unit for one in asked if one.action in _STARTS}
    named = list(dict.fromkeys(one.unit for one in asked))
    units = show(host, sorted({*named, *outdated.due, *outdated.put_off}))
    stops = [unit for unit in named if unit not in begun and not units[unit].exists]
    # One that somebody stopped or switched off stays as it is; one that is new begins.
    wanted = {u for u in begun if units[u].running or u in before.units or units[u].enabled in _ENABLED}
    forbidden = wanted & {one.unit for one in asked if one.refused}
    put_off = {unit for unit in outdated.put_off - wanted if units[unit].running}
    wanted |= {unit for unit in outdated.due if units[unit].running}
    told = (wanted - forbidden, forbidden | put_off)
    return _Wanted(tuple(stops), *(frozenset(filter(patch_restarts.may_restart, units)) for units in told))


def _tried(host: Host, verb: str, unit: str) -> bool:
    try:
        systemctl(host, verb, unit)
    except ClinicalError:
        return False
    return True


def _lost(host: Host, before: Snapshot, restarted: bool) -> Tuple[str, ...]:
    """What worked before works after: sockets and units, as after every other run."""
    if restarted:
        host.sleep(availability.DWELL)
    return tuple(availability.compare(host, before, ()).lost)
