# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH servers that listen with options of their own: another configuration file, or settings on the command line.

What they let in is no less a way into the host than what the usual server does, so each is asked what it has in force.
"""

from __future__ import annotations

import getopt
import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import sockets
from .door import Host
from .processes import Process, processes

#: For sshd -T: a connection that no Match block is about. Without a port it refuses a file that has a Match LocalPort.
ANY_CONNECTION = ("-C", "lport=1")
#: How a server that listens shows itself: its command line is between these.
_LISTENING = re.compile(r"^sshd: (?P<command>.*) \[listener\]")
#: The options of sshd(8), and those of them that decide what it lets in, or where.
_OPTIONS = "46DdeGiQqRrTtVb:C:c:E:f:g:h:k:o:p:u:"
_DECIDING = frozenset({"-4", "-6", "-f", "-o", "-p"})


@dataclass(frozen=True)
class RunningSshd:
    """A server that listens, with its options, and what ``sshd -T`` prints for them, or the problem with asking it.

    ``ports`` are those of TCP that it listens on.
    """

    places: tuple[str, ...]
    unit: str
    options: tuple[str, ...]
    effective: str = ""
    problem: str = ""
    ports: tuple[int, ...] = ()

    @property
    def configuration(self) -> str:
        """The path of the configuration file that its options name; empty where it reads the usual one."""
        named = [value for option, value in zip(self.options, self.options[1:]) if option == "-f"]
        if named:
            return named[-1]
        return ""

    def __str__(self) -> str:
        where = ", ".join(self.places) or "no port"
        owner = f" ({self.unit})" if self.unit else ""
        return f"the SSH server at {where}{owner}, started with {' '.join(self.options)},"


def running_with_options(host: Host) -> tuple[RunningSshd, ...]:
    """Return the SSH servers that listen and were started with options of their own; usually there is none."""
    servers = ((process, parse_options(process.text("cmdline"))) for process in _called_sshd(host))
    return tuple(_query(host, process, options) for process, options in servers if options)


def _called_sshd(host: Host) -> Iterator[Process]:
    return (process for process in processes(host) if process.program == "sshd")


def _query(host: Host, process: Process, options: tuple[str, ...]) -> RunningSshd:
    inodes = set(process.socket_inodes())
    held = [listener for listener in sockets.listeners(host) if listener.inode in inodes]
    done = host.run(["sshd", "-T", *options, *ANY_CONNECTION])
    return RunningSshd(
        places=tuple(sockets.describe_places(held)),
        unit=process.unit,
        options=options,
        effective=done.out,
        problem="" if done.rc == 0 else f"sshd -T says: {done.err_line}",
        ports=tuple(listener.port for listener in held if listener.protocol == "tcp"),
    )


def parse_options(cmdline: str) -> tuple[str, ...]:
    """Return the options that decide what a listening server lets in, out of the text of its ``cmdline``.

    Empty for any other process. sshd joins its arguments by blanks, so a value goes as far as the next option.

    >>> parse_options("sshd: /usr/sbin/sshd -D -f /etc/ssh/second -o MaxAuthTries 9 [listener] 0 of 10-100 startups")
    ('-f', '/etc/ssh/second', '-o', 'MaxAuthTries 9')
    """
    listening = _LISTENING.match(cmdline.replace("\0", " "))
    if listening is None:
        return ()
    try:
        given, _rest = getopt.getopt(_join_values(listening["command"].split()[1:]), _OPTIONS)
    except getopt.GetoptError:
        return ("with options that nobody knows",)
    return tuple(part for pair in given if pair[0] in _DECIDING for part in pair if part)


def _join_values(arguments: list[str]) -> list[str]:
    """Return the arguments of a command line with each value in one piece again."""
    joined: list[str] = []
    for argument in arguments:
        if argument.startswith("-") or not joined or _awaits_value(joined[-1]):
            joined.append(argument)
        else:
            joined[-1] = f"{joined[-1]} {argument}"
    return joined


def _awaits_value(argument: str) -> bool:
    """Check for options whose last one takes a value that is not attached to it, such as -Df."""
    if not argument.startswith("-"):
        return False
    with_value = next((letter for letter in argument[1:] if f"{letter}:" in _OPTIONS), "")
    return bool(with_value) and argument.index(with_value) == len(argument) - 1
