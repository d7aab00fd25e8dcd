# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which SSH login does this process live in, and since when is it there? Private to the collection.

A login that began after a change proves that one can still get in; an older one, such as a multiplexed connection,
proves nothing. Times are the kernel's: clock ticks since boot, which nobody can set.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Iterator

from .._errors import ClinicalError
from .door import Host

#: More generations than any login has; a walk that does not end is none.
GENERATIONS = 64
VARIABLES = (b"SSH_CONNECTION", b"SSH_CLIENT")


@dataclass(frozen=True)
class Login:
    """When the login began, in clock ticks since boot, and the address it came from, or nothing if that is not told."""

    started: int
    client: str


@dataclass(frozen=True)
class _Process:
    pid: int
    comm: str
    parent: int
    started: int


def own_login(host: Host) -> Login | None:
    """The login above this process, or None where no sshd is among its ancestors (a console, a local connection).

    The nearest sshd belongs to the login; the one farthest up is the listener, which is older than every login.
    """
    client = ""
    for number, process in enumerate(_line(host)):
        if number and process.comm.startswith("sshd"):  # from OpenSSH 9.8 on it is called sshd-session
            return Login(process.started, client)
        client = client or _client(host, process.pid)  # sudo keeps it from us, but the shell above has it
    return None


def people_above(host: Host) -> frozenset[int]:
    """The accounts other than root that the processes above this one belong to: who logged in to have it run."""
    owners = (host.stat(f"/proc/{process.pid}") for process in _line(host))
    return frozenset(info.uid for info in owners if info is not None and info.uid != 0)


def own_port(host: Host) -> int:
    """The port of this host that the login above this process came in by; 0 where none is told."""
    for process in _line(host):
        words = _told(host, process.pid, b"SSH_CONNECTION")
        if len(words) == 4 and words[3].isdigit():
            return int(words[3])
    return 0


def own_start(host: Host) -> int:
    """When this process itself began, in clock ticks since boot."""
    own = _process(host, "self")
    if own is None:
        raise ClinicalError("Reading", "/proc/self/stat", "it is not there", "Mount /proc.")
    return own.started


def _line(host: Host) -> Iterator[_Process]:
    """This process and its ancestors, as far as they are still there."""
    process = _process(host, "self")
    for _generation in range(GENERATIONS):
        if process is None:
            return
        yield process
        process = _process(host, str(process.parent)) if process.parent > 0 else None


def _process(host: Host, pid: str) -> _Process | None:
    # A name may hold blanks and parentheses; what follows the last one is numbers only.
    head, found, tail = _peek(host, f"/proc/{pid}/stat").rpartition(b")")
    if not found:
        return None
    number, _bracket, comm = head.partition(b" (")
    rest = tail.split()
    return _Process(int(number), comm.decode("utf-8", "replace"), int(rest[1]), int(rest[19]))


def _client(host: Host, pid: int) -> str:
    words = (word for name in VARIABLES for word in _told(host, pid, name)[:1])
    return next((word for word in words if _is_address(word)), "")


def _told(host: Host, pid: int, variable: bytes) -> list[str]:
    """The words of one variable in a process's environment."""
    pairs = (entry.partition(b"=") for entry in _peek(host, f"/proc/{pid}/environ").split(b"\0"))
    return next((value.decode("ascii", "replace").split() for name, _equals, value in pairs if name == variable), [])


def _is_address(word: str) -> bool:
    """Whether this is an address: anybody may set a variable, and this one becomes a word of a command."""
    bare, _percent, zone = word.partition("%")
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        return False
    return not zone or zone.isalnum()


def _peek(host: Host, path: str) -> bytes:
    """What a file of a process holds; nothing where the process ended meanwhile or keeps it from us."""
    try:
        return host.read(path) or b""
    except ClinicalError:
        return b""
