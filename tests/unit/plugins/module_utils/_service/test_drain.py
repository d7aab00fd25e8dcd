# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Engines are drained with proof, put back, and never left without one that takes their messages."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._service import drain
from fake_gateway import FakeGateway, GatewayHost, Session


def act(gateway: FakeGateway, state: str, engine: str = "a", host: Any = None, **options: Any) -> drain.DrainResult:
    """Carry a request out on a host of its own, or on this one."""
    check_mode = options.pop("check", False)
    request = drain.DrainRequest(engine=engine, state=state, **{"wait": 10.0, **options})
    return drain.Drain(gateway, host or GatewayHost(gateway), request, check_mode).carry_out()


def test_an_engine_is_drained_when_every_worker_has_let_it_go() -> None:
    gateway = FakeGateway(sessions={"0x1": Session(20, "lab", "a", 2.0), "0x2": Session(10, "ward", "a", 4.0)})
    result = act(gateway, "drained")
    assert result == drain.DrainResult(
        changed=True,
        state="drained",
        routes=("lab_engines", "ward_engines"),
        sessions=0,
        sessions_shut=0,
        sessions_before=2,
    )
    assert 4.0 <= gateway.seconds < 5.0
    assert gateway.commands == ["set server lab_engines/a state drain", "set server ward_engines/a state drain"]


def test_a_session_from_before_a_reload_keeps_it_from_being_drained() -> None:
    gateway = FakeGateway(sessions={"0x1": Session(10, "lab", "a")})
    with pytest.raises(ClinicalError, match="the engine a: 1 session is still open after 10 s"):
        act(gateway, "drained")


def test_what_is_left_is_shut_only_with_consent_and_only_after_the_wait() -> None:
    gateway = FakeGateway(
        sessions={
            "0x1": Session(10, "lab", "a"),
            "0x2": Session(20, "ward", "a"),
            "0x3": Session(20, "ward", "b"),
        }
    )
    result = act(gateway, "drained", shut_sessions=True)
    assert (result.sessions, result.sessions_shut, result.sessions_before) == (0, 2, 2)
    assert gateway.seconds >= 10
    assert list(gateway.sessions) == ["0x3"]


def test_the_second_time_changes_nothing() -> None:
    gateway = FakeGateway()
    host = GatewayHost(gateway)
    assert [act(gateway, "drained", host=host).changed for _time in range(2)] == [True, False]
    assert [act(gateway, "ready", host=host).changed for _time in range(2)] == [True, False]


@pytest.mark.parametrize(("first", "then"), [("", "drained"), ("drained", "ready"), ("", "draining")])
@pytest.mark.parametrize("engine", ["a", ""])
def test_check_mode_foretells_and_does_nothing(first: str, then: str, engine: str) -> None:
    gateway = FakeGateway(sessions={"0x1": Session(20, "lab", "b", 1.0)})
    host = GatewayHost(gateway)
    if first:
        act(gateway, first, engine, host)
    commands, kept = list(gateway.commands), host.read(drain.DRAINED_ENGINES)
    foretold = act(gateway, then, engine, host, check=True)
    assert (gateway.commands, host.read(drain.DRAINED_ENGINES)) == (commands, kept)
    assert foretold.changed is True
    assert act(gateway, then, engine, host).changed is True
    assert act(gateway, then, engine, host, check=True).changed is False


def test_what_is_drained_is_kept_over_a_reload() -> None:
    gateway = FakeGateway()
    host = GatewayHost(gateway)
    act(gateway, "draining", host=host)
    kept = (host.read(drain.DRAINED_ENGINES) or b"").decode()
    assert kept.splitlines()[0] == "1"
    assert [line.split()[1:4:2] for line in kept.splitlines()[1:]] == [["lab_engines", "a"], ["ward_engines", "a"]]
    act(gateway, "ready", host=host)
    assert host.read(drain.DRAINED_ENGINES) == drain.NO_ENGINE_DRAINED.encode()


