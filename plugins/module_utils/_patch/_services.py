# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restarts that were held back, done in the order that the site wants, and what did not come back. Private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Set, Tuple

from .. import _availability
from .._availability import Seen
from .._errors import ClinicalError
from .._host import Host
from .._subjects.units import has_systemd, show, systemctl
from . import _restarts

NOW = "now"
ASK = "ask"
_STARTS = ("start", "restart", "reload", "try-restart", "force-reload", "reload-or-restart", "try-reload-or-restart")


@dataclass(frozen=True)
class Settled:
    """Which services were restarted, which still have to be, and what worked before and does not now."""

    restarted: Tuple[str, ...] = ()
    to_restart: Tuple[str, ...] = ()
    down: Tuple[str, ...] = ()


def settle(host: Host, asked: Sequence[Tuple[str, str]], mode: str, order: Sequence[str], before: Seen) -> Settled:
    """Restart what packages asked for and what runs old libraries; tell what is down afterwards."""
    if not has_systemd(host):
        return Settled()
    if asked:
        systemctl(host, "daemon-reload")  # a unit that came or went with its package is seen only after this
    stops, wanted = _wanted(host, asked, before)
    ordered = _restarts.in_order(wanted, order)
    if mode == ASK:
        return Settled((), (*stops, *ordered), _lost(host, before, False))
    for unit in stops:
        _tried(host, "stop", unit)
    failed = [unit for unit in ordered if not _tried(host, "restart", unit)]
    lost = _lost(host, before, bool(ordered))
    return Settled(ordered, (), tuple(dict.fromkeys([*failed, *lost])))


def _wanted(host: Host, asked: Sequence[Tuple[str, str]], before: Seen) -> Tuple[List[str], Set[str]]:
    """The units to stop, since they went with their package, and those to restart or start."""
    old = {*_restarts.running(host).services(), *_restarts.asked_needrestart(host)}
    begun = {unit for unit, action in asked if action in _STARTS}
    named = list(dict.fromkeys(unit for unit, _action in asked))
    units = show(host, sorted({*named, *old}))
    stops = [unit for unit in named if unit not in begun and not units[unit].exists]
    wanted = {unit for unit in old if units[unit].running}
    for unit in begun:
        seen = units[unit]
        # One that somebody stopped or switched off stays as it is; one that is new begins.
        if seen.running or unit in before.units or seen.enabled in ("enabled", "enabled-runtime"):
            wanted.add(unit)
    return stops, {unit for unit in wanted if _restarts.may_restart(unit)}


def _tried(host: Host, verb: str, unit: str) -> bool:
    try:
        systemctl(host, verb, unit)
    except ClinicalError:
        return False
    return True


def _lost(host: Host, before: Seen, restarted: bool) -> Tuple[str, ...]:
    """What worked before works after: sockets and units, as after every other run."""
    if restarted:
        host.sleep(_availability.DWELL)
    return tuple(_availability.compare(host, before, ()).lost)
