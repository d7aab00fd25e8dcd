# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of dicom_echo: how options become a request, and how a probe ends."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint, Tls
from ansible_collections.healthops.clinical.plugins.module_utils._probe.dicom_echo import DicomEchoRequest
from ansible_collections.healthops.clinical.plugins.module_utils._probe.result import ProbeResult
from ansible_collections.healthops.clinical.plugins.modules import dicom_echo
from doors import filled, run
from fault_peers import free_port

KEYS = {"healthy", "state", "latency_ms", "saw", "target", "changed"}
PEER = {"host": "127.0.0.1", "port": 11112, "called_ae": "CLINARCH"}
ECHOED = ProbeResult(healthy=True, state="ready", latency_ms=12.5, saw="status 0x0000", target="dicom://archive")
REFUSED = replace(ECHOED, healthy=False, state="rejecting", saw="it rejected the association for now")


@pytest.mark.parametrize(
    ("result", "fail_unhealthy", "failed"), [(ECHOED, True, False), (REFUSED, True, True), (REFUSED, False, False)]
)
def test_an_unhealthy_archive_fails_where_wanted(
    result: ProbeResult, fail_unhealthy: bool, failed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests: list[DicomEchoRequest] = []

    def probe(request: DicomEchoRequest) -> ProbeResult:
        requests.append(request)
        return result

    monkeypatch.setattr(dicom_echo.dicom_echo, "probe", probe)
    ended = run(dicom_echo, monkeypatch, **PEER, fail_unhealthy=fail_unhealthy)
    assert (ended.failed, ended.result.keys()) == (failed, KEYS | {"msg"} if failed else KEYS)
    assert {key: ended.result[key] for key in asdict(result)} == asdict(result)
    assert [request.called_ae for request in requests] == ["CLINARCH"]


def test_without_pynetdicom_it_fails_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynetdicom", None)
    ended = run(dicom_echo, monkeypatch, **{**PEER, "port": free_port()}, fail_unhealthy=False)
    assert (ended.failed, ended.result["state"]) == (True, "not_probed")
    assert "pip install 'pynetdicom" in ended.result["msg"]


def test_a_title_that_is_none_fails_always(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**PEER, "called_ae": "MUCH TOO LONG A TITLE"}
    ended = run(dicom_echo, monkeypatch, fail_unhealthy=False, **options)
    assert (ended.failed, ended.result.keys()) == (True, KEYS | {"msg"})
    assert (ended.result["healthy"], ended.result["state"]) == (False, "not_probed")
    assert "called_ae" in ended.result["msg"]


def test_each_option_has_its_place_in_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**PEER, "calling_ae": "MODALITY", "timeout": 2, "tls": True, "server_name": "archive"}
    request = dicom_echo.request(filled(dicom_echo, monkeypatch, **options))
    assert (request.calling_ae, request.called_ae, request.timeout) == ("MODALITY", "CLINARCH", 2.0)
    assert (request.endpoint, request.tls) == (Endpoint("127.0.0.1", 11112), Tls(server_name="archive"))