@pytest.mark.parametrize("trouble", ["down", "drained"])
def test_the_last_engine_is_not_drained_without_consent(trouble: str) -> None:
    gateway = FakeGateway(down=["b"]) if trouble == "down" else FakeGateway(forced={("lab", "b"): 8, ("ward", "b"): 8})
    with pytest.raises(ClinicalError, match="no other engine would take the messages of lab_engines"):
        act(gateway, "draining")
    assert gateway.commands == []
    assert act(gateway, "drained", allow_outage=True).sessions == 0


def test_an_engine_that_is_not_up_in_time_is_named_with_the_reason() -> None:
    gateway = FakeGateway(forced={("lab", "a"): 8}, down=["a"])
    with pytest.raises(ClinicalError, match=r"the engine a: it is out of service after 10 s: lab_engines says DOWN"):
        act(gateway, "ready")
    assert gateway.seconds >= 10


def test_an_engine_is_back_only_when_a_new_check_has_passed() -> None:
    """What was seen before may be old: it may have been stopped a moment ago."""
    gateway = FakeGateway()
    host = GatewayHost(gateway)
    act(gateway, "drained", host=host)
    began = gateway.seconds
    act(gateway, "ready", host=host)
    assert gateway.seconds >= began + 3


def test_a_short_wait_is_no_reason_to_leave_an_engine_out() -> None:
    """It was told to drain for a moment only, and a new check takes longer than that."""
    gateway = FakeGateway()
    host = GatewayHost(gateway)
    act(gateway, "drained", host=host, wait=1)
    assert act(gateway, "ready", host=host, wait=1).state == "ready"


def test_one_that_does_not_answer_is_waited_for_as_long_as_its_checks_take() -> None:
    gateway = FakeGateway(forced={("lab", "a"): 8}, down=["a"])
    with pytest.raises(ClinicalError, match=r"the engine a: it is out of service after 4 s: lab_engines says DOWN"):
        act(gateway, "ready", wait=1)
    assert 4 <= gateway.seconds < 5


def test_putting_it_back_ends_no_session() -> None:
    gateway = FakeGateway(sessions={"0x1": Session(10, "lab", "a")})
    host = GatewayHost(gateway)
    act(gateway, "draining", host=host)
    act(gateway, "ready", host=host)
    assert "set server lab_engines/a health down" not in gateway.commands
    assert "set server ward_engines/a health down" in gateway.commands


def test_the_whole_gateway_opens_and_closes() -> None:
    gateway = FakeGateway(sessions={"0x1": Session(20, "lab", "a", 3.0), "0x2": Session(10, "ward", "b")})
    with pytest.raises(ClinicalError, match="the gateway: 1 session is still open"):
        act(gateway, "drained", engine="")
    assert gateway.closed == ["lab", "ward"]
    result = act(gateway, "drained", engine="", shut_sessions=True)
    assert (result.routes, result.sessions_shut) == (("lab", "ward"), 1)
    assert act(gateway, "ready", engine="").changed is True
    assert gateway.closed == []


def test_an_unknown_engine_is_told_with_the_known_ones() -> None:
    with pytest.raises(ClinicalError, match=r"the engine c: no route has it. Known are: a, b\."):
        act(FakeGateway(), "drained", engine="c")


def test_what_haproxy_refuses_is_told_in_its_words() -> None:
    with pytest.raises(ClinicalError, match="'set server lab_engines/a state drain' it says: No such server"):
        act(FakeGateway(deaf=True), "draining")


def test_the_result_is_what_the_module_documents() -> None:
    assert act(FakeGateway(), "drained").as_result("a") == {
        "changed": True,
        "engine": "a",
        "state": "drained",
        "routes": ["lab_engines", "ward_engines"],
        "sessions": 0,
        "sessions_before": 0,
        "sessions_shut": 0,
    }
