# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an engine, or the whole gateway, out of service and put it back: HAProxy, asked through its own sockets.

A reload leaves the connections that are open to the worker before it, for as long as they live, and HAProxy's ordinary
socket tells nothing of them. So sessions are counted in every worker, through the master's socket. Private to the
collection.
"""

from __future__ import annotations

import csv
import re
import socket
import time
from dataclasses import dataclass
from typing import Dict, List, Optional, Protocol, Tuple

from .._errors import ClinicalError
from .._host.door import Host

MASTER = "/run/haproxy-master.sock"
#: HAProxy reads it when it starts and when it is reloaded, so that an engine stays drained over both.
KEPT = "/var/lib/haproxy/drained-engines"
ANSWER_LIMIT = 16 * 1024 * 1024
ANSWER_WITHIN = 10.0
LOOK_EVERY = 0.25
#: How long sessions that were shut may take to be gone.
SHUT_WITHIN = 10.0
#: Read for what its health checks take.
CONFIGURATION = "/etc/haproxy/haproxy.cfg"
NO_ENGINE_DRAINED = "1\n"
_FORCED = 0x01 | 0x08  # maintenance, drain


class Asks(Protocol):
    """Whoever carries a command to HAProxy's master and brings the answer back."""

    def ask(self, command: str) -> str:
        """The answer, without the empty line at its end."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds that only ever grow."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class RealClock:
    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class MasterSocket:
    """The socket of HAProxy's master on this machine: one connection a command."""

    def __init__(self, path: str = MASTER) -> None:
        self.path = path

    def ask(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_WITHIN)
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
    pieces: List[bytes] = []
    size = 0
    while True:
        piece = connection.recv(65536)
        size += len(piece)
        if not piece or size > ANSWER_LIMIT:
            return b"".join(pieces)
        pieces.append(piece)


@dataclass(frozen=True)
class Part:
    """A frontend or a server of one worker. ``name`` is the server's; a frontend has none."""

    worker: int
    proxy: str
    name: str
    status: str
    sessions: int
    last_check: str = ""


@dataclass(frozen=True)
class State:
    """What all workers say: the present one comes first."""

    workers: Tuple[int, ...]
    parts: Tuple[Part, ...]

    @property
    def present(self) -> int:
        return self.workers[0]

    def links(self, engine: str, every_worker: bool = False) -> List[Part]:
        return [part for part in self._of(every_worker) if part.name and part.name == engine]

    def doors(self, every_worker: bool = False) -> List[Part]:
        return [part for part in self._of(every_worker) if not part.name]

    def engines(self) -> List[str]:
        return sorted({part.name for part in self._of(False) if part.name})

    def others(self, link: Part) -> List[Part]:
        return [part for part in self._of(False) if part.name and part.proxy == link.proxy and part.name != link.name]

    def _of(self, every_worker: bool) -> List[Part]:
        return [part for part in self.parts if every_worker or part.worker == self.present]


@dataclass(frozen=True)
class Outcome:
    """What became of it. ``sessions`` are those that are left, ``shut`` those that were ended before their time."""

    changed: bool
    state: str
    routes: Tuple[str, ...]
    sessions: int
    shut: int = 0
    before: int = 0


# --- what HAProxy says ------------------------------------------------------------------------------------------------


def parse_workers(text: str) -> Tuple[int, ...]:
    """The process ids in the answer to ``show proc``: the present worker, then those before it."""
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return tuple(int(row[0]) for row in rows if len(row) > 1 and row[1] == "worker")


def parse_parts(worker: int, text: str) -> List[Part]:
    """Frontends and servers in the answer to ``show stat``."""
    rows = csv.DictReader(text.lstrip("# ").splitlines())
    return [
        Part(
            worker,
            row["pxname"],
            "" if row["svname"] == "FRONTEND" else row["svname"],
            row["status"],
            int(row["scur"] or 0),
            row.get("check_desc") or "",
        )
        for row in rows
        if row.get("svname") and row["svname"] != "BACKEND"
    ]


def parse_sessions(text: str, engine: str) -> List[str]:
    """The ids in the answer to ``show sess`` of the sessions with the engine, or of all that came in at a frontend."""
    found = []
    for line in text.splitlines():
        match = re.match(r"(0x[0-9a-f]+): .*\bfe=(\S+) be=\S+ srv=(\S+) ", line)
        if match and match.group(2) not in ("GLOBAL", "MASTER") and engine in ("", match.group(3)):
            found.append(match.group(1))
    return found


@dataclass(frozen=True)
class Server:
    """One line in the answer to ``show servers state``: what is kept over a reload."""

    backend: str
    name: str
    forced: bool
    line: str


def parse_servers(text: str) -> List[Server]:
    rows = [line for line in text.splitlines() if len(line.split()) > 6 and not line.startswith("#")]
    words = [(line, line.split()) for line in rows]
    return [Server(word[1], word[3], bool(int(word[6]) & _FORCED), line) for line, word in words]


# --- what its health checks take --------------------------------------------------------------------------------------

_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_CHECK_OPTIONS = ("inter", "fastinter", "downinter", "rise", "fall")


