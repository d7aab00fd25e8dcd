# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets of a host answer the controller, before a run and after it. Plain TCP connects, nothing is sent.

Only what could be reached before is asked again, so that a firewall between the two, or a jump host, is nobody's fault.
Private to the collection.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
import typing as t
from dataclasses import dataclass

#: How long a connection may take, and for how long a service that was restarted is asked again.
CONNECT, PATIENCE, PAUSE = 1.5, 15.0, 0.5
#: How many sockets are asked at once; a host with more has its first ones asked.
MOST = 200

Open = t.Callable[[t.Sequence["Target"], float], t.FrozenSet["Target"]]


@dataclass(frozen=True)
class Target:
    """A listening socket as the controller reaches it; ``place`` and ``told`` are the host's words for it."""

    place: str
    told: str
    address: str
    port: int


def targets(listeners: t.Iterable[t.Mapping[str, t.Any]], host: str) -> list[Target]:
    """What a host said of its sockets; those on any of its addresses are asked at the one that the play uses."""
    found = [Target(one["place"], one["told"], one["address"] or host, int(one["port"])) for one in listeners]
    return [target for target in found if target.address][:MOST]


def answering(wanted: t.Sequence[Target], seconds: float = CONNECT) -> frozenset[Target]:
    """Those that accept a connection in that time, all asked at once."""
    found: set[Target] = set()
    places: dict[str, t.Any] = {}
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for target in wanted:
            if target.address not in places:
                places[target.address] = _resolved(target.address)
            begun = _begin(places[target.address], target.port, stack)
            if begun is not None:
                selector.register(begun, selectors.EVENT_WRITE, target)
        end = time.monotonic() + seconds
        while selector.get_map() and (left := end - time.monotonic()) > 0:
            for key, _events in selector.select(left):
                selector.unregister(key.fileobj)
                if t.cast(socket.socket, key.fileobj).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    found.add(key.data)
    return frozenset(found)


def lost(
    before: t.FrozenSet[Target],
    consented: t.Sequence[str],
    ask: Open = answering,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], t.Any] = time.sleep,
) -> list[str]:
    """Those that answered before and do not any more, in the host's words; they get some time to come back."""
    wanted = [one for one in sorted(before, key=_order) if one.told not in consented and one.place not in consented]
    end = clock() + PATIENCE
    while wanted:
        answered = ask(wanted, CONNECT)
        wanted = [target for target in wanted if target not in answered]
        if not wanted or clock() >= end:
            break
        sleep(PAUSE)
    return [target.told for target in wanted]


def _order(target: Target) -> tuple[int, str]:
    return (target.port, target.address)


def _resolved(address: str) -> t.Any:
    """Family and address, or None where nobody knows it, such as a name that only the SSH configuration has."""
    try:
        family, _type, _protocol, _name, place = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return None
    return (family, place)


def _begin(place: t.Any, port: int, stack: contextlib.ExitStack) -> socket.socket | None:
    """A connection that is being made; None where it was refused at once."""
    if place is None:
        return None
    family, address = place
    one = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    one.setblocking(False)
    try:
        begun = one.connect_ex((address[0], port, *address[2:]))
    except OSError:
        return None
    return one if begun in (0, errno.EINPROGRESS) else None
