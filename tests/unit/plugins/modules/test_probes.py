# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of mllp_echo, dicom_echo and fhir_capability_info: how options become a request, and how a probe ends."""

from __future__ import annotations

from typing import Any, Dict

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Tls
from ansible_collections.healthops.clinical.plugins.modules import dicom_echo, fhir_capability_info, mllp_echo
from doors import run
from fault_peers import free_port, listening, says

KEYS = {"healthy", "state", "latency_ms", "saw", "target", "changed"}
PEER = {"host": "127.0.0.1", "port": 2575}


def statement(version: str) -> bytes:
    body = b'{"resourceType": "CapabilityStatement", "fhirVersion": "%s"}' % version.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_a_healthy_peer_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(says(statement("4.0.1"))) as port:
        ended = run(fhir_capability_info, monkeypatch, base=f"http://127.0.0.1:{port}")
    assert (ended.failed, ended.result.keys()) == (False, KEYS)
    assert (ended.result["healthy"], ended.result["changed"]) == (True, False)


@pytest.mark.parametrize(
    ("door", "more"),
    [
        pytest.param(mllp_echo, {}, id="mllp_echo"),
        pytest.param(dicom_echo, {"called_ae": "CLINARCH"}, id="dicom_echo"),
        pytest.param(fhir_capability_info, {"base": "http://127.0.0.1:{port}"}, id="fhir_capability_info"),
    ],
)
@pytest.mark.parametrize("fails", [True, False])
def test_an_unhealthy_peer_fails_where_wanted(
    door: Any, more: Dict[str, Any], fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if door is dicom_echo:
        pytest.importorskip("pynetdicom")
    port = free_port()
    options = (
        {"host": "127.0.0.1", "port": port, **more} if "base" not in more else {"base": f"http://127.0.0.1:{port}"}
    )
    ended = run(door, monkeypatch, fail_unhealthy=fails, **options)
    assert ended.failed == fails
    assert ended.result.keys() == (KEYS | {"msg"} if fails else KEYS)
    assert (ended.result["healthy"], ended.result["state"]) == (False, "refused")


@pytest.mark.parametrize(
    ("door", "options", "about"),
    [
        pytest.param(mllp_echo, {**PEER, "ca_path": "/ca.pem"}, "tls: true", id="tls-forgotten"),
        pytest.param(mllp_echo, {**PEER, "tls": True, "client_key": "/key.pem"}, "client_cert", id="key-alone"),
        pytest.param(mllp_echo, {**PEER, "port": 0}, "port", id="port"),
        pytest.param(mllp_echo, {**PEER, "timeout": 0}, "timeout", id="timeout"),
        pytest.param(mllp_echo, {**PEER, "max_answer": 1}, "max_answer", id="max_answer"),
        pytest.param(mllp_echo, {**PEER, "receiving_facility": "A|B"}, "MSH-6", id="separator"),
        pytest.param(dicom_echo, {**PEER, "called_ae": "MUCH TOO LONG A TITLE"}, "called_ae", id="title"),
        pytest.param(fhir_capability_info, {"base": "https://u:secret@h"}, "token_path", id="credentials"),
        pytest.param(fhir_capability_info, {"base": "https://h", "token_path": "/none"}, "/none", id="no-token"),
    ],
)
def test_what_cannot_be_tried_fails_always(
    door: Any, options: Dict[str, Any], about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(door, monkeypatch, fail_unhealthy=False, **options)
    assert (ended.failed, ended.result.keys()) == (True, KEYS | {"msg"})
    assert (ended.result["healthy"], ended.result["state"]) == (False, "not_probed")
    assert about in ended.result["msg"]
    assert "secret" not in str(ended.result)


def params(**options: Any) -> Dict[str, Any]:
    tls = dict.fromkeys(("ca_path", "client_cert", "client_key", "server_name"))
    words = dict.fromkeys(("ready_text", "draining_text"))
    fixed = {"timeout": 5.0, "max_answer": 64, "tls": False, "wanted": ["ready"], "acknowledgement": "original"}
    header = dict.fromkeys(("sending_application", "sending_facility", "receiving_application"), "X")
    rest = {"receiving_facility": "", "processing_id": "D", "hl7_version": "2.5"}
    return {**PEER, **tls, **words, **fixed, **header, **rest, **options}


def test_the_enhanced_mode_is_asked_for_in_the_header() -> None:
    assert mllp_echo.request(params()).header.keys() == {3, 4, 5, 6, 11, 12}
    header = mllp_echo.request(params(acknowledgement="enhanced")).header
    assert (header[15], header[16]) == ("AL", "NE")


def test_tls_is_used_when_it_is_said() -> None:
    assert mllp_echo.request(params()).tls is None
    assert mllp_echo.request(params(tls=True)).tls == Tls()
    assert mllp_echo.request(params(tls=True, ca_path="/ca")).tls == Tls("/ca")
