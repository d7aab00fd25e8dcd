# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of mllp_echo: how options become a request, and how a probe ends."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls
from ansible_collections.healthops.clinical.plugins.modules import mllp_echo
from doors import filled, run
from fault_peers import free_port, listening, stays_silent

KEYS = {"healthy", "state", "latency_ms", "saw", "target", "changed"}
PEER = {"host": "127.0.0.1", "port": 2575}


def acknowledges(connection: Any) -> None:
    """An engine that takes every message."""
    control_id = connection.recv(65536).split(b"|")[9]
    connection.sendall(b"\x0bMSH|^~\\&|E\rMSA|AA|" + control_id + b"\x1c\r")
    stays_silent(connection)


def test_a_ready_engine_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(acknowledges) as port:
        ended = run(mllp_echo, monkeypatch, host="127.0.0.1", port=port)
        alive = run(mllp_echo, monkeypatch, host="127.0.0.1", port=port, ready_text="READY", wanted=["alive"])
    assert (ended.failed, ended.result.keys()) == (False, KEYS)
    assert (ended.result["healthy"], ended.result["state"], ended.result["changed"]) == (True, "ready", False)
    assert (alive.failed, alive.result["state"]) == (False, "alive")


@pytest.mark.parametrize("fails", [True, False])
def test_an_engine_that_does_not_answer_fails_where_wanted(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(mllp_echo, monkeypatch, host="127.0.0.1", port=free_port(), fail_unhealthy=fails)
    assert (ended.failed, ended.result.keys()) == (fails, KEYS | {"msg"} if fails else KEYS)
    assert (ended.result["healthy"], ended.result["state"]) == (False, "refused")


@pytest.mark.parametrize(
    ("options", "about"),
    [
        pytest.param({"ca_path": "/ca.pem"}, "tls: true", id="tls-forgotten"),
        pytest.param({"tls": True, "client_key": "/key.pem"}, "client_cert", id="key-alone"),
        pytest.param({"port": 0}, "port", id="port"),
        pytest.param({"timeout": 0}, "timeout", id="timeout"),
        pytest.param({"max_answer": 1}, "max_answer", id="max_answer"),
        pytest.param({"receiving_facility": "A|B"}, "MSH-6", id="separator"),
    ],
)
def test_what_cannot_be_tried_fails_always(
    options: dict[str, Any], about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(mllp_echo, monkeypatch, fail_unhealthy=False, **{**PEER, **options})
    assert (ended.failed, ended.result.keys()) == (True, KEYS | {"msg"})
    assert (ended.result["healthy"], ended.result["state"]) == (False, "not_probed")
    assert about in ended.result["msg"]


def test_each_option_has_its_field_in_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("sending_application", "sending_facility", "receiving_application", "receiving_facility")
    options = {**PEER, **{name: name.upper() for name in names}, "processing_id": "T", "hl7_version": "2.3"}
    header = {3: names[0].upper(), 4: names[1].upper(), 5: names[2].upper(), 6: names[3].upper(), 11: "T", 12: "2.3"}
    assert mllp_echo.request(filled(mllp_echo, monkeypatch, **options)).header == header
    enhanced = mllp_echo.request(filled(mllp_echo, monkeypatch, **options, acknowledgement="enhanced"))
    assert enhanced.header == {**header, 15: "AL", 16: "NE"}


def test_tls_is_used_when_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    request = mllp_echo.request(filled(mllp_echo, monkeypatch, **PEER))
    assert (request.tls, request.endpoint) == (None, Endpoint("127.0.0.1", 2575))
    assert mllp_echo.request(filled(mllp_echo, monkeypatch, **PEER, tls=True)).tls == Tls()
    assert mllp_echo.request(filled(mllp_echo, monkeypatch, **PEER, tls=True, ca_path="/ca")).tls == Tls("/ca")
