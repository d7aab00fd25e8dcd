# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo reads, judges and prints; its playbooks run for real in `make demo`."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest
from ansible_collections.healthops.clinical.tools.clinic_demo import __main__ as demo
from ansible_collections.healthops.clinical.tools.clinic_demo import before_after, outside

if TYPE_CHECKING:
    from pathlib import Path

FINE = outside.Answers(ssh="ok", http="ok", syslog="ok")
NOTHING = dict.fromkeys(("pass", "fail", "error", "fixed", "notapplicable"), 0)

RECAP = """
PLAY RECAP *********************************************************************
archive-1                  : ok=2    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
localhost                  : ok=5    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
portal-1                   : ok=2    changed=12   unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
"""


def result(changes: Sequence[str] = (), findings: Sequence[Mapping[str, str]] = (), **summary: int) -> Any:
    return {
        "host": {"distribution": "Debian", "version": "13"},
        "summary": {**NOTHING, **summary},
        "changes": [{"subject": subject} for subject in changes],
        "findings": list(findings),
    }


def run_of(tmp_path: Path, changed: Mapping[str, int], **hosts: Any) -> demo.Judged:
    (tmp_path / "run.json").write_text(json.dumps({"hosts": hosts}), encoding="utf-8")
    return demo.Judged(tmp_path, changed)


def test_changed_hosts_come_from_the_recap() -> None:
    assert demo.changed_hosts(RECAP) == {"archive-1": 1, "portal-1": 12}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        pytest.param("TASK [Start] *****\n", "Start", id="plain"),
        pytest.param("TASK [healthops.clinical.hardening : Judge] ***\n", "Judge", id="of-a-role"),
        pytest.param("TASK [a.b.c : Validating arguments against arg spec 'main'] ***\n", None, id="left-out"),
        pytest.param("ok: [portal-1]\n", None, id="no-task"),
    ],
)
def test_task_names(line: str, name: str | None) -> None:
    match = demo.TASK.match(line)
    assert (match["name"] if match else None) == name


def test_a_second_run_that_changed_nothing_is_accepted(tmp_path: Path) -> None:
    demo.expect_unchanged(run_of(tmp_path, {"localhost": 1}, portal=result()), {"portal": {}})


