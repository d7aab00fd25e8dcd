# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines are drained with proof, put back, and never left without one that takes their messages."""

from __future__ import annotations

import re
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._service import haproxy
from fake_host import FakeHost, fixture

DEBIANS = pytest.mark.parametrize("debian", ["debian-12", "debian-13"])


# --- what the real one says -------------------------------------------------------------------------------------------


@DEBIANS
def test_the_present_worker_comes_first(debian: str) -> None:
    workers = haproxy.parse_workers(fixture("haproxy_proc", debian))
    assert len(workers) == 2
    assert workers[0] > workers[1]


@DEBIANS
def test_sessions_of_each_worker_are_counted(debian: str) -> None:
    present = haproxy.parse_parts(2, fixture("haproxy_stat", debian))
    old = haproxy.parse_parts(1, fixture("haproxy_stat_old", debian))
    state = haproxy.State((2, 1), (*present, *old))
    assert [(part.proxy, part.sessions) for part in state.links("engine-a")] == [
        ("lab_engines", 0),
        ("old-analyser_engines", 1),
    ]
    assert sum(part.sessions for part in state.links("engine-a", every_worker=True)) == 2
    assert [(part.proxy, part.status) for part in state.doors()] == [
        ("lab", "OPEN"),
        ("ward", "OPEN"),
        ("old-analyser", "OPEN"),
    ]
    assert {part.status for part in state.doors(every_worker=True)} == {"OPEN", "STOP"}
    assert state.engines() == ["engine-a", "engine-b", "engine-tls"]


@DEBIANS
@pytest.mark.parametrize("which", ["haproxy_sess", "haproxy_sess_old"])
def test_our_own_question_is_no_session(debian: str, which: str) -> None:
    assert len(haproxy.parse_sessions(fixture(which, debian), "")) == 1
    assert len(haproxy.parse_sessions(fixture(which, debian), "engine-a")) == 1
    assert haproxy.parse_sessions(fixture(which, debian), "engine-b") == []


@DEBIANS
def test_servers_are_kept_as_haproxy_wrote_them(debian: str) -> None:
    text = fixture("haproxy_servers_state", debian)
    servers = haproxy.parse_servers(text)
    assert {(server.backend, server.name) for server in servers} == {
        ("lab_engines", "engine-a"),
        ("lab_engines", "engine-b"),
        ("ward_engines", "engine-tls"),
        ("old-analyser_engines", "engine-a"),
    }
    assert all(server.line in text.splitlines() and not server.forced for server in servers)


# --- a gateway in memory ----------------------------------------------------------------------------------------------


