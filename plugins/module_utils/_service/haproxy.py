# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy, asked through its own sockets: commands to its master, and what its answers and its configuration mean.

A reload leaves the connections that are open to the worker before it, for as long as they live, and HAProxy's ordinary
socket tells nothing of them. So everything is read of every worker, through the master's socket. Nothing is changed
here.
"""

from __future__ import annotations

import csv
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from .._errors import ClinicalError
from .._text.lines import split_lines
from .._text.numbers import natural

MASTER_SOCKET = "/run/haproxy-master.sock"
#: Read for what its health checks take.
CONFIGURATION = "/etc/haproxy/haproxy.cfg"
ANSWER_LIMIT = 16 * 1024 * 1024
ANSWER_SECONDS = 10.0
_FORCED = 0x01 | 0x08  # maintenance, drain


class CommandChannel(Protocol):
    """Whatever carries a command to HAProxy's master and brings the answer back."""

    def ask(self, command: str) -> str:
        """Return the answer, without the empty line at its end; raise ClinicalError where there is none."""


class MasterSocket:
    """The socket of HAProxy's master on this machine: one connection a command."""

    def __init__(self, path: str = MASTER_SOCKET) -> None:
        self.path = path

    def ask(self, command: str) -> str:
        """Return the answer to a command of HAProxy's master CLI; raise ClinicalError where there is none."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            try:
                connection.connect(self.path)
                connection.sendall(command.encode() + b"\n")
                connection.shutdown(socket.SHUT_WR)
                return _read_all(connection).decode("utf-8", "replace").rstrip("\n")
            except OSError as error:
                raise ClinicalError(
                    "Asking", f"HAProxy through {self.path}", str(error), "Does haproxy.service run, and are you root?"
                ) from error


def _read_all(connection: socket.socket) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        chunk = connection.recv(65536)
        size += len(chunk)
        if not chunk or size > ANSWER_LIMIT:
            return b"".join(chunks)
        chunks.append(chunk)


# --- what its answers mean --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StatRow:
    """A frontend or a server of one worker, as ``show stat`` has it. ``server`` is empty for a frontend.

    ``proxy`` is the name of the frontend, or of the backend that has the server.
    """

    worker: int
    proxy: str
    server: str
    status: str
    sessions: int
    last_check: str = ""

    @property
    def is_up(self) -> bool:
        """Return whether it takes new sessions: HAProxy says UP of a server, OPEN of a frontend."""
        return self.status.startswith(("UP", "OPEN", "no check"))


@dataclass(frozen=True)
class WorkerStats:
    """The rows of all workers; the worker that takes new sessions comes first."""

    workers: tuple[int, ...]
    rows: tuple[StatRow, ...]

    @property
    def current_worker(self) -> int:
        """Return the process id of the worker that takes new sessions."""
        return self.workers[0]

    def servers_of(self, engine: str, every_worker: bool = False) -> list[StatRow]:
        """Return the servers with the engine's name, one for each backend that has it."""
        return [row for row in self._rows_of(every_worker) if row.server and row.server == engine]

    def frontends(self, every_worker: bool = False) -> list[StatRow]:
        """Return the frontends of the worker that takes new sessions, or of all workers."""
        return [row for row in self._rows_of(every_worker) if not row.server]

    def engines(self) -> list[str]:
        """Return the names of all servers, sorted."""
        return sorted({row.server for row in self._rows_of(False) if row.server})

    def siblings_of(self, server: StatRow) -> list[StatRow]:
        """Return the other servers in the backend of this one."""
        servers = [row for row in self._rows_of(False) if row.server and row.proxy == server.proxy]
        return [row for row in servers if row.server != server.server]

    def _rows_of(self, every_worker: bool) -> list[StatRow]:
        return [row for row in self.rows if every_worker or row.worker == self.current_worker]


@dataclass(frozen=True)
class ServerState:
    """One line in the answer to ``show servers state``: what is kept over a reload."""

    backend: str
    name: str
    forced: bool
    line: str


def parse_workers(text: str) -> tuple[int, ...]:
    """Return the process ids in the answer to ``show proc``: the current worker, then those before it."""
    rows = [line.split() for line in split_lines(text) if line and not line.startswith("#")]
    return tuple(_number(row[0], "show proc") for row in rows if len(row) > 1 and row[1] == "worker")


def parse_stat(worker: int, text: str) -> list[StatRow]:
    """Return the frontends and servers in a worker's answer to ``show stat``."""
    rows = []
    for row in _table(text):
        name = row.get("svname") or "BACKEND"
        if name == "BACKEND":
            continue
        rows.append(
            StatRow(
                worker=worker,
                proxy=row["pxname"] or "",
                server="" if name == "FRONTEND" else name,
                status=row["status"] or "",
                sessions=_number(row["scur"] or "0", "show stat"),
                last_check=row.get("check_desc") or "",
            )
        )
    return rows