@pytest.mark.parametrize(
    ("changed", "changes", "said"),
    [
        pytest.param({"portal": 1}, [], "portal: 1 changed tasks", id="ansible-counts"),
        pytest.param({}, ["file /etc/motd"], "portal: file /etc/motd", id="evidence-tells"),
    ],
)
def test_either_witness_is_enough_to_fail(
    changed: Mapping[str, int], changes: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        demo.expect_unchanged(run_of(tmp_path, changed, portal=result(changes)), {"portal": {}})
    assert said in capsys.readouterr().err


def test_a_silent_service_ends_the_demo_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.expect_answers({"portal": outside.Answers(ssh="ok", http="refused", syslog="ok")}, "after hardening")
    assert "portal http: refused" in capsys.readouterr().err


def test_table_shows_before_and_after_side_by_side() -> None:
    before, hardened, after = result(**{"pass": 31, "fail": 48}), result(fixed=47), result(**{"pass": 78, "fail": 1})
    lines = before_after.table([before_after.row("portal-1", before, hardened, after, FINE)]).splitlines()
    assert lines[1].split() == " ".join(before_after.HEADINGS).split()
    assert " ".join(lines[3].split()) == "portal-1 Debian 13 31 48 0 78 1 0 47 0 0 changed ok ok ok"
    assert len({len(line) for line in lines[1:]}) == 1
    assert lines[0].index("before") < lines[1].index("error") < lines[0].index("after")


def test_what_is_left_open_is_grouped_by_control_and_reason() -> None:
    failing = {"id": "sshd_x", "result": "fail", "reason": "nginx uses it", "title": "X"}
    passing = {"id": "sshd_y", "result": "pass", "reason": "", "title": "Y"}
    assert before_after.still_open({"b": result(findings=[failing, passing]), "a": result(findings=[failing])}) == [
        "sshd_x (fail): nginx uses it [a, b]"
    ]


READY = {"probe": "mllp_echo", "target": "adt/engine-1", "healthy": True, "state": "ready", "saw": "AA"}
SILENT = {**READY, "target": "adt/engine-2", "healthy": False, "state": "silent", "saw": "nothing"}


def test_answers_of_clinical_systems_are_shown() -> None:
    results = {"portal": result(), "gateway": {**result(), "probes": [READY, SILENT]}}
    assert before_after.probe_lines(results) == [
        "  gateway: mllp_echo of adt/engine-1: ready (AA)",
        "  gateway: mllp_echo of adt/engine-2: silent (nothing)",
    ]


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        pytest.param([], "Nobody was asked", id="nobody-asked"),
        pytest.param([READY, SILENT], "gateway: adt/engine-2: silent", id="one-is-silent"),
    ],
)
def test_systems_that_are_not_healthy_end_the_demo(
    probes: list[Any], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        demo.expect_healthy(run_of(tmp_path, {}, gateway={**result(), "probes": probes}))
    assert said in capsys.readouterr().err


def test_healthy_systems_are_accepted(tmp_path: Path) -> None:
    demo.expect_healthy(run_of(tmp_path, {}, gateway={**result(), "probes": [READY]}))


CLINIC = {
    "gateway": {
        "ansible_host": "192.0.2.1",
        "interface_gateway_routes": [{"port": 2575, "engines": [{"name": "one"}, {"name": "two"}]}],
    },
    "archive": {"ansible_host": "192.0.2.2", "imaging_archive_aet": "CLINARCH"},
    "portal": {"ansible_host": "192.0.2.3"},
}


@pytest.mark.parametrize(
    ("kept", "image", "said"),
    [
        pytest.param([], "1.2.3", "it is on: nobody", id="lost"),
        pytest.param(["two"], "1.2.3", "it is on: two", id="the-wrong-engine"),
        pytest.param(["one", "two"], "1.2.3", "it is on: one, two", id="twice"),
        pytest.param(["one"], RuntimeError("status 272"), "cannot work: status 272", id="image-refused"),
    ],
)
def test_work_that_does_not_arrive_ends_the_demo(
    kept: list[str], image: Any, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    working(monkeypatch, kept, image)
    with pytest.raises(SystemExit):
        demo.use(CLINIC)
    assert said in capsys.readouterr().err


def test_work_that_arrives_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    addressed = working(monkeypatch, ["one"], "1.2.3")
    message, image = demo.use(CLINIC)
    assert ("M1" in message, "kept by one" in message, "1.2.3" in image) == (True, True, True)
    assert addressed == [("192.0.2.1", 2575), ("192.0.2.2", 2762, "CLINARCH")]


def working(monkeypatch: pytest.MonkeyPatch, engines_with_it: list[str], image: Any) -> list[Any]:
    """Senders by script; returns whom they were told to ask."""
    addressed: list[Any] = []

    def store_image(*to: Any) -> str:
        addressed.append(to[:-1])
        if isinstance(image, Exception):
            raise image
        return str(image)

    monkeypatch.setattr(demo, "send_message", lambda *to: addressed.append(to[:-1]) or "M1")
    monkeypatch.setattr(demo, "store_image", store_image)
    monkeypatch.setattr(demo, "kept_by", lambda engines, message, config: engines_with_it)
    return addressed


@pytest.fixture
def log_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], str]]:
    """Starts a listener that keeps a connection, or closes it at once, and returns its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(outside, "SYSLOG_PORT", listener.getsockname()[1])
        connections = []

        def serve(keep: bool) -> None:
            connection, _address = listener.accept()
            connection.recv(100)
            if keep:
                connections.append(connection)
            else:
                connection.close()

        def start(keep: bool) -> str:
            threading.Thread(target=serve, args=(keep,), daemon=True).start()
            return "127.0.0.1"

        yield start
        for connection in connections:
            connection.close()


def test_a_log_host_that_listens_is_fine(log_host: Callable[[bool], str]) -> None:
    assert outside.ask_syslog(log_host(True)) == "ok"


def test_a_log_host_that_hangs_up_is_not(log_host: Callable[[bool], str]) -> None:
    assert outside.ask_syslog(log_host(False)) == "closed the connection"


def test_no_listener_is_told_as_the_system_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setattr(outside, "SYSLOG_PORT", port)
    assert "refused" in outside.ask_syslog("127.0.0.1")