@dataclass
class FakeGateway:
    """Two routes over the engines a and b. It answers in the real one's words, and time passes only in ``sleep``."""

    forced: Dict[Tuple[str, str], int] = field(default_factory=dict)
    down: List[str] = field(default_factory=list)
    closed: List[str] = field(default_factory=list)
    #: session id -> (worker, route, engine, when it ends by itself)
    sessions: Dict[str, Tuple[int, str, str, float]] = field(default_factory=dict)
    #: engine -> when a new check has passed
    unproven: Dict[str, float] = field(default_factory=dict)
    deaf: bool = False
    seconds: float = 0.0
    told: List[str] = field(default_factory=list)

    WORKERS = (20, 10)
    ROUTES = ("lab", "ward")
    ENGINES = ("a", "b")

    def now(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        self.sessions = {name: one for name, one in self.sessions.items() if one[3] > self.seconds}

    def ask(self, command: str) -> str:
        if command == "show proc":
            return "#<PID> <type>\n1 master 0\n# workers\n20 worker 0\n# old workers\n10 worker 1\n# programs\n"
        match = re.fullmatch(r"@!(\d+) (.*)", command)
        assert match, command
        worker, what = int(match.group(1)), match.group(2)
        if what == "show stat":
            return self._stat(worker)
        if what == "show servers state":
            return "1\n# header\n" + "".join(
                f"4 {route}_engines 1 {engine} 192.0.2.1 2 {self.forced.get((route, engine), 0)} 1 1 9\n"
                for route in self.ROUTES
                for engine in self.ENGINES
            )
        if what == "show sess":
            return "".join(
                f"{name}: proto=tcpv4 src=x fe={route} be={route}_engines srv={engine} ts=00\n"
                for name, (mine, route, engine, _end) in self.sessions.items()
                if mine == worker
            )
        self.told.append(what)
        return self._obey(what)

    def _obey(self, what: str) -> str:
        word = what.split()
        if self.deaf:
            return "No such server.\n"
        if word[:2] == ["set", "server"]:
            backend, engine = word[2].split("/")
            if word[3] == "health":
                assert self.forced[backend[: -len("_engines")], engine], "only while it is drained"
                self.unproven[engine] = self.seconds + 3
                return ""
            self.forced[backend[: -len("_engines")], engine] = {"drain": 8, "ready": 0}[word[4]]
        elif word[:2] == ["shutdown", "session"]:
            del self.sessions[word[2]]
        elif word[0] == "disable":
            self.closed.append(word[2])
        elif word[0] == "enable":
            self.closed.remove(word[2])
        return ""

    def _stat(self, worker: int) -> str:
        rows = ["# pxname,svname,scur,status,check_desc"]
        for route in self.ROUTES:
            mine = [one for one in self.sessions.values() if one[:2] == (worker, route)]
            door = "STOP" if worker == 10 else "PAUSED" if route in self.closed else "OPEN"
            rows.append(f"{route},FRONTEND,{len(mine)},{door},")
            for engine in self.ENGINES:
                down = engine in self.down or self.unproven.get(engine, 0) > self.seconds
                state = "DOWN" if down else "DRAIN" if self.forced.get((route, engine)) else "UP"
                rows.append(f"{route}_engines,{engine},{sum(1 for one in mine if one[2] == engine)},{state},Layer7")
            rows.append(f"{route}_engines,BACKEND,{len(mine)},UP,")
        return "\n".join(rows) + "\n\n"


#: Its checks take (1 + 1) * (1.5 + 0.5) = 4 seconds.
CHECKS = """\
defaults
    timeout check 500ms
backend lab_engines
    default-server inter 1500 fastinter 1s rise 1 fall 1 # often
    server a 192.0.2.1:2 check
"""


def gateway_host(configuration: str = CHECKS) -> FakeHost:
    host = FakeHost()
    host.mkdir("/var/lib/haproxy", 0o755, 0, 0)
    host.mkdir("/etc/haproxy", 0o755, 0, 0)
    host.write(haproxy.CONFIGURATION, configuration.encode(), 0o640, 0, 0, {})
    return host


def act(gateway: FakeGateway, state: str, engine: str = "a", host: object = None, **more: object) -> haproxy.Outcome:
    check = bool(more.pop("check", False))
    wait = float(str(more.pop("wait", 10)))
    wanted = haproxy.Wanted(engine, state, wait, bool(more.get("shut")), bool(more.get("alone")))
    return haproxy.Drainer(gateway, host or gateway_host(), gateway, check).carry_out(wanted)  # type: ignore[arg-type]


FOREVER = float("inf")


def test_an_engine_is_drained_when_every_worker_has_let_it_go() -> None:
    gateway = FakeGateway(sessions={"0x1": (20, "lab", "a", 2.0), "0x2": (10, "ward", "a", 4.0)})
    outcome = act(gateway, "drained")
    assert outcome == haproxy.Outcome(True, "drained", ("lab_engines", "ward_engines"), 0, 0, 2)
    assert 4.0 <= gateway.seconds < 5.0
    assert gateway.told == ["set server lab_engines/a state drain", "set server ward_engines/a state drain"]


def test_a_session_from_before_a_reload_keeps_it_from_being_drained() -> None:
    gateway = FakeGateway(sessions={"0x1": (10, "lab", "a", FOREVER)})
    with pytest.raises(ClinicalError, match="the engine a: 1 session is still open after 10 s"):
        act(gateway, "drained")


def test_what_is_left_is_shut_only_with_consent_and_only_after_the_wait() -> None:
    gateway = FakeGateway(
        sessions={
            "0x1": (10, "lab", "a", FOREVER),
            "0x2": (20, "ward", "a", FOREVER),
            "0x3": (20, "ward", "b", FOREVER),
        }
    )
    outcome = act(gateway, "drained", shut=True)
    assert (outcome.sessions, outcome.shut, outcome.before) == (0, 2, 2)
    assert gateway.seconds >= 10
    assert list(gateway.sessions) == ["0x3"]


def test_the_second_time_changes_nothing() -> None:
    gateway, host = FakeGateway(), gateway_host()
    assert [act(gateway, "drained", host=host).changed for _time in range(2)] == [True, False]
    assert [act(gateway, "ready", host=host).changed for _time in range(2)] == [True, False]


@pytest.mark.parametrize(("first", "then"), [("", "drained"), ("drained", "ready"), ("", "draining")])
@pytest.mark.parametrize("engine", ["a", ""])
def test_check_mode_foretells_and_does_nothing(first: str, then: str, engine: str) -> None:
    gateway, host = FakeGateway(sessions={"0x1": (20, "lab", "b", 1.0)}), gateway_host()
    if first:
        act(gateway, first, engine, host)
    told, kept = list(gateway.told), host.read(haproxy.KEPT)
    foretold = act(gateway, then, engine, host, check=True)
    assert (gateway.told, host.read(haproxy.KEPT)) == (told, kept)
    assert foretold.changed is True
    assert act(gateway, then, engine, host).changed is True
    assert act(gateway, then, engine, host, check=True).changed is False


def test_what_is_drained_is_kept_over_a_reload() -> None:
    gateway, host = FakeGateway(), gateway_host()
    act(gateway, "draining", host=host)
    kept = (host.read(haproxy.KEPT) or b"").decode()
    assert kept.splitlines()[0] == "1"
    assert [line.split()[1:4:2] for line in kept.splitlines()[1:]] == [["lab_engines", "a"], ["ward_engines", "a"]]
    act(gateway, "ready", host=host)
    assert host.read(haproxy.KEPT) == haproxy.NO_ENGINE_DRAINED.encode()


@pytest.mark.parametrize("trouble", ["down", "drained"])
def test_the_last_engine_is_not_drained_without_consent(trouble: str) -> None:
    gateway = FakeGateway(down=["b"]) if trouble == "down" else FakeGateway(forced={("lab", "b"): 8, ("ward", "b"): 8})
    with pytest.raises(ClinicalError, match="no other engine would take the messages of lab_engines"):
        act(gateway, "draining")
    assert gateway.told == []
    assert act(gateway, "drained", alone=True).sessions == 0


def test_an_engine_that_is_not_up_in_time_is_named_with_the_reason() -> None:
    gateway = FakeGateway(forced={("lab", "a"): 8}, down=["a"])
    with pytest.raises(ClinicalError, match=r"the engine a: it is out of service after 10 s: lab_engines says DOWN"):
        act(gateway, "ready")
    assert gateway.seconds >= 10


def test_an_engine_is_back_only_when_a_new_check_has_passed() -> None:
    """What was seen before may be old: it may have been stopped a moment ago."""
    gateway, host = FakeGateway(), gateway_host()
    act(gateway, "drained", host=host)
    began = gateway.seconds
    act(gateway, "ready", host=host)
    assert gateway.seconds >= began + 3


def test_a_short_wait_is_no_reason_to_leave_an_engine_out() -> None:
    """It was told to drain for a moment only, and a new check takes longer than that."""
    gateway, host = FakeGateway(), gateway_host()
    act(gateway, "drained", host=host, wait=1)
    assert act(gateway, "ready", host=host, wait=1).state == "ready"


def test_one_that_does_not_answer_is_waited_for_as_long_as_its_checks_take() -> None:
    gateway = FakeGateway(forced={("lab", "a"): 8}, down=["a"])
    with pytest.raises(ClinicalError, match=r"the engine a: it is out of service after 4 s: lab_engines says DOWN"):
        act(gateway, "ready", wait=1)
    assert 4 <= gateway.seconds < 5


@pytest.mark.parametrize(
    ("configuration", "seconds"),
    [
        pytest.param("", (2 + 3) * (2 + 2), id="HAProxy's own defaults"),
        pytest.param("backend x\n server b 192.0.2.1:2 check inter 9s\n", (2 + 3) * (2 + 2), id="another engine"),
        pytest.param("backend x\n server a 192.0.2.1:2 check inter 5000\n", (2 + 3) * (5 + 5), id="milliseconds"),
        pytest.param("backend x\n server a 192.0.2.1:2 inter 5s downinter 1m\n", (2 + 3) * (60 + 5), id="when down"),
        pytest.param("defaults\n timeout check 1s\nlisten x\n server a b:2 rise 1\n", (1 + 3) * (2 + 1), id="listen"),
        pytest.param(
            "defaults\n default-server inter 1s\ndefaults\n timeout check 1s\nbackend x\n server a b:2\n",
            (2 + 3) * (2 + 1),
            id="the defaults that are nearest above",
        ),
        pytest.param(
            "backend x\n default-server inter 1s\n server a b:2\nbackend y\n # rise 9\n server a b:2 inter 3s\n",
            (2 + 3) * (3 + 3),
            id="the slowest of its backends",
        ),
    ],
)
def test_what_checks_take_is_read_from_the_configuration(configuration: str, seconds: float) -> None:
    assert haproxy.parse_check_seconds(configuration, "a") == pytest.approx(seconds)


def test_putting_it_back_ends_no_session() -> None:
    gateway, host = FakeGateway(sessions={"0x1": (10, "lab", "a", FOREVER)}), gateway_host()
    act(gateway, "draining", host=host)
    act(gateway, "ready", host=host)
    assert "set server lab_engines/a health down" not in gateway.told
    assert "set server ward_engines/a health down" in gateway.told


def test_the_whole_gateway_opens_and_closes() -> None:
    gateway = FakeGateway(sessions={"0x1": (20, "lab", "a", 3.0), "0x2": (10, "ward", "b", FOREVER)})
    with pytest.raises(ClinicalError, match="the gateway: 1 session is still open"):
        act(gateway, "drained", engine="")
    assert gateway.closed == ["lab", "ward"]
    outcome = act(gateway, "drained", engine="", shut=True)
    assert (outcome.routes, outcome.shut) == (("lab", "ward"), 1)
    assert act(gateway, "ready", engine="").changed is True
    assert gateway.closed == []


def test_an_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(ClinicalError, match=r"the engine c: no route has it. Known are: a, b\."):
        act(FakeGateway(), "drained", engine="c")


def test_what_haproxy_refuses_is_told_in_its_words() -> None:
    with pytest.raises(ClinicalError, match="'set server lab_engines/a state drain' it says: No such server"):
        act(FakeGateway(deaf=True), "draining")


# --- the socket -------------------------------------------------------------------------------------------------------


def test_a_command_and_its_answer_go_over_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "master.sock"
    heard: List[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)

        def answer() -> None:
            connection, _address = server.accept()
            with connection:
                heard.append(connection.recv(100))
                connection.sendall(b"line one\nline two\n\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert haproxy.MasterSocket(str(path)).ask("show proc") == "line one\nline two"
        thread.join()
    assert heard == [b"show proc\n"]


def test_where_no_haproxy_runs_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"Does haproxy\.service run"):
        haproxy.MasterSocket(str(tmp_path / "none.sock")).ask("show proc")


def test_the_result_is_what_the_module_documents() -> None:
    wanted = haproxy.Wanted("a", "drained", 10)
    assert haproxy.result(wanted, act(FakeGateway(), "drained")) == {
        "changed": True,
        "engine": "a",
        "state": "drained",
        "routes": ["lab_engines", "ward_engines"],
        "sessions": 0,
        "sessions_before": 0,
        "sessions_shut": 0,
    }