def _table(text: str) -> list[dict[str, str | None]]:
    """Return the rows of ``show stat`` by the names of its columns."""
    reader = csv.DictReader(split_lines(text.lstrip("# ")))
    try:
        rows = list(reader)
    except csv.Error:
        raise _strange("show stat", f"line {reader.line_num}") from None
    missing = sorted({"pxname", "svname", "status", "scur"} - set(reader.fieldnames or ()))
    if rows and missing:
        raise _strange("show stat", f"a table without {missing[0]}")
    return rows


def _number(text: str, command: str) -> int:
    """Return a number of an answer. Raises ClinicalError that names the command where it is none."""
    number = natural(text)
    if number is None:
        raise _strange(command, repr(text[:40]))
    return number


def _strange(command: str, place: str) -> ClinicalError:
    return ClinicalError("Asking HAProxy", command, f"{place} is not what HAProxy answers", "Is it HAProxy?")


def parse_sessions(text: str, engine: str) -> list[str]:
    """Return the ids in the answer to ``show sess`` of the sessions with the engine, or, without one, of all.

    Those with HAProxy itself, such as the one that asks, do not count.
    """
    ids = []
    for line in split_lines(text):
        match = re.match(r"(0x[0-9a-f]+): .*\bfe=(\S+) be=\S+ srv=(\S+) ", line)
        if match and match.group(2) not in ("GLOBAL", "MASTER") and engine in ("", match.group(3)):
            ids.append(match.group(1))
    return ids


def parse_server_states(text: str) -> list[ServerState]:
    """Return the servers in the answer to ``show servers state``, or in a file that holds one."""
    states = []
    for line in split_lines(text):
        columns = line.split()
        if len(columns) > 6 and not line.startswith("#"):
            forced = bool(_number(columns[6], "show servers state") & _FORCED)
            states.append(ServerState(backend=columns[1], name=columns[3], forced=forced, line=line))
    return states


def observe(master: CommandChannel) -> WorkerStats:
    """Return the rows of every worker; raise ClinicalError where HAProxy does not answer or has no worker."""
    workers = parse_workers(master.ask("show proc"))
    if not workers:
        raise ClinicalError("Asking", "HAProxy's master", "it has no worker", "Look at: journalctl -u haproxy.service")
    rows: list[StatRow] = []
    for worker in workers:
        rows += parse_stat(worker, master.ask(f"@!{worker} show stat"))
    return WorkerStats(workers, tuple(rows))


# --- what its health checks take --------------------------------------------------------------------------------------

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CHECK_OPTIONS = ("inter", "fastinter", "downinter", "rise", "fall")
_SECTIONS = ("backend", "listen", "frontend", "global")


def parse_seconds(text: str) -> float:
    """Return a time of HAProxy's configuration in seconds; without a unit it is milliseconds. Nought if it is none."""
    match = re.fullmatch(r"(\d+)(us|ms|s|m|h|d)?", text)
    if match:
        return int(match.group(1)) * _UNITS[match.group(2) or "ms"]
    return 0.0


def parse_check_seconds(text: str, engine: str) -> float:
    """Return how long the checks of a configuration may take, at most, until this engine is seen to be well again.

    In seconds, of the backend where that is longest. As many checks as it takes to be found down and then up, each
    after its interval and with the time it may take itself. What the configuration does not say is HAProxy's default.
    """
    longest = max(map(_check_seconds, _check_options_of(text, engine)), default=0.0)
    return longest or _check_seconds({})


def _check_options_of(text: str, engine: str) -> Iterator[dict[str, str]]:
    """Yield the options of the checks of every server with the engine's name, those of its section included."""
    defaults: dict[str, str] = {}
    section: dict[str, str] = {}
    for line in split_lines(text):
        arguments = re.sub(r"(^|\s)#.*", "", line).split()
        if not arguments:
            continue
        if arguments[0] == "defaults":
            section = defaults = {}
        elif arguments[0] in _SECTIONS:
            section = dict(defaults)
        elif arguments[:2] == ["timeout", "check"] and len(arguments) > 2:
            section["timeout"] = arguments[2]
        elif arguments[0] == "default-server":
            section.update(_check_options(arguments[1:]))
        elif arguments[:2] == ["server", engine]:
            yield {**section, **_check_options(arguments[3:])}


def _check_options(arguments: list[str]) -> dict[str, str]:
    return {name: value for name, value in zip(arguments, arguments[1:]) if name in _CHECK_OPTIONS}


def _check_seconds(options: dict[str, str]) -> float:
    interval = parse_seconds(options.get("inter", "2s"))
    slowest = max([interval, *(parse_seconds(options.get(name, "")) for name in ("fastinter", "downinter"))])
    timeout = parse_seconds(options["timeout"]) if "timeout" in options else interval
    checks = (natural(options.get("rise", "")) or 2) + (natural(options.get("fall", "")) or 3)
    return checks * (slowest + timeout)
