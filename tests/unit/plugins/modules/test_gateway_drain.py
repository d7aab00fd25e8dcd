# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of gateway_drain: how options become a request, and what comes back of engines that are drained or not."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.modules import gateway_drain
from doors import run
from fake_gateway import FakeGateway, GatewayHost, Session


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    """The door leads to this gateway."""
    gateway = FakeGateway()
    monkeypatch.setattr(gateway_drain, "MasterSocket", lambda: gateway)
    monkeypatch.setattr(gateway_drain, "RealHost", lambda: GatewayHost(gateway))
    return gateway


def test_an_engine_is_drained_and_put_back(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.sessions["0x1"] = Session(20, "lab", "a", ends_at=2.0)
    drained = run(gateway_drain, monkeypatch, state="drained", engine="a")
    assert (drained.failed, drained.result) == (
        False,
        {
            "changed": True,
            "engine": "a",
            "state": "drained",
            "routes": ["lab_engines", "ward_engines"],
            "sessions": 0,
            "sessions_before": 1,
            "sessions_shut": 0,
        },
    )
    ready = run(gateway_drain, monkeypatch, state="ready", engine="a")
    assert (ready.failed, ready.result["state"], ready.result["changed"]) == (False, "ready", True)


def test_check_mode_reports_the_change_and_makes_none(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(gateway_drain, monkeypatch, check=True, state="draining", engine="a")
    assert (ended.failed, ended.result["changed"], gateway.commands) == (False, True, [])


def test_sessions_are_shut_only_with_consent(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.sessions["0x1"] = Session(10, "ward", "a")
    ended = run(gateway_drain, monkeypatch, state="drained", engine="a", wait=1)
    assert (ended.failed, ended.result["engine"]) == (True, "a")
    assert "1 session is still open after 1 s" in ended.result["msg"]
    ended = run(gateway_drain, monkeypatch, state="drained", engine="a", wait=1, shutdown_sessions=True)
    assert (ended.failed, ended.result["sessions_shut"], gateway.sessions) == (False, 1, {})


def test_an_outage_takes_consent(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.down.append("b")
    ended = run(gateway_drain, monkeypatch, state="draining", engine="a")
    assert (ended.failed, gateway.commands) == (True, [])
    assert not run(gateway_drain, monkeypatch, state="draining", engine="a", allow_outage=True).failed


def test_without_an_engine_it_is_the_whole_gateway(gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(gateway_drain, monkeypatch, state="drained")
    assert (ended.result["engine"], ended.result["routes"], gateway.closed) == ("", ["lab", "ward"], ["lab", "ward"])
