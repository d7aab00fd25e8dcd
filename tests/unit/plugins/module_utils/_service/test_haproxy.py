# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""HAProxy's own words, captured from the real one, and what its configuration says of its checks."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._service import haproxy
from fake_host import fixture

DEBIANS = pytest.mark.parametrize("debian", ["debian-12", "debian-13"])


# --- what the real one says -------------------------------------------------------------------------------------------


@DEBIANS
def test_the_current_worker_comes_first(debian: str) -> None:
    workers = haproxy.parse_workers(fixture("haproxy_proc", debian))
    assert len(workers) == 2
    assert workers[0] > workers[1]


@DEBIANS
def test_sessions_of_each_worker_are_counted(debian: str) -> None:
    current = haproxy.parse_stat(2, fixture("haproxy_stat", debian))
    old = haproxy.parse_stat(1, fixture("haproxy_stat_old", debian))
    stats = haproxy.WorkerStats((2, 1), (*current, *old))
    assert [(row.proxy, row.sessions) for row in stats.servers_of("engine-a")] == [
        ("lab_engines", 0),
        ("old-analyser_engines", 1),
    ]
    assert sum(row.sessions for row in stats.servers_of("engine-a", every_worker=True)) == 2
    assert [(row.proxy, row.status) for row in stats.frontends()] == [
        ("lab", "OPEN"),
        ("ward", "OPEN"),
        ("old-analyser", "OPEN"),
    ]
    assert {row.status for row in stats.frontends(every_worker=True)} == {"OPEN", "STOP"}
    assert stats.engines() == ["engine-a", "engine-b", "engine-tls"]


@DEBIANS
@pytest.mark.parametrize("which", ["haproxy_sess", "haproxy_sess_old"])
def test_our_own_question_is_no_session(debian: str, which: str) -> None:
    assert len(haproxy.parse_sessions(fixture(which, debian), "")) == 1
    assert len(haproxy.parse_sessions(fixture(which, debian), "engine-a")) == 1
    assert haproxy.parse_sessions(fixture(which, debian), "engine-b") == []


@DEBIANS
def test_servers_are_kept_as_haproxy_wrote_them(debian: str) -> None:
    text = fixture("haproxy_servers_state", debian)
    servers = haproxy.parse_server_states(text)
    assert {(server.backend, server.name) for server in servers} == {
        ("lab_engines", "engine-a"),
        ("lab_engines", "engine-b"),
        ("ward_engines", "engine-tls"),
        ("old-analyser_engines", "engine-a"),
    }
    assert all(server.line in text.splitlines() and not server.forced for server in servers)


# --- what its health checks take --------------------------------------------------------------------------------------


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


# --- the socket -------------------------------------------------------------------------------------------------------


def test_a_command_and_its_answer_go_over_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "master.sock"
    commands: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)

        def answer() -> None:
            connection, _address = server.accept()
            with connection:
                commands.append(connection.recv(100))
                connection.sendall(b"line one\nline two\n\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert haproxy.MasterSocket(str(path)).ask("show proc") == "line one\nline two"
        thread.join()
    assert commands == [b"show proc\n"]


def test_where_no_haproxy_runs_the_error_says_so(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"Does haproxy\.service run"):
        haproxy.MasterSocket(str(tmp_path / "none.sock")).ask("show proc")
