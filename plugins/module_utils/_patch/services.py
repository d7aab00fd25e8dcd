# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restarts that were held back, done in the order that the site wants, and what did not come back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .._change import availability
from .._change.availability import Snapshot
from .._change.subjects.units import has_systemd, show, systemctl
from .._errors import ClinicalError
from .._host.door import Host
from . import restarts as patch_restarts
from .manager import ServiceRequest

NOW = "now"
ASK = "ask"
_ENABLED = ("enabled", "enabled-runtime")
_STARTS = ("start", "restart", "reload", "try-restart", "force-reload", "reload-or-restart", "try-reload-or-restart")


@dataclass(frozen=True)
class RestartOutcome:
    """Which services were restarted, which somebody else has to, and what worked before and does not now."""

    restarted: tuple[str, ...] = ()
    to_restart: tuple[str, ...] = ()
    down: tuple[str, ...] = ()


@dataclass(frozen=True)
class _RestartPlan:
    """The units to stop, since they went with their package, those to restart or start, and those left to the site."""

    stops: tuple[str, ...]
    restarts: tuple[str, ...]
    deferred: tuple[str, ...]


def settle(
    host: Host, requests: Sequence[ServiceRequest], mode: str, order: Sequence[str], before: Snapshot
) -> RestartOutcome:
    """Restart what packages requested and what runs old libraries, unless the site lets nobody.

    ``mode`` is NOW or ASK, ``order`` patterns of units. What worked ``before`` and does not now is down.
    """
    if not has_systemd(host):
        return RestartOutcome()
    if requests:
        systemctl(host, "daemon-reload")  # a unit that came or went with its package is seen only after this
    plan = _plan_restarts(host, requests, order, before)
    if mode == ASK:
        to_restart = (*plan.stops, *plan.restarts, *plan.deferred)
        return RestartOutcome(to_restart=to_restart, down=_lost(host, before, restarted=False))
    for unit in plan.stops:
        _succeeds(host, "stop", unit)
    failed = [unit for unit in plan.restarts if not _succeeds(host, "restart", unit)]
    lost = _lost(host, before, restarted=bool(plan.restarts))
    return RestartOutcome(
        restarted=plan.restarts,
        to_restart=plan.deferred,
        down=tuple(dict.fromkeys([*failed, *lost])),
    )


def _plan_restarts(
    host: Host, requests: Sequence[ServiceRequest], order: Sequence[str], before: Snapshot
) -> _RestartPlan:
    outdated = patch_restarts.outdated(host)
    starting = {request.unit for request in requests if request.action in _STARTS}
    named = list(dict.fromkeys(request.unit for request in requests))
    units = show(host, sorted({*named, *outdated.due, *outdated.deferred}))
    # One that somebody stopped or switched off stays as it is; one that is new begins.
    wanted = {u for u in starting if units[u].running or u in before.units or units[u].enabled in _ENABLED}
    forbidden = wanted & {request.unit for request in requests if request.refused}
    deferred = {unit for unit in outdated.deferred - wanted if units[unit].running}
    wanted |= {unit for unit in outdated.due if units[unit].running}
    return _RestartPlan(
        stops=tuple(unit for unit in named if unit not in starting and not units[unit].exists),
        restarts=_in_order(wanted - forbidden, order),
        deferred=_in_order(forbidden | deferred, order),
    )


def _in_order(units: Iterable[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return those of the units that may be restarted at all, as the site wants them restarted."""
    return patch_restarts.in_order([unit for unit in units if patch_restarts.may_restart(unit)], order)


def _succeeds(host: Host, verb: str, unit: str) -> bool:
    try:
        systemctl(host, verb, unit)
    except ClinicalError:
        return False
    return True


def _lost(host: Host, before: Snapshot, restarted: bool) -> tuple[str, ...]:
    """Return the sockets and units that worked before and do not now, compared as after every other run."""
    if restarted:
        host.sleep(availability.DWELL)
    return tuple(availability.compare(host, before, ()).lost)
