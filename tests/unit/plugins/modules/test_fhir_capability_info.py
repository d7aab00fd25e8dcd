# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of fhir_capability_info: how options become a request, and how a probe ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.modules import fhir_capability_info
from doors import filled, run
from fault_peers import free_port, listening, says

KEYS = {"healthy", "state", "latency_ms", "saw", "target", "changed"}


def statement(version: str) -> bytes:
    body = b'{"resourceType": "CapabilityStatement", "fhirVersion": "%s"}' % version.encode()
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def test_a_server_of_the_expected_version_ends_well(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(says(statement("4.0.1"))) as port:
        ended = run(fhir_capability_info, monkeypatch, base=f"http://127.0.0.1:{port}")
    assert (ended.failed, ended.result.keys()) == (False, KEYS)
    assert (ended.result["healthy"], ended.result["changed"]) == (True, False)


@pytest.mark.parametrize("fails", [True, False])
def test_a_server_of_another_version_fails_where_wanted(fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(says(statement("4.0.1"))) as port:
        options = {"base": f"http://127.0.0.1:{port}", "fhir_version": "5.0", "fail_unhealthy": fails}
        ended = run(fhir_capability_info, monkeypatch, **options)
    assert (ended.failed, ended.result.keys()) == (fails, KEYS | {"msg"} if fails else KEYS)
    assert (ended.result["healthy"], ended.result["state"]) == (False, "wrong_version")


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(fhir_capability_info, monkeypatch, base=f"http://127.0.0.1:{free_port()}", fail_unhealthy=False)
    assert (ended.failed, ended.result["state"]) == (False, "refused")


@pytest.mark.parametrize(
    ("options", "about"),
    [
        pytest.param({"base": "https://u:secret@h"}, "token_path", id="credentials"),
        pytest.param({"base": "https://h", "token_path": "/none"}, "/none", id="no-token"),
        pytest.param({"base": "https://h", "max_answer": 1}, "max_answer", id="max_answer"),
        pytest.param({"base": "https://h", "client_key": "/key.pem"}, "client_cert", id="key-alone"),
    ],
)
def test_what_cannot_be_tried_fails_always(
    options: dict[str, Any], about: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(fhir_capability_info, monkeypatch, fail_unhealthy=False, **options)
    assert (ended.failed, ended.result.keys()) == (True, KEYS | {"msg"})
    assert (ended.result["healthy"], ended.result["state"]) == (False, "not_probed")
    assert about in ended.result["msg"]
    assert "secret" not in str(ended.result)


def test_the_token_is_read_from_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("eyJhbGciOi\n", encoding="ascii")
    options = {"base": "https://fhir.example/r4", "token_path": str(tmp_path / "token")}
    request = fhir_capability_info.request(filled(fhir_capability_info, monkeypatch, **options))
    assert (request.token, request.fhir_version, request.base) == ("eyJhbGciOi", "4.0", "https://fhir.example/r4")
