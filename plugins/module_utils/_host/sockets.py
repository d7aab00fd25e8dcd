# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets listen on this host, who is connected to them, and whose they are: /proc, read once."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .._text.lines import split_lines
from . import protocols
from .door import Host
from .processes import processes, read_volatile

NET = "/proc/net"
_ESTABLISHED = 0x01
#: The state in which a socket of each protocol waits for clients.
_WAITING = {"tcp": 0x0A, "udp": 0x07, "raw": 0x07}
_TABLES = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6")
#: Raw sockets that wait for nobody in particular: ping, sniffers, and those that only send.
_PASSING_RAW = frozenset({0, 1, 2, 6, 17, 58, 255})
_ACCEPTS = 0x10000  # a unix socket's flag __SO_ACCEPTCON
#: What holds the sockets of units that are started at the first connection.
INIT = "init.scope"
#: The scopes of logins, whose programs end with them.
_LOGIN = "session-"


@dataclass(frozen=True)
class Listener:
    """A socket that waits for clients, and how many it has. ``protocol`` is tcp, udp, raw or unix.

    The ``port`` of a raw socket is the number of the IP protocol that it hears.
    ``unit`` and ``program`` are those of the process that holds it, empty where that is not known;
    ``with_owners`` asks for them. ``uid`` is the number of the account that opened it, 0 for root and the kernel.
    """

    protocol: str
    address: str
    port: int
    inode: int
    clients: int = 0
    unit: str = ""
    program: str = ""
    uid: int = 0

    @property
    def place(self) -> str:
        """The place as people write it: tcp 80, tcp 127.0.0.1:5432, protocol vrrp, unix /run/x.sock."""
        if self.protocol == "unix":
            return f"unix {self.address}"
        if self.protocol == "raw":
            return f"protocol {protocols.describe(self.port)}"
        if self.everywhere:
            return f"{self.protocol} {self.port}"
        return f"{self.protocol} {self.endpoint}"

    @property
    def endpoint(self) -> str:
        """Address and port as systemd and people write them: 127.0.0.1:5432, [::1]:5432."""
        address = f"[{self.address}]" if ":" in self.address else self.address
        return f"{address}:{self.port}"

    @property
    def everywhere(self) -> bool:
        """True where it listens on any of the host's addresses."""
        return self.address in ("0.0.0.0", "::")

    @property
    def outside(self) -> bool:
        """True where another machine could reach it."""
        return self.protocol != "unix" and not ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        owner = self.unit or self.program
        return f"{self.place} ({owner})" if owner else self.place


def listeners(host: Host) -> list[Listener]:
    """Return every listening socket of this network namespace, without its owner: that takes a walk over /proc."""
    inet = [row for name in _TABLES for row in _inet(name, read_volatile(host, f"{NET}/{name}"))]
    clients: dict[int, int] = {}
    for row in inet:
        if row.protocol == "tcp" and row.state == _ESTABLISHED:
            clients[row.port] = clients.get(row.port, 0) + 1
    waiting = [row for row in inet if row.state == _WAITING[row.protocol] and not row.passing]
    return [*(_listener(row, clients) for row in waiting), *parse_unix(read_volatile(host, f"{NET}/unix"))]


def _listener(row: _Row, clients: Mapping[int, int]) -> Listener:
    return Listener(
        protocol=row.protocol,
        address=row.address,
        port=row.port,
        inode=row.inode,
        clients=clients.get(row.port, 0) if row.protocol == "tcp" else 0,
        uid=row.uid,
    )


def with_owners(host: Host, ownerless: Sequence[Listener]) -> list[Listener]:
    """Return the same with unit and program: of several processes that share a socket, the first that a unit holds."""
    wanted = {listener.inode for listener in ownerless if listener.inode}
    owners = _owners(host, wanted) if wanted else {}
    owned = []
    for listener in ownerless:
        unit, program = owners.get(listener.inode, ("", ""))
        owned.append(replace(listener, unit=unit, program=program))
    if not any(listener.unit == INIT for listener in owned):
        return owned
    activated = _activated(host)
    return [_with_socket_unit(listener, activated) for listener in owned]


def _with_socket_unit(listener: Listener, activated: Mapping[tuple[str, str], str]) -> Listener:
    """Return a listener that systemd itself holds with the socket unit that it holds it for."""
    if listener.unit != INIT:
        return listener
    place = listener.address if listener.protocol == "unix" else listener.endpoint
    return replace(listener, unit=activated.get((listener.protocol, place), listener.unit))


def ephemeral(host: Host) -> range:
    """Return the ports that the kernel hands out to whoever asks for any.

    Who has one of these had another one yesterday.
    """
    bounds = read_volatile(host, "/proc/sys/net/ipv4/ip_local_port_range").split()
    if len(bounds) == 2:
        return range(int(bounds[0]), int(bounds[1]) + 1)
    return range(32768, 61000)


