# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take an engine, or the whole gateway, out of service with proof, and put it back.

Sessions are counted in every worker of HAProxy: those from before a reload hold an engine like any others.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._errors import ClinicalError
from .._host.door import Host
from .haproxy import (
    CONFIGURATION,
    CommandChannel,
    ServerState,
    StatRow,
    WorkerStats,
    observe,
    parse_check_seconds,
    parse_server_states,
    parse_sessions,
)

#: HAProxy reads it when it starts and when it is reloaded, so that an engine stays drained over both.
DRAINED_ENGINES = "/var/lib/haproxy/drained-engines"
NO_ENGINE_DRAINED = "1\n"
POLL_SECONDS = 0.25
#: How long sessions that were shut may take to end.
SHUT_SECONDS = 10.0


@dataclass(frozen=True)
class DrainRequest:
    """The state that an engine is to have: draining, drained or ready. ``engine`` is empty for the whole gateway.

    ``wait`` is in seconds. ``shut_sessions`` consents to ending sessions after it, ``allow_outage`` to draining the
    last engine of a backend.
    """

    engine: str
    state: str
    wait: float
    shut_sessions: bool = False
    allow_outage: bool = False

    @property
    def subject(self) -> str:
        """Return what is drained, for people."""
        return f"the engine {self.engine}" if self.engine else "the gateway"


@dataclass(frozen=True)
class DrainResult:
    """``sessions`` are those that remain, ``sessions_shut`` those that were ended before their time."""

    changed: bool
    state: str
    routes: tuple[str, ...]
    sessions: int
    sessions_shut: int = 0
    sessions_before: int = 0

    def as_result(self, engine: str) -> dict[str, object]:
        """Return the keys that the module returns."""
        return {
            "changed": self.changed,
            "engine": engine,
            "state": self.state,
            "routes": list(self.routes),
            "sessions": self.sessions,
            "sessions_before": self.sessions_before,
            "sessions_shut": self.sessions_shut,
        }


