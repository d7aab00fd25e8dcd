# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which sockets listen on this host, who is connected to them, and whose they are: /proc, read once. Private."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass, replace
from typing import Iterable, Iterator, Mapping, Sequence

from .door import Host
from .processes import processes, read_volatile

NET = "/proc/net"
_LISTENS, _ESTABLISHED, _UNCONNECTED = 0x0A, 0x01, 0x07
_ACCEPTS = 0x10000  # a unix socket's flag __SO_ACCEPTCON
#: What holds the sockets of units that are started at the first connection.
INIT = "init.scope"


@dataclass(frozen=True)
class Listener:
    """A socket that waits for clients, and how many it has. ``protocol`` is tcp, udp or unix.

    ``unit`` and ``program`` are those of the process that holds it, or nothing where that is not known; ``programs``
    and ``units`` are asked by ``owned``.
    """

    protocol: str
    address: str
    port: int
    inode: int
    clients: int = 0
    unit: str = ""
    program: str = ""

    @property
    def place(self) -> str:
        """As people write it: tcp 80, tcp 127.0.0.1:5432, unix /run/x.sock."""
        if self.protocol == "unix":
            return f"unix {self.address}"
        if self.everywhere:
            return f"{self.protocol} {self.port}"
        return f"{self.protocol} {f'[{self.address}]' if ':' in self.address else self.address}:{self.port}"

    @property
    def everywhere(self) -> bool:
        return self.address in ("0.0.0.0", "::")

    @property
    def outside(self) -> bool:
        """Whether another machine could reach it."""
        return self.protocol != "unix" and not ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        owner = self.unit or self.program
        return f"{self.place} ({owner})" if owner else self.place


def listeners(host: Host) -> list[Listener]:
    """Every listening socket of this network namespace, without its owner, which takes a look at every process."""
    inet = [row for name in ("tcp", "tcp6", "udp", "udp6") for row in _inet(name, read_volatile(host, f"{NET}/{name}"))]
    clients: dict[int, int] = {}
    for row in inet:
        if row.protocol == "tcp" and row.state == _ESTABLISHED:
            clients[row.port] = clients.get(row.port, 0) + 1
    waiting = [row for row in inet if row.state == (_LISTENS if row.protocol == "tcp" else _UNCONNECTED)]
    found = [
        Listener(r.protocol, r.address, r.port, r.inode, clients.get(r.port, 0) if r.protocol == "tcp" else 0)
        for r in waiting
    ]
    return [*found, *parse_unix(read_volatile(host, f"{NET}/unix"))]


def with_owners(host: Host, found: Sequence[Listener]) -> list[Listener]:
    """The same with unit and program. Of several processes that share a socket, the first one that a unit holds."""
    wanted = {listener.inode for listener in found if listener.inode}
    owners = _owners(host, wanted) if wanted else {}
    named = [(one, *owners.get(one.inode, ("", ""))) for one in found]
    told = [replace(one, unit=unit, program=program) for one, unit, program in named]
    activated = _activated(host) if any(one.unit == INIT for one in told) else {}
    return [replace(one, unit=activated.get(_key(one), one.unit)) if one.unit == INIT else one for one in told]


def ephemeral(host: Host) -> range:
    """The ports that the kernel hands out to whoever asks for any: what has one of these had another one yesterday."""
    words = read_volatile(host, "/proc/sys/net/ipv4/ip_local_port_range").split()
    return range(int(words[0]), int(words[1]) + 1) if len(words) == 2 else range(32768, 61000)


# --- /proc/net ---


@dataclass(frozen=True)
class _Row:
    protocol: str
    address: str
    port: int
    state: int
    inode: int


def _inet(name: str, text: str) -> Iterator[_Row]:
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9:
            address, _colon, port = words[1].partition(":")
            yield _Row(name[:3], parse_address(address), int(port, 16), int(words[3], 16), int(words[9]))


def parse_address(word: str) -> str:
    """An address as the kernel prints it: 32 bit words in the machine's own order. Mapped IPv4 is told as such."""
    packed = b"".join(struct.pack("=I", int(word[n : n + 8], 16)) for n in range(0, len(word), 8))
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def parse_unix(text: str) -> list[Listener]:
    """/proc/net/unix: those that accept connections and lie in the file system."""
    rows = (line.split() for line in text.splitlines()[1:])
    paths = [(row[7], int(row[6])) for row in rows if len(row) > 7 and int(row[3], 16) & _ACCEPTS]
    return [Listener("unix", path, 0, inode) for path, inode in paths if path.startswith("/")]


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
    """The socket units whose sockets systemd itself holds, by protocol and place."""
    done = host.run(["systemctl", "list-sockets", "--plain", "--no-legend", "--show-types"])
    return parse_sockets(done.out) if done.rc == 0 else {}


def parse_sockets(output: str) -> dict[tuple[str, str], str]:
    """``systemctl list-sockets --show-types``: LISTEN TYPE UNIT ACTIVATES."""
    rows = (line.split() for line in output.splitlines())
    kinds = {"Stream": "tcp", "Datagram": "udp", "SequentialPacket": "unix"}
    found = {}
    for row in rows:
        if len(row) >= 3 and row[1] in kinds:
            found[("unix" if row[0].startswith("/") else kinds[row[1]], row[0])] = row[2]
    return found


def _key(one: Listener) -> tuple[str, str]:
    if one.protocol == "unix":
        return ("unix", one.address)
    return (one.protocol, f"[{one.address}]:{one.port}" if ":" in one.address else f"{one.address}:{one.port}")


def describe_places(found: Iterable[Listener]) -> list[str]:
    """The distinct places in words, numbers in their order: one socket for IPv4 and one for IPv6 are told as one."""
    ordered = sorted(found, key=lambda one: (one.protocol, one.port, one.address))
    return list(dict.fromkeys(one.place for one in ordered))


def by_unit(found: Iterable[Listener]) -> Mapping[str, list[Listener]]:
    groups: dict[str, list[Listener]] = {}
    for one in found:
        groups.setdefault(one.unit, []).append(one)
    return groups