def parse_seconds(text: str) -> float:
    """Return a time of HAProxy's configuration in seconds; without a unit it is milliseconds. Nought if it is none."""
    match = re.fullmatch(r"(\d+)(us|ms|s|m|h|d)?", text)
    return int(match.group(1)) * _UNITS[match.group(2) or "ms"] if match else 0.0


def parse_check_seconds(text: str, engine: str) -> float:
    """Return how long the checks of a configuration may take, at most, until this engine is seen to be well again.

    In seconds, of the backend where that is longest. As many checks as it takes to be found down and then up, each
    after its interval and with the time it may take itself. What the configuration does not say is HAProxy's default.
    """
    longest = 0.0
    defaults: Dict[str, str] = {}
    section: Dict[str, str] = {}
    for line in text.splitlines():
        words = re.sub(r"(^|\s)#.*", "", line).split()
        if not words:
            continue
        if words[0] in ("defaults", "backend", "listen", "frontend", "global"):
            section = {} if words[0] == "defaults" else dict(defaults)
            defaults = section if words[0] == "defaults" else defaults
        elif words[:2] == ["timeout", "check"] and len(words) > 2:
            section["timeout"] = words[2]
        elif words[0] == "default-server":
            section.update(_check_options(words[1:]))
        elif words[:2] == ["server", engine]:
            longest = max(longest, _check_seconds({**section, **_check_options(words[3:])}))
    return longest or _check_seconds({})


def _check_options(words: List[str]) -> Dict[str, str]:
    return {name: value for name, value in zip(words, words[1:]) if name in _CHECK_OPTIONS}


def _check_seconds(options: Dict[str, str]) -> float:
    interval = parse_seconds(options.get("inter", "2s"))
    slowest = max([interval, *(parse_seconds(options.get(name, "")) for name in ("fastinter", "downinter"))])
    takes = parse_seconds(options["timeout"]) if "timeout" in options else interval
    checks = int(options.get("rise", "2")) + int(options.get("fall", "3"))
    return checks * (slowest + takes)


def observe(master: Asks) -> State:
    workers = parse_workers(master.ask("show proc"))
    if not workers:
        raise ClinicalError("Asking", "HAProxy's master", "it has no worker", "Look at: journalctl -u haproxy.service")
    parts: List[Part] = []
    for worker in workers:
        parts += parse_parts(worker, master.ask(f"@!{worker} show stat"))
    return State(workers, tuple(parts))


# --- draining an engine -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wanted:
    """``engine`` is empty for the whole gateway."""

    engine: str
    state: str
    wait: float
    shut: bool = False
    alone: bool = False

    @property
    def subject(self) -> str:
        return f"the engine {self.engine}" if self.engine else "the gateway"


