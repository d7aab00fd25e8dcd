# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What worked before works after: the host's sockets and units, compared with those before a run. Private.

Only a run that changes something looks. What people end themselves, such as a login or a forwarded port, is no loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable, Sequence

from .._host import sockets
from .._host.door import Host
from .._host.sockets import Listener
from .steps import Group
from .subjects.units import has_systemd, show

#: A program that was restarted with settings that it cannot use is often seen to run for a moment.
DWELL = 1.0
#: How long a service may take until it listens again; longer while systemd says that it is still starting.
PATIENCE, LONG_PATIENCE, PAUSE = 15.0, 90.0, 0.5
_TYPES = ("service", "socket")
#: Units of logins and of our own, and those that systemd makes for one connection or one command.
_PASSING = ("user@", "user-runtime-dir@", "run-", "healthops-guard")
_UP = ("active", "reloading")
_STARTS = ("enabled", "enabled-runtime", "generated")


@dataclass(frozen=True)
class Snapshot:
    """What listened, with its owners, and which units were active."""

    listeners: tuple[Listener, ...] = ()
    units: frozenset[str] = frozenset()

    def listeners_to_probe(self) -> list[dict[str, Any]]:
        """The TCP sockets that a controller may be able to reach; an empty address is any of the host's."""
        outside = {one.place: one for one in self.listeners if one.protocol == "tcp" and one.outside}
        return [
            {"place": place, "told": str(one), "address": "" if one.everywhere else one.address, "port": one.port}
            for place, one in sorted(outside.items(), key=lambda item: item[1].port)
        ]


@dataclass(frozen=True)
class Comparison:
    """What became different; all but ``units`` in words. ``units`` are those to start again."""

    before: int = 0
    lost: tuple[str, ...] = ()
    appeared: tuple[str, ...] = ()
    consented: tuple[str, ...] = ()
    units: tuple[str, ...] = ()

    def as_result(self) -> dict[str, Any]:
        """Return the comparison as the module's result has it; what the controller cannot reach is not known here."""
        lists = {"lost": self.lost, "appeared": self.appeared, "unreachable": (), "consented": self.consented}
        return {"compared": True, "before": self.before, **{key: list(words) for key, words in lists.items()}}


def take_snapshot(host: Host) -> Snapshot:
    return Snapshot(tuple(sockets.with_owners(host, sockets.listeners(host))), frozenset(_active(host)))


def compare(host: Host, before: Snapshot, groups: Sequence[Group]) -> Comparison:
    """Hold the host against what it was; what is gone gets some time to come back."""
    stops = frozenset(stop for group in groups for stop in group.stops)
    if any(effect.unit for group in groups for effect in group.effects):
        host.sleep(DWELL)
    end = host.monotonic() + PATIENCE
    longest = host.monotonic() + LONG_PATIENCE
    while True:
        found = _compared(host, before, stops)
        now = host.monotonic()
        if not found.lost or now >= longest or (now >= end and not _starting(host, found.units)):
            return found
        host.sleep(PAUSE)


def _compared(host: Host, before: Snapshot, stops: frozenset[str]) -> Comparison:
    counted = [one for one in before.listeners if _counts(one)]
    now = sockets.listeners(host)
    keys = {_key(one) for one in now}
    gone = [one for one in counted if _key(one) not in keys]
    if gone:
        gone = _really_gone(host, gone, now)
    units = [name for name in before.units - frozenset(_active(host)) if _lasting(name)]
    down = _brought_down(host, [name for name in units if name not in stops])
    missing = [one for one in gone if one.unit not in stops]
    allowed = [*(str(one) for one in gone if one.unit in stops), *(name for name in units if name in stops)]
    allowed += [stop for stop in stops if " " in stop]
    held = [one.unit for one in missing if one.unit.endswith((".service", ".socket"))]
    return Comparison(
        before=len(counted),
        lost=tuple(dict.fromkeys([*_words(missing), *down])),
        appeared=tuple(_words(sockets.with_owners(host, _new(before.listeners, now)))),
        consented=tuple(dict.fromkeys(sorted(allowed))),
        units=tuple(dict.fromkeys([*down, *held])),
    )


def _counts(one: Listener) -> bool:
    """Whether people would miss it: not what belongs to somebody's login and cannot be reached from elsewhere."""
    if one.protocol == "unix":
        return one.unit.endswith((".service", ".socket")) and not one.unit.startswith(_PASSING)
    return one.outside or not (one.unit.endswith(".scope") or one.unit.startswith(_PASSING))


def _really_gone(host: Host, gone: Sequence[Listener], now: Sequence[Listener]) -> list[Listener]:
    """Without what only moved: ports of the moment and local sockets have other names after each start."""
    ports = sockets.ephemeral(host)
    fleeting = [one for one in gone if one.protocol == "unix" or one.port in ports]
    if not fleeting:
        return list(gone)
    held = {(one.protocol, one.unit) for one in sockets.with_owners(host, now)}
    moved = [one for one in fleeting if one.protocol == "udp" or (one.protocol, one.unit) in held]
    return [one for one in gone if one not in moved]


def _brought_down(host: Host, names: Sequence[str]) -> list[str]:
    """Of units that are not active any more, those that failed, and those that should have been up since the boot."""
    states = {name: unit for name, unit in show(host, sorted(names)).items() if unit.active not in _UP}
    return [name for name, unit in states.items() if unit.active == "failed" or unit.enabled in _STARTS]


def _starting(host: Host, names: Sequence[str]) -> bool:
    return any(unit.active in ("activating", "reloading") for unit in show(host, names).values())


def _active(host: Host) -> list[str]:
    if not has_systemd(host):
        return []
    words = ["--plain", "--no-legend", "--no-pager", "--state=active", f"--type={','.join(_TYPES)}"]
    done = host.run(["systemctl", "list-units", *words])
    return [line.split()[0] for line in done.out.splitlines() if line.split()] if done.rc == 0 else []


def _lasting(name: str) -> bool:
    """Not one of a login, and not one that systemd made for a single connection."""
    instance = name.partition("@")[2]
    return not name.startswith(_PASSING) and not (instance[:1].isdigit() and ":" in instance)


def _new(before: Iterable[Listener], now: Sequence[Listener]) -> list[Listener]:
    known = {_key(one) for one in before}
    return [one for one in now if _key(one) not in known and one.protocol != "unix"]


def _key(one: Listener) -> tuple[str, str, int]:
    return (one.protocol, one.address, one.port)


def _words(found: Sequence[Listener]) -> list[str]:
    return list(dict.fromkeys(str(one) for one in sorted(found, key=_key)))