def lasting(host: Host, owned: Sequence[Listener]) -> list[Listener]:
    """Return those that wait for clients, without UDP sockets that wait for an answer to what they sent.

    What no process holds and is gone by now was somebody's for a moment. The kernel shows both alike. One whose port is
    none that it lends waits for clients. Of the others do those that have the same port for IPv4 and IPv6, those that
    no process holds because the kernel itself does (WireGuard, VXLAN), and those of a service that waits for others at
    no other UDP port.
    """
    lent = ephemeral(host)
    doubtful = [listener for listener in owned if _is_doubtful(listener, lent)]
    unheld = [listener for listener in owned if not (listener.unit or listener.program)]
    if not doubtful and not unheld:
        return list(owned)
    still = {listener.inode for listener in listeners(host)}
    owned = [listener for listener in owned if listener not in unheld or listener.inode in still]
    named = {_owner(it) for it in owned if it.protocol == "udp" and it.outside and it.port not in lent}
    lasting_owners = [it for it in doubtful if it.inode in still and not (it.unit.startswith(_LOGIN) or is_stray(it))]
    bound = [listener for listener in lasting_owners if _owner(listener) not in named]
    lasting_ports = {*(listener.port for listener in bound), *_held_twice(doubtful)}
    return [listener for listener in owned if not _is_doubtful(listener, lent) or listener.port in lasting_ports]


def is_stray(listener: Listener) -> bool:
    """Check for a socket of an account that no process was seen to hold; the kernel's own are nobody's."""
    return not (listener.unit or listener.program) and listener.uid != 0


def surely_lasting(host: Host, ownerless: Sequence[Listener]) -> list[Listener]:
    """Return those of which that is sure without a look at who holds them."""
    lent = ephemeral(host)
    doubtful = [listener for listener in ownerless if _is_doubtful(listener, lent)]
    lasting_ports = _held_twice(doubtful)
    return [listener for listener in ownerless if listener not in doubtful or listener.port in lasting_ports]


def _is_doubtful(listener: Listener, lent: range) -> bool:
    return listener.protocol == "udp" and listener.port in lent


def _held_twice(doubtful: Sequence[Listener]) -> set[int]:
    """Return the ports that more than one socket has: nobody is lent the same one twice."""
    ports = [listener.port for listener in doubtful]
    return {port for port in ports if ports.count(port) > 1}


def _owner(listener: Listener) -> str:
    """Return who holds it; nobody's are each on its own."""
    return listener.unit or listener.program or f"inode {listener.inode}"


# --- /proc/net ---


@dataclass(frozen=True)
class _Row:
    protocol: str
    address: str
    port: int
    state: int
    inode: int
    uid: int

    @property
    def passing(self) -> bool:
        """True for a raw socket that waits for nobody in particular."""
        return self.protocol == "raw" and self.port in _PASSING_RAW


def _inet(name: str, text: str) -> Iterator[_Row]:
    for line in split_lines(text)[1:]:
        fields = line.split()
        if len(fields) > 9:
            address, _colon, port = fields[1].partition(":")
            yield _Row(
                protocol=name[:3],
                address=parse_address(address),
                port=int(port, 16),
                state=int(fields[3], 16),
                inode=int(fields[9]),
                uid=int(fields[7]),
            )


def parse_address(text: str) -> str:
    """Return an address that the kernel prints as 32 bit words in the machine's own order; mapped IPv4 as IPv4."""
    packed = b"".join(struct.pack("=I", int(text[n : n + 8], 16)) for n in range(0, len(text), 8))
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def parse_unix(text: str) -> list[Listener]:
    """Return those sockets of /proc/net/unix that accept connections and lie in the file system."""
    rows = (line.split() for line in split_lines(text)[1:])
    paths = [(row[7], int(row[6])) for row in rows if len(row) > 7 and int(row[3], 16) & _ACCEPTS]
    filed = [(path, inode) for path, inode in paths if path.startswith("/")]
    return [Listener(protocol="unix", address=path, port=0, inode=inode) for path, inode in filed]


# --- owners ---


def _owners(host: Host, inodes: set[int]) -> dict[int, tuple[str, str]]:
    """Return unit and program of each socket, by its inode."""
    owners: dict[int, tuple[str, str]] = {}
    for process in processes(host):
        held = inodes.intersection(process.socket_inodes())
        if not held:
            continue
        owner = (process.unit, process.program)
        for inode in held:
            if inode not in owners or owners[inode][0] in ("", INIT):
                owners[inode] = owner
    return owners


def _activated(host: Host) -> dict[tuple[str, str], str]:
    """Return the socket units whose sockets systemd itself holds, by protocol and place."""
    done = host.run(["systemctl", "list-sockets", "--plain", "--no-legend", "--show-types"])
    if done.rc == 0:
        return parse_sockets(done.out)
    return {}


def parse_sockets(output: str) -> dict[tuple[str, str], str]:
    """Return the unit of each socket, by protocol and place.

    ``output`` is that of ``systemctl list-sockets --show-types``: LISTEN TYPE UNIT ACTIVATES.
    """
    protocols = {"Stream": "tcp", "Datagram": "udp", "SequentialPacket": "unix"}
    units = {}
    for row in (line.split() for line in split_lines(output)):
        if len(row) >= 3 and row[1] in protocols:
            protocol = "unix" if row[0].startswith("/") else protocols[row[1]]
            units[(protocol, row[0])] = row[2]
    return units


def describe_places(open_sockets: Iterable[Listener]) -> list[str]:
    """Return the distinct places in words, ordered by port: a socket for IPv4 and one for IPv6 are the same place."""
    ordered = sorted(open_sockets, key=lambda listener: (listener.protocol, listener.port, listener.address))
    return list(dict.fromkeys(listener.place for listener in ordered))


def by_unit(owned: Iterable[Listener]) -> Mapping[str, list[Listener]]:
    """Return the listeners of each unit."""
    groups: dict[str, list[Listener]] = {}
    for listener in owned:
        groups.setdefault(listener.unit, []).append(listener)
    return groups