class Drainer:
    """Carries one wish out. In check mode it only tells what it would do."""

    def __init__(self, master: Asks, host: Host, clock: Optional[Clock] = None, check_mode: bool = False) -> None:
        self.master = master
        self.host = host
        self.clock = clock or RealClock()
        self.check_mode = check_mode

    def carry_out(self, wanted: Wanted) -> Outcome:
        state = observe(self.master)
        subjects = _subjects(state, wanted)
        if wanted.state == "ready":
            return self._readmit(state, subjects, wanted)
        if not wanted.alone and wanted.engine:
            _refuse_outage(state, subjects)
        return self._drain(state, subjects, wanted)

    def _drain(self, state: State, subjects: List[Part], wanted: Wanted) -> Outcome:
        changed = self._turn(state, subjects, "drain" if wanted.engine else "disable")
        before = left = _sessions(state, wanted)
        routes = tuple(part.proxy for part in subjects)
        if wanted.state == "draining" or self.check_mode:
            return Outcome(changed, wanted.state, routes, left, before=before)
        left = self._until_none(wanted, wanted.wait)
        shut = 0
        if left and wanted.shut:
            shut = self._shut(wanted)
            left = self._until_none(wanted, SHUT_WITHIN)
        if left:
            raise ClinicalError(
                "Draining",
                wanted.subject,
                f"{_many(left)} still open after {wanted.wait:.0f} s",
                "Have the engine finish and close them, wait longer, or consent to shutting them: what is then at work "
                "is sent again.",
            )
        return Outcome(changed or shut > 0, "drained", routes, 0, shut, before)

    def _readmit(self, state: State, subjects: List[Part], wanted: Wanted) -> Outcome:
        changed = self._turn(state, subjects, "ready" if wanted.engine else "enable")
        routes = tuple(part.proxy for part in subjects)
        if self.check_mode:
            return Outcome(changed, "ready", routes, _sessions(state, wanted))
        # A short wait is meant for sessions. Checks take the time that they are configured to take.
        wait = max(wanted.wait, self._checks_take(wanted.engine))
        until = self.clock.now() + wait
        while True:
            state = observe(self.master)
            down = [part for part in _subjects(state, wanted) if not part.status.startswith(("UP", "OPEN", "no check"))]
            if not down:
                return Outcome(changed, "ready", routes, _sessions(state, wanted))
            if self.clock.now() >= until:
                break
            self.clock.sleep(LOOK_EVERY)
        seen = "; ".join(f"{part.proxy} says {part.status} ({part.last_check or 'no check yet'})" for part in down)
        raise ClinicalError(
            "Readmitting",
            wanted.subject,
            f"it is out of service after {wait:.0f} s: {seen}",
            "It takes messages again by itself as soon as its probe is answered READY.",
        )

    def _checks_take(self, engine: str) -> float:
        """Return the seconds that the checks of an engine may need; the whole gateway is open at once."""
        if not engine:
            return 0.0
        return parse_check_seconds((self.host.read(CONFIGURATION) or b"").decode("utf-8", "replace"), engine)

    def _turn(self, state: State, subjects: List[Part], to: str) -> bool:
        """Tell HAProxy, and keep it over a reload; whether that was needed."""
        if to in ("disable", "enable"):
            wrong = [part for part in subjects if (part.status == "OPEN") == (to == "disable")]
            commands = [f"{to} frontend {part.proxy}" for part in wrong]
        else:
            forced = {(server.backend, server.name): server.forced for server in self._servers(state)}
            wrong = [part for part in subjects if forced[part.proxy, part.name] == (to == "ready")]
            commands = [f"set server {part.proxy}/{part.name} state {to}" for part in wrong]
            if to == "ready":
                commands = [*_forget(state, wrong), *commands]
        if self.check_mode:
            return bool(commands)
        for command in commands:
            said = self.master.ask(f"@!{state.present} {command}")
            if said.strip():
                raise ClinicalError("Telling", "HAProxy", f"to '{command}' it says: {said.strip()}")
        return self._keep(state) or bool(commands)

    def _servers(self, state: State) -> List[Server]:
        return parse_servers(self.master.ask(f"@!{state.present} show servers state"))

    def _keep(self, state: State) -> bool:
        """Write down which engines are drained; whether that was not what stood there."""
        drained = {(server.backend, server.name): server.line for server in self._servers(state) if server.forced}
        known = {(s.backend, s.name) for s in parse_servers((self.host.read(KEPT) or b"").decode("utf-8", "replace"))}
        if set(drained) == known:
            return False
        text = NO_ENGINE_DRAINED + "".join(f"{line}\n" for line in drained.values())
        self.host.write(KEPT, text.encode(), 0o644, 0, 0, {})
        return True

    def _until_none(self, wanted: Wanted, within: float) -> int:
        until = self.clock.now() + within
        while True:
            left = _sessions(observe(self.master), wanted)
            if not left or self.clock.now() >= until:
                return left
            self.clock.sleep(LOOK_EVERY)

    def _shut(self, wanted: Wanted) -> int:
        """End the sessions that are left, one by one: a worker from before a reload takes no other command for it."""
        shut = 0
        for worker in observe(self.master).workers:
            for session in parse_sessions(self.master.ask(f"@!{worker} show sess"), wanted.engine):
                self.master.ask(f"@!{worker} shutdown session {session}")
                shut += 1
        return shut


def _subjects(state: State, wanted: Wanted) -> List[Part]:
    if not wanted.engine:
        return state.doors()
    links = state.links(wanted.engine)
    if not links:
        raise ClinicalError(
            "Looking for", wanted.subject, "no route has it", f"Known are: {', '.join(state.engines()) or 'none'}."
        )
    return links


def _sessions(state: State, wanted: Wanted) -> int:
    every = state.links(wanted.engine, every_worker=True) if wanted.engine else state.doors(every_worker=True)
    return sum(part.sessions for part in every)


def _forget(state: State, links: List[Part]) -> List[str]:
    """What a check said while the engine was drained is old: it counts as down until new checks have passed.

    Not where it still has sessions, which would be ended by that, and not where nothing is checked.
    """
    busy = {(part.proxy, part.name) for part in state.parts if part.sessions}
    idle = [part for part in links if (part.proxy, part.name) not in busy and part.status != "no check"]
    return [f"set server {part.proxy}/{part.name} health down" for part in idle]


def _refuse_outage(state: State, links: List[Part]) -> None:
    alone: Dict[str, str] = {
        link.proxy: ", ".join(f"{other.name} is {other.status}" for other in state.others(link)) or "it has no other"
        for link in links
        if not any(other.status.startswith(("UP", "no check")) for other in state.others(link))
    }
    if alone:
        raise ClinicalError(
            "Draining",
            f"the engine {links[0].name}",
            "no other engine would take the messages of " + "; ".join(f"{name} ({why})" for name, why in alone.items()),
            "Mend the other engine first, or consent to an outage: senders then keep their messages and wait.",
        )


def _many(sessions: int) -> str:
    return "1 session is" if sessions == 1 else f"{sessions} sessions are"


def result(wanted: Wanted, outcome: Outcome) -> Dict[str, object]:
    """What the module returns."""
    return {
        "changed": outcome.changed,
        "engine": wanted.engine,
        "state": outcome.state,
        "routes": list(outcome.routes),
        "sessions": outcome.sessions,
        "sessions_before": outcome.before,
        "sessions_shut": outcome.shut,
    }
