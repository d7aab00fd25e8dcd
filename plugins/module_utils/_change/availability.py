# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What worked before works after: the host's sockets and units, compared with those before a run.

Only a run that changes something looks. What people end themselves, such as a login or a forwarded port, is no loss.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .._host import sockets
from .._host.addresses import own_addresses
from .._host.door import Host
from .._host.sockets import Listener
from .._text.lines import split_lines
from .._text.numbers import is_natural
from .steps import Group
from .subjects.units import has_systemd, show

#: A program that was restarted with settings that it cannot use is often seen to run for a moment.
DWELL = 1.0
#: How long a host waits for its partner's word before it takes a floating address over: three adverts and a bit.
TAKEOVER = 5.0
#: The IP protocol by which hosts agree on who holds one (VRRP, CARP).
_VRRP = 112
#: How long a service may take until it listens again; longer while systemd says that it is still starting.
PATIENCE, LONG_PATIENCE, PAUSE = 15.0, 90.0, 0.5
_TYPES = ("service", "socket")
#: Units of logins and of our own, and those that systemd makes for one connection or one command.
_PASSING = ("user@", "user-runtime-dir@", "run-", "healthops-guard", "healthops-boot-look")
_UP = ("active", "reloading")
_STARTS = ("enabled", "enabled-runtime", "generated")


@dataclass(frozen=True)
class Snapshot:
    """What listened, with its owners, which units were active, and what addresses a host had that shares some."""

    listeners: tuple[Listener, ...] = ()
    units: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def listeners_to_probe(self) -> list[dict[str, Any]]:
        """Return the TCP sockets that a controller may be able to reach; an empty address is any of the host's.

        What somebody started by hand comes last: the controller asks so many and no more.
        """
        outside = {it.place: it for it in self.listeners if it.protocol == "tcp" and it.outside}
        sockets_to_probe = [
            {
                "place": place,
                "told": str(listener),
                "address": "" if listener.everywhere else listener.address,
                "port": listener.port,
                "by_hand": _is_by_hand(listener, supervised=bool(self.units)),
            }
            for place, listener in outside.items()
        ]
        return sorted(sockets_to_probe, key=lambda it: (it["by_hand"], it["port"]))


@dataclass(frozen=True)
class Comparison:
    """What became different; all but ``units`` in words. ``units`` are those to start again.

    ``ended`` is what somebody had started by hand: no unit says whether it was to stay, so its end is no loss.
    """

    before: int = 0
    lost: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    consented: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    ended: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """Return the comparison as the module's result has it; what the controller cannot reach is not known here."""
        return {
            "compared": True,
            "before": self.before,
            "lost": list(self.lost),
            "appeared": list(self.appeared),
            "unreachable": [],
            "consented": list(self.consented),
            "ended": list(self.ended),
        }


def take_snapshot(host: Host) -> Snapshot:
    """Return what listens and which units are active now; it takes a walk over every process."""
    owned = sockets.with_owners(host, sockets.listeners(host))
    shares = any(listener.protocol == "raw" and listener.port == _VRRP for listener in owned)
    return Snapshot(
        listeners=tuple(sockets.lasting(host, owned)),
        units=frozenset(_active(host)),
        addresses=own_addresses(host) if shares else frozenset(),
    )


def compare(host: Host, before: Snapshot, groups: Sequence[Group]) -> Comparison:
    """Hold the host against what it was; what is gone gets some time to come back."""
    stops = frozenset(stop for group in groups for stop in group.stops)
    if any(effect.unit for group in groups for effect in group.effects):
        host.sleep(DWELL)
    if before.addresses:
        host.sleep(TAKEOVER)
    end = host.monotonic() + PATIENCE
    longest = host.monotonic() + LONG_PATIENCE
    while True:
        comparison = _compared(host, before, stops)
        now = host.monotonic()
        if not comparison.lost or now >= longest or (now >= end and not _starting(host, comparison.units)):
            return comparison
        host.sleep(PAUSE)