class Drain:
    """Carries out one request. In check mode it only reports what it would do."""

    def __init__(self, master: CommandChannel, host: Host, request: DrainRequest, check_mode: bool = False) -> None:
        self.master = master
        self.host = host
        self.request = request
        self.check_mode = check_mode

    def carry_out(self) -> DrainResult:
        """Bring about the state that is requested, and wait until it is so.

        Raise ClinicalError where no route has the engine, HAProxy refuses, no other engine would take the messages,
        or the state is not reached in time.
        """
        stats = observe(self.master)
        rows = self._subject_rows(stats)
        if self.request.state == "ready":
            return self._readmit(stats, rows)
        if self.request.engine and not self.request.allow_outage:
            _refuse_outage(stats, rows)
        return self._drain(stats, rows)

    def _drain(self, stats: WorkerStats, rows: list[StatRow]) -> DrainResult:
        changed = self._switch(stats, rows, "drain" if self.request.engine else "disable")
        before = self._count_sessions(stats)
        routes = tuple(row.proxy for row in rows)
        if self.request.state == "draining" or self.check_mode:
            return DrainResult(
                changed=changed, state=self.request.state, routes=routes, sessions=before, sessions_before=before
            )
        shut = self._end_sessions()
        return DrainResult(
            changed=changed or shut > 0,
            state="drained",
            routes=routes,
            sessions=0,
            sessions_shut=shut,
            sessions_before=before,
        )

    def _end_sessions(self) -> int:
        """Wait until no session is open, and return how many were shut; raise ClinicalError where some stay open."""
        shut = 0
        remaining = self._await_no_session(self.request.wait)
        if remaining and self.request.shut_sessions:
            shut = self._shut_sessions()
            remaining = self._await_no_session(SHUT_SECONDS)
        if remaining:
            raise ClinicalError(
                "Draining",
                self.request.subject,
                f"{_sessions_are(remaining)} still open after {self.request.wait:.0f} s",
                "Have the engine finish and close them, wait longer, or consent to shutting them: what is then at work "
                "is sent again.",
            )
        return shut

    def _readmit(self, stats: WorkerStats, rows: list[StatRow]) -> DrainResult:
        changed = self._switch(stats, rows, "ready" if self.request.engine else "enable")
        if not self.check_mode:
            stats = self._await_up()
        return DrainResult(
            changed=changed,
            state="ready",
            routes=tuple(row.proxy for row in rows),
            sessions=self._count_sessions(stats),
        )

    def _await_up(self) -> WorkerStats:
        """Return the rows as soon as all of the subject are up; raise ClinicalError where they are not in time."""
        # A short wait is meant for sessions. Checks take the time that they are configured to take.
        wait = max(self.request.wait, self._check_seconds())
        deadline = self.host.monotonic() + wait
        while True:
            stats = observe(self.master)
            down = [row for row in self._subject_rows(stats) if not row.is_up]
            if not down:
                return stats
            if self.host.monotonic() >= deadline:
                break
            self.host.sleep(POLL_SECONDS)
        reasons = "; ".join(f"{row.proxy} says {row.status} ({row.last_check or 'no check yet'})" for row in down)
        raise ClinicalError(
            "Readmitting",
            self.request.subject,
            f"it is out of service after {wait:.0f} s: {reasons}",
            "It takes messages again by itself as soon as its probe is answered READY.",
        )

    def _check_seconds(self) -> float:
        """Return the seconds that the checks of the engine may need; the whole gateway is open at once."""
        if not self.request.engine:
            return 0.0
        return parse_check_seconds(self.host.read_text(CONFIGURATION), self.request.engine)

    def _switch(self, stats: WorkerStats, rows: list[StatRow], state: str) -> bool:
        """Have HAProxy set this state, and keep it over a reload; return whether that was needed."""
        if self.request.engine:
            commands = self._server_commands(stats, rows, state)
        else:
            to_switch = [row for row in rows if (row.status == "OPEN") == (state == "disable")]
            commands = [f"{state} frontend {row.proxy}" for row in to_switch]
        if self.check_mode:
            return bool(commands)
        for command in commands:
            complaint = self.master.ask(f"@!{stats.current_worker} {command}").strip()
            if complaint:
                raise ClinicalError("Telling", "HAProxy", f"to '{command}' it says: {complaint}")
        return self._record_drained(stats) or bool(commands)

    def _server_commands(self, stats: WorkerStats, rows: list[StatRow], state: str) -> list[str]:
        forced = {(server.backend, server.name): server.forced for server in self._server_states(stats)}
        to_switch = [row for row in rows if forced[row.proxy, row.server] == (state == "ready")]
        commands = [f"set server {row.proxy}/{row.server} state {state}" for row in to_switch]
        if state == "ready":
            return [*_forget_checks(stats, to_switch), *commands]
        return commands

    def _server_states(self, stats: WorkerStats) -> list[ServerState]:
        return parse_server_states(self.master.ask(f"@!{stats.current_worker} show servers state"))

    def _record_drained(self, stats: WorkerStats) -> bool:
        """Write down which engines are drained; return whether that was not what stood there."""
        drained = {(server.backend, server.name): server.line for server in self._server_states(stats) if server.forced}
        recorded = {(state.backend, state.name) for state in parse_server_states(self.host.read_text(DRAINED_ENGINES))}
        if set(drained) == recorded:
            return False
        text = NO_ENGINE_DRAINED + "".join(f"{line}\n" for line in drained.values())
        self.host.write(DRAINED_ENGINES, text.encode(), 0o644, 0, 0, {})
        return True

    def _read_text(self, path: str) -> str:
        return self.host.read_text(path)

    def _await_no_session(self, seconds: float) -> int:
        """Wait so long at most, and return how many sessions are open then."""
        deadline = self.host.monotonic() + seconds
        while True:
            sessions = self._count_sessions(observe(self.master))
            if not sessions or self.host.monotonic() >= deadline:
                return sessions
            self.host.sleep(POLL_SECONDS)

    def _shut_sessions(self) -> int:
        """Shut every open session by itself: a worker from before a reload takes no other command for it."""
        shut = 0
        for worker in observe(self.master).workers:
            for session in parse_sessions(self.master.ask(f"@!{worker} show sess"), self.request.engine):
                self.master.ask(f"@!{worker} shutdown session {session}")
                shut += 1
        return shut

    def _subject_rows(self, stats: WorkerStats) -> list[StatRow]:
        if not self.request.engine:
            return stats.frontends()
        rows = stats.servers_of(self.request.engine)
        if not rows:
            known = ", ".join(stats.engines()) or "none"
            raise ClinicalError("Looking for", self.request.subject, "no route has it", f"Known are: {known}.")
        return rows

    def _count_sessions(self, stats: WorkerStats) -> int:
        """Return how many sessions the subject has, over all workers."""
        if self.request.engine:
            return sum(row.sessions for row in stats.servers_of(self.request.engine, every_worker=True))
        return sum(row.sessions for row in stats.frontends(every_worker=True))


def _forget_checks(stats: WorkerStats, servers: list[StatRow]) -> list[str]:
    """Return the commands that make an engine count as down until new checks have passed: the last ones are old.

    Not where it still has sessions, which would be ended by that, and not where nothing is checked.
    """
    busy = {(row.proxy, row.server) for row in stats.rows if row.sessions}
    idle = [row for row in servers if (row.proxy, row.server) not in busy and row.status != "no check"]
    return [f"set server {row.proxy}/{row.server} health down" for row in idle]


def _refuse_outage(stats: WorkerStats, servers: list[StatRow]) -> None:
    """Raise ClinicalError where no other engine would take the messages of a backend."""
    outages = []
    for server in servers:
        siblings = stats.siblings_of(server)
        if not any(sibling.is_up for sibling in siblings):
            reason = ", ".join(f"{sibling.server} is {sibling.status}" for sibling in siblings) or "it has no other"
            outages.append(f"{server.proxy} ({reason})")
    if outages:
        raise ClinicalError(
            "Draining",
            f"the engine {servers[0].server}",
            "no other engine would take the messages of " + "; ".join(outages),
            "Mend the other engine first, or consent to an outage: senders then keep their messages and wait.",
        )


def _sessions_are(count: int) -> str:
    return "1 session is" if count == 1 else f"{count} sessions are"
