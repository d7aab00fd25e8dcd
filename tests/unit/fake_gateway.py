# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A gateway in memory, which answers in HAProxy's words, and the host it runs on. Time passes only in ``sleep``."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from ansible_collections.healthops.clinical.plugins.module_utils._service import haproxy
from fake_host import FakeHost

#: Its checks take (1 + 1) * (1.5 + 0.5) = 4 seconds.
CHECKS = """\
defaults
    timeout check 500ms
backend lab_engines
    default-server inter 1500 fastinter 1s rise 1 fall 1 # often
    server a 192.0.2.1:2 check
"""
FOREVER = float("inf")


@dataclass
class Session:
    """A session of one worker, over a route with an engine; it ends by itself when ``ends_at`` seconds have passed."""

    worker: int
    route: str
    engine: str
    ends_at: float = FOREVER


@dataclass
class FakeGateway:
    """Two routes over the engines a and b. The worker 20 takes new sessions, 10 is from before a reload."""

    forced: dict[tuple[str, str], int] = field(default_factory=dict)
    down: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    sessions: dict[str, Session] = field(default_factory=dict)
    #: engine -> when a new check has passed
    unproven: dict[str, float] = field(default_factory=dict)
    deaf: bool = False
    seconds: float = 0.0
    commands: list[str] = field(default_factory=list)

    ROUTES = ("lab", "ward")
    ENGINES = ("a", "b")

    def pass_time(self, seconds: float) -> None:
        self.seconds += seconds
        open_still = {name: session for name, session in self.sessions.items() if session.ends_at > self.seconds}
        self.sessions = open_still

    def ask(self, command: str) -> str:
        if command == "show proc":
            return "#<PID> <type>\n1 master 0\n# workers\n20 worker 0\n# old workers\n10 worker 1\n# programs\n"
        match = re.fullmatch(r"@!(\d+) (.*)", command)
        assert match, command
        worker, of_worker = int(match.group(1)), match.group(2)
        if of_worker == "show stat":
            return self._stat(worker)
        if of_worker == "show servers state":
            return self._servers_state()
        if of_worker == "show sess":
            return "".join(
                f"{name}: proto=tcpv4 src=x fe={session.route} be={session.route}_engines srv={session.engine} ts=00\n"
                for name, session in self.sessions.items()
                if session.worker == worker
            )
        self.commands.append(of_worker)
        return "No such server.\n" if self.deaf else self._obey(of_worker.split())

    def _servers_state(self) -> str:
        lines = ["1", "# header"]
        for route in self.ROUTES:
            for engine in self.ENGINES:
                lines.append(f"4 {route}_engines 1 {engine} 192.0.2.1 2 {self.forced.get((route, engine), 0)} 1 1 9")
        return "\n".join(lines) + "\n"

    def _obey(self, arguments: list[str]) -> str:
        if arguments[:2] == ["set", "server"]:
            backend, engine = arguments[2].split("/")
            route = backend[: -len("_engines")]
            if arguments[3] == "health":
                assert self.forced[route, engine], "only while it is drained"
                self.unproven[engine] = self.seconds + 3
                return ""
            self.forced[route, engine] = {"drain": 8, "ready": 0}[arguments[4]]
        elif arguments[:2] == ["shutdown", "session"]:
            del self.sessions[arguments[2]]
        elif arguments[0] == "disable":
            self.closed.append(arguments[2])
        elif arguments[0] == "enable":
            self.closed.remove(arguments[2])
        return ""

    def _stat(self, worker: int) -> str:
        rows = ["# pxname,svname,scur,status,check_desc"]
        for route in self.ROUTES:
            sessions = [live for live in self.sessions.values() if (live.worker, live.route) == (worker, route)]
            status = "STOP" if worker == 10 else "PAUSED" if route in self.closed else "OPEN"
            rows.append(f"{route},FRONTEND,{len(sessions)},{status},")
            for engine in self.ENGINES:
                count = sum(1 for session in sessions if session.engine == engine)
                rows.append(f"{route}_engines,{engine},{count},{self._server_status(route, engine)},Layer7")
            rows.append(f"{route}_engines,BACKEND,{len(sessions)},UP,")
        return "\n".join(rows) + "\n\n"

    def _server_status(self, route: str, engine: str) -> str:
        if engine in self.down or self.unproven.get(engine, 0) > self.seconds:
            return "DOWN"
        return "DRAIN" if self.forced.get((route, engine)) else "UP"


class GatewayHost(FakeHost):
    """The host of a gateway: its clock is the gateway's."""

    def __init__(self, gateway: FakeGateway, configuration: str = CHECKS) -> None:
        super().__init__()
        self.gateway = gateway
        self.mkdir("/var/lib/haproxy", 0o755, 0, 0)
        self.mkdir("/etc/haproxy", 0o755, 0, 0)
        self.write(haproxy.CONFIGURATION, configuration.encode(), 0o640, 0, 0, {})

    def monotonic(self) -> float:
        return self.gateway.seconds

    def sleep(self, seconds: float) -> None:
        self.gateway.pass_time(seconds)
