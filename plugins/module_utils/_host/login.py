# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH login that this process lives in, and since when it is there.

A login that began after a change proves that one can still get in; an older one, such as a multiplexed connection,
proves nothing. Times are the kernel's: clock ticks since boot, which nobody can set.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from .._errors import ClinicalError
from .._text.numbers import is_natural
from .door import Host

#: More generations than any login has; a walk that does not end is none.
GENERATIONS = 64


@dataclass(frozen=True)
class Connection:
    """The ends of an SSH connection: the client's address, and the address and port of this host that it came in by.

    Empty and 0 where that is not known.
    """

    client: str = ""
    server: str = ""
    port: int = 0


@dataclass(frozen=True)
class Login:
    """When the login began, in clock ticks since boot, and by which connection."""

    started: int
    connection: Connection


@dataclass(frozen=True)
class _Process:
    pid: int
    comm: str
    parent: int
    started: int


def own_login(host: Host) -> Login | None:
    """Return the login above this process, or None where no sshd is among its ancestors (console, local connection).

    The nearest sshd belongs to the login; the one farthest up is the listener, which is older than every login.
    """
    connection = Connection()
    for number, process in enumerate(_ancestry(host)):
        if number and process.comm.startswith("sshd"):  # from OpenSSH 9.8 on it is called sshd-session
            return Login(process.started, connection)
        if not connection.client:  # sudo keeps it from us, but the shell above has it
            connection = _connection(host, process.pid)
    return None


def people_above(host: Host) -> frozenset[int]:
    """Return the numbers of the accounts, but root, that the processes above this one belong to.

    They are those who logged in to have it run.
    """
    owners = (host.stat(f"/proc/{process.pid}") for process in _ancestry(host))
    return frozenset(info.uid for info in owners if info is not None and info.uid != 0)


def own_port(host: Host) -> int:
    """Return the port of this host that the login above this process came in by; 0 where none is known."""
    ports = (_connection(host, process.pid).port for process in _ancestry(host))
    return next(filter(None, ports), 0)


def own_start(host: Host) -> int:
    """Return when this process itself began, in clock ticks since boot; raises ClinicalError without /proc."""
    process = _process(host, "self")
    if process is None:
        raise ClinicalError("Reading", "/proc/self/stat", "it is not there", "Mount /proc.")
    return process.started


def _ancestry(host: Host) -> Iterator[_Process]:
    """Yield this process and its ancestors, as far as they are still there."""
    process = _process(host, "self")
    for _generation in range(GENERATIONS):
        if process is None:
            return
        yield process
        process = _process(host, str(process.parent)) if process.parent > 0 else None


def _process(host: Host, pid: str) -> _Process | None:
    # A name may hold blanks and parentheses; what follows the last one is numbers only.
    head, parenthesis, tail = _peek(host, f"/proc/{pid}/stat").rpartition(b")")
    if not parenthesis:
        return None
    number, _bracket, comm = head.partition(b" (")
    fields = tail.split()
    try:
        return _Process(
            pid=int(number),
            comm=comm.decode("utf-8", "replace"),
            parent=int(fields[1]),
            started=int(fields[19]),
        )
    except (ValueError, IndexError):
        raise ClinicalError("Reading", f"/proc/{pid}/stat", "it is not what a kernel writes there") from None


def _connection(host: Host, pid: int) -> Connection:
    """Return the connection that an environment says the login came by; an empty one where it says none."""
    ends = _variable(host, pid, b"SSH_CONNECTION")
    if len(ends) == 4 and _is_address(ends[0]) and _is_address(ends[2]) and is_natural(ends[3]):
        return Connection(client=ends[0], server=ends[2], port=int(ends[3]))
    ends = _variable(host, pid, b"SSH_CLIENT")
    if ends and _is_address(ends[0]):
        return Connection(client=ends[0], port=int(ends[2]) if len(ends) == 3 and is_natural(ends[2]) else 0)
    return Connection()


def _variable(host: Host, pid: int, variable: bytes) -> list[str]:
    """Return the fields of one variable in a process's environment."""
    pairs = (entry.partition(b"=") for entry in _peek(host, f"/proc/{pid}/environ").split(b"\0"))
    return next((value.decode("ascii", "replace").split() for name, _equals, value in pairs if name == variable), [])


def _is_address(text: str) -> bool:
    """Check that this is an address: anybody may set a variable, and this one becomes an argument of a command."""
    bare, _percent, zone = text.partition("%")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return not zone or zone.isalnum()


def _peek(host: Host, path: str) -> bytes:
    """Return the bytes of a file of a process; none where the process ended meanwhile or keeps it from us."""
    try:
        return host.read(path) or b""
    except ClinicalError:
        return b""
