# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sockets and processes of a fake host, in the kernel's own words."""

from __future__ import annotations

import ipaddress
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fake_host import FakeHost

NET = "/proc/net"
HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def process(host: FakeHost, pid: int, unit: str, program: str, path: str = "") -> None:
    """A process that runs ``path``, in the control group of a unit."""
    host.add_file(f"/proc/{pid}/cgroup", f"0::/system.slice/{unit}\n" if unit else "0::/\n")
    host.add_file(f"/proc/{pid}/comm", f"{program}\n")
    host.add_link(f"/proc/{pid}/exe", path or f"/usr/sbin/{program}")
    host.add_dir(f"/proc/{pid}/fd")


def listen(
    host: FakeHost,
    port: int,
    pid: int,
    unit: str,
    program: str,
    address: str = "0.0.0.0",
    protocol: str = "tcp",
    clients: int = 0,
) -> None:
    """Let a process listen."""
    process(host, pid, unit, program)
    inode = 10000 + port
    host.add_link(f"/proc/{pid}/fd/{port}", f"socket:[{inode}]")
    _add(host, protocol, address, port, "0A" if protocol == "tcp" else "07", inode)
    for number in range(clients):
        _add(host, protocol, "10.0.0.5", port, "01", 20000 + number)


def hear(host: FakeHost, number: int, pid: int, unit: str, program: str) -> None:
    """Let a process take in a whole IP protocol."""
    listen(host, number, pid, unit, program, protocol="raw")


def held_by_kernel(host: FakeHost, port: int, addresses: tuple[str, ...] = ("0.0.0.0",)) -> None:
    """Let the kernel itself wait at a UDP port, as WireGuard has it."""
    for number, address in enumerate(addresses):
        _add(host, "udp", address, port, "07", 30000 + port + number)


def stray(host: FakeHost, port: int, uid: int = 0) -> None:
    """Let a TCP socket be there that no process is seen to hold: of root, the kernel itself does, as for NFS."""
    _add(host, "tcp", "0.0.0.0", port, "0A", 30000 + port, uid)


def hold_addresses(host: FakeHost, *addresses: str) -> None:
    """Let a host have these IPv4 addresses, and no others."""
    rows = "".join(f"           |-- {address}\n              /32 host LOCAL\n" for address in addresses)
    net = "        |-- 10.77.0.255\n           /32 link BROADCAST\n"
    host.add_file(f"{NET}/fib_trie", f"Main:\n  +-- 0.0.0.0/1 2 0 2\n{rows}{net}")


def hush(host: FakeHost, port: int) -> None:
    """Nothing listens there any more."""
    for path in [path for path in host.nodes if path.startswith(NET)]:
        node = host.nodes[path]
        node.content = b"".join(x for x in node.content.splitlines(True) if f":{port:04X} ".encode() not in x)


def _add(host: FakeHost, protocol: str, address: str, port: int, state: str, inode: int, uid: int = 0) -> None:
    packed = ipaddress.ip_address(address).packed
    digits = "".join(f"{struct.unpack('=I', packed[n : n + 4])[0]:08X}" for n in range(0, len(packed), 4))
    path = f"{NET}/{protocol}{'6' if ':' in address else ''}"
    old = host.text(path) if path in host.nodes else HEAD
    columns = f"{'0' * len(digits)}:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:5}        0 {inode} 1\n"
    host.add_file(path, f"{old}   0: {digits}:{port:04X} {columns}")
