# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets of a host answer the controller, before a run and after it. Plain TCP connects, nothing is sent.

It connects to the address at which the play reaches the host, never to one that the host names.

Only what could be reached before is asked again, so that a firewall between the two, or a jump host, is nobody's fault.
"""

from __future__ import annotations

import contextlib
import errno
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

#: How long a connection may take, and for how long a service that was restarted is asked again.
CONNECT, PATIENCE, PAUSE = 1.5, 15.0, 0.5
#: How many sockets are asked at once; a host with more has its first ones asked.
MOST = 200

Open = Callable[[Sequence["Target"], float], frozenset["Target"]]


@dataclass(frozen=True)
class Target:
    """A listening socket as the controller reaches it; ``place`` and ``label`` are the host's names for it.

    ``by_hand`` is one of a program that somebody started in a login: no service of the host.
    """

    place: str
    label: str
    address: str
    port: int
    by_hand: bool = False


def targets(listeners: Iterable[Mapping[str, Any]], host: str) -> list[Target]:
    """Return the sockets of a host that may be asked: at the address that the play uses, and at no other.

    What a host says of itself is not believed: it may be under somebody's control, who would have this node connect to
    whatever it names. A socket on another address of the host is compared by the host alone.
    """
    addresses = _addresses(host)
    wanted = [_target(listener, host, addresses) for listener in listeners]
    return [target for target in wanted if target is not None][:MOST]


def _addresses(host: str) -> frozenset[str]:
    """Return the addresses that the play's name of a host stands for; none where only ssh_config(5) has the name."""
    try:
        places = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):
        return frozenset()
    return frozenset(str(place[4][0]) for place in places)


def _target(listener: Mapping[str, Any], host: str, addresses: frozenset[str]) -> Target | None:
    """Return where a socket is asked, None where it is not: it is elsewhere, or what is said of it makes no sense."""
    address, port = listener.get("address"), listener.get("port")
    if not addresses or not isinstance(port, int) or not 0 < port < 65536:
        return None
    if address != "" and address not in addresses:
        return None
    return Target(
        place=str(listener.get("place")),
        label=str(listener.get("told")),
        address=address or host,
        port=port,
        by_hand=listener.get("by_hand") is True,
    )


def answering(wanted: Sequence[Target], seconds: float = CONNECT) -> frozenset[Target]:
    """Return those that accept a connection in so many seconds, all asked at once."""
    open_targets: set[Target] = set()
    places: dict[str, Any] = {}
    with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
        for target in wanted:
            if target.address not in places:
                places[target.address] = _resolved(target.address)
            begun = _begin(places[target.address], target.port, stack)
            if begun is not None:
                selector.register(begun, selectors.EVENT_WRITE, target)
        end = time.monotonic() + seconds
        while selector.get_map() and (remaining := end - time.monotonic()) > 0:
            for key, _events in selector.select(remaining):
                selector.unregister(key.fileobj)
                if cast(socket.socket, key.fileobj).getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    open_targets.add(key.data)
    return frozenset(open_targets)


def lost(
    before: frozenset[Target],
    consented: Sequence[str],
    ask: Open = answering,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Any] = time.sleep,
) -> list[Target]:
    """Return those that answered before and do not any more; services get some time to come back.

    ``consented`` are the labels and places that may go.
    """
    wanted = [it for it in sorted(before, key=_order) if it.label not in consented and it.place not in consented]
    end = clock() + PATIENCE
    while wanted:
        answered = ask(wanted, CONNECT)
        wanted = [target for target in wanted if target not in answered]
        if all(target.by_hand for target in wanted) or clock() >= end:
            break
        sleep(PAUSE)
    return wanted


def _order(target: Target) -> tuple[int, str]:
    return (target.port, target.address)


def _resolved(address: str) -> Any:
    """Return family and address, or None where nobody knows it, such as a name that only ssh_config(5) has."""
    try:
        family, _type, _protocol, _name, place = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        return None
    return (family, place)


def _begin(place: Any, port: int, stack: contextlib.ExitStack) -> socket.socket | None:
    """Return a socket whose connection is being made; None where it was refused at once."""
    if place is None:
        return None
    family, address = place
    client = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    client.setblocking(False)
    try:
        begun = client.connect_ex((address[0], port, *address[2:]))
    except OSError:
        return None
    if begun in (0, errno.EINPROGRESS):
        return client
    return None