def _compared(host: Host, before: Snapshot, stops: frozenset[str]) -> Comparison:
    counted = [listener for listener in before.listeners if _counts(listener)]
    now = sockets.listeners(host)
    keys = {_key(listener) for listener in now}
    closed = [listener for listener in counted if _key(listener) not in keys]
    if closed:
        closed = _without_moved(host, closed, now)
    units = [name for name in before.units - frozenset(_active(host)) if _lasting(name)]
    down = _brought_down(host, [name for name in units if name not in stops])
    by_hand = [listener for listener in closed if _is_by_hand(listener, supervised=has_systemd(host))]
    missing = [listener for listener in closed if listener.unit not in stops and listener not in by_hand]
    allowed = [str(listener) for listener in closed if listener.unit in stops]
    allowed += [name for name in units if name in stops]
    allowed += [stop for stop in stops if " " in stop]
    held = [listener.unit for listener in missing if listener.unit.endswith((".service", ".socket"))]
    return Comparison(
        before=len(counted),
        lost=tuple(dict.fromkeys([*_describe(missing), *down, *_other_holders(host, before)])),
        appeared=tuple(_describe(_new(host, before.listeners, now))),
        consented=tuple(dict.fromkeys(sorted(allowed))),
        units=tuple(dict.fromkeys([*down, *held])),
        ended=tuple(_describe(by_hand)),
    )


def _other_holders(host: Host, before: Snapshot) -> list[str]:
    """Return the floating addresses that went, and those that came because their holder was not heard any more."""
    if not before.addresses:
        return []
    now = own_addresses(host)
    lost = [f"address {address}" for address in sorted(before.addresses - now)]
    return lost + [f"the other holder of address {address}" for address in sorted(now - before.addresses)]


def _counts(listener: Listener) -> bool:
    """Leave out what nobody would miss: what belongs to somebody's login and cannot be reached from elsewhere."""
    unit = listener.unit
    if listener.protocol == "unix":
        return unit.endswith((".service", ".socket")) and not unit.startswith(_PASSING)
    return listener.outside or not (unit.endswith(".scope") or unit.startswith(_PASSING))


def _without_moved(host: Host, closed: Sequence[Listener], now: Sequence[Listener]) -> list[Listener]:
    """Return those that did not only move: ports of the moment and local sockets have other names after each start."""
    ports = sockets.ephemeral(host)
    fleeting = [listener for listener in closed if listener.protocol == "unix" or listener.port in ports]
    if not fleeting:
        return list(closed)
    held = {(listener.protocol, listener.unit) for listener in sockets.with_owners(host, now) if listener.unit}
    moved = [it for it in fleeting if _is_of_process(it) or (it.protocol, it.unit) in held]
    return [listener for listener in closed if listener not in moved]


def _is_by_hand(listener: Listener, supervised: bool) -> bool:
    """Check for a program that somebody started: in a login or for one command, or that no unit of systemd holds.

    ``supervised`` says whether systemd runs the host at all.
    """
    if not supervised:
        return False
    if listener.unit:
        return listener.unit.startswith(("session-", *_PASSING))
    return bool(listener.program) or sockets.is_stray(listener)


def _is_of_process(listener: Listener) -> bool:
    """Return whether it is a UDP socket that a program has, which may open one only when it has something to send."""
    return listener.protocol == "udp" and bool(listener.unit or listener.program)


def _brought_down(host: Host, names: Sequence[str]) -> list[str]:
    """Return, of units that are not active any more, those that failed and those that were to be up since the boot."""
    states = {name: unit for name, unit in show(host, sorted(names)).items() if unit.active not in _UP}
    return [name for name, unit in states.items() if unit.active == "failed" or unit.enabled in _STARTS]


def _starting(host: Host, names: Sequence[str]) -> bool:
    return any(unit.active in ("activating", "reloading") for unit in show(host, names).values())


def _active(host: Host) -> list[str]:
    if not has_systemd(host):
        return []
    options = ["--plain", "--no-legend", "--no-pager", "--state=active", f"--type={','.join(_TYPES)}"]
    done = host.run(["systemctl", "list-units", *options])
    if done.rc != 0:
        return []
    return [line.split()[0] for line in split_lines(done.out) if line.split()]


def _lasting(name: str) -> bool:
    """Leave out units of a login, and those that systemd made for a single connection."""
    instance = name.partition("@")[2]
    return not name.startswith(_PASSING) and not (is_natural(instance[:1]) and ":" in instance)


def _new(host: Host, before: Iterable[Listener], now: Sequence[Listener]) -> list[Listener]:
    known = {_key(listener) for listener in before}
    new = [listener for listener in now if _key(listener) not in known and listener.protocol != "unix"]
    return sockets.lasting(host, sockets.with_owners(host, new))


def _key(listener: Listener) -> tuple[str, str, int]:
    return (listener.protocol, listener.address, listener.port)


def _describe(listeners: Sequence[Listener]) -> list[str]:
    return list(dict.fromkeys(map(str, sorted(listeners, key=_key))))
