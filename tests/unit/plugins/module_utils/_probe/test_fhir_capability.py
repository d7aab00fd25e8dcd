# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a FHIR server's answers mean, and that neither a token nor our patience goes anywhere that it should not."""

from __future__ import annotations

import gzip
import json
import socket
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe import fhir_capability
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Tls
from fault_peers import (
    Serve,
    certificates,
    closes,
    drips,
    floods,
    free_port,
    listening,
    patience,
    resets,
    says,
    server_context,
    stays_silent,
)

__all__ = ["certificates"]
TOKEN = "eyJhbGciOi.very.secret"
STATEMENT = json.dumps({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "kind": "instance"}).encode()


EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


def reply(status: str, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def request(port: int, **more: Any) -> fhir_capability.FhirCapabilityRequest:
    usual = fhir_capability.FhirCapabilityRequest(f"http://127.0.0.1:{port}/4_0_1", Tls(), 5.0, 65536, "4.0")
    return replace(usual, **more)


def probe(serve: Serve, **more: Any) -> Any:
    with listening(serve) as port:
        return fhir_capability.probe(request(port, **more))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(reply("200 OK", STATEMENT), id="length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(STATEMENT), STATEMENT),
            id="chunks",
        ),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + reply("200 OK", STATEMENT), id="continue-first"),
        pytest.param(EARLY + reply("200 OK", STATEMENT), id="early-hints-first"),
        pytest.param(EARLY * 3 + b"HTTP/1.1 100 Continue\r\n\r\n" + reply("200 OK", STATEMENT), id="several-first"),
        pytest.param(reply("200 OK", gzip.compress(STATEMENT), "Content-Encoding: gzip"), id="gzip-unasked"),
        pytest.param(reply("200 OK", gzip.compress(STATEMENT), "content-encoding: X-GZIP"), id="x-gzip"),
        pytest.param(reply("200 OK", zlib.compress(STATEMENT), "Content-Encoding: deflate"), id="deflate"),
        pytest.param(
            reply("200 OK", gzip.compress(zlib.compress(STATEMENT)), "Content-Encoding: deflate, gzip"), id="twice"
        ),
        pytest.param(reply("200 OK", STATEMENT, "Content-Encoding: identity"), id="identity"),
    ],
)
def test_a_server_that_is_ready(answer: bytes) -> None:
    result = probe(says(answer))
    assert (result.healthy, result.state, result.saw) == (True, "ready", "a CapabilityStatement of FHIR 4.0.1")
    assert result.target.endswith("/4_0_1/metadata")


def test_an_answer_that_ends_with_the_connection() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + STATEMENT)

    assert probe(serve).state == "ready"


@pytest.mark.parametrize(
    ("answer", "state", "words"),
    [
        pytest.param(
            reply("200 OK", STATEMENT, "Content-Encoding: br"), "wrong_peer", "neither know nor asked for", id="unknown"
        ),
        pytest.param(
            reply("200 OK", STATEMENT, "Content-Encoding: gzip"), "garbage", "says that it is compressed", id="not gzip"
        ),
        pytest.param(
            reply("200 OK", gzip.compress(STATEMENT)[:-12], "Content-Encoding: gzip"),
            "closed",
            "ends in the middle",
            id="cut",
        ),
        pytest.param(
            reply("200 OK", gzip.compress(bytes(10**7)), "Content-Encoding: gzip"),
            "oversized",
            "uncompressed",
            id="bomb",
        ),
        pytest.param(EARLY, "closed", "closed", id="early-hints-and-no-more"),
    ],
)
def test_what_is_wrong_with_an_encoded_answer(answer: bytes, state: str, words: str) -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(answer)

    result = probe(serve)
    assert (result.healthy, result.state) == (False, state)
    assert words in result.saw


def test_interim_answers_without_end_are_not_read_for_ever() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        for _repeat in range(10_000):
            connection.sendall(EARLY)

    assert probe(serve).state == "oversized"


def statement(**more: Any) -> bytes:
    return json.dumps({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", **more}).encode()


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        pytest.param(reply("200 OK", statement(fhirVersion="5.0.0")), "wrong_version", id="other-version"),
        pytest.param(reply("200 OK", statement(fhirVersion="4.01")), "wrong_version", id="not-by-the-letters"),
        pytest.param(reply("200 OK", statement(fhirVersion="DOE JANE")), "wrong_peer", id="no-version"),
        pytest.param(reply("200 OK", statement(fhirVersion=None)), "wrong_peer", id="version-null"),
        pytest.param(reply("200 OK", statement(resourceType="Patient")), "wrong_peer", id="other-resource"),
        pytest.param(reply("200 OK", b"<!DOCTYPE html><html>"), "wrong_peer", id="html"),
        pytest.param(reply("200 OK", b"[]"), "wrong_peer", id="array"),
        pytest.param(reply("200 OK", b"{"), "wrong_peer", id="half-json"),
        pytest.param(reply("200 OK", b"\xff\xfe\xfa"), "wrong_peer", id="no-text"),
        pytest.param(reply("200 OK", b"[" * 60000), "wrong_peer", id="deeply-nested"),
        pytest.param(reply("200 OK", b'{"a": ' + b"9" * 60000 + b"}"), "wrong_peer", id="endless-number"),
        pytest.param(reply("401 Unauthorized"), "rejecting", id="401"),
        pytest.param(reply("403 Forbidden"), "rejecting", id="403"),
        pytest.param(reply("404 Not Found"), "wrong_peer", id="404"),
        pytest.param(reply("429 Too Many Requests"), "unavailable", id="429"),
        pytest.param(reply("503 Service Unavailable"), "unavailable", id="503"),
        pytest.param(reply("302 Found", b"", "Location: http://127.0.0.2/metadata"), "redirected", id="other-server"),
        pytest.param(reply("302 Found", b"", "Location: https://127.0.0.1/metadata"), "redirected", id="other-scheme"),
        pytest.param(reply("302 Found", b"", "Location: /again"), "redirected", id="round-in-circles"),
        pytest.param(reply("302 Found", b"", "Location: http://[/"), "garbage", id="no-address"),
        pytest.param(reply("302 Found", b"", "Location: /a\x01b"), "garbage", id="control-character"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", "garbage", id="no-status"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "garbage", id="many-headers"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2p1\r\n", "wrong_peer", id="ssh"),
        pytest.param(b"\x0bMSH|^~\\&|E\x1c\r", "slow", id="mllp-waits-for-a-line"),
        pytest.param(b"hello\r\n", "garbage", id="garbage"),
        pytest.param(reply("200 OK", b"x" * 70000), "oversized", id="oversized"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n{", "slow", id="announces-more"),
    ],
)
def test_judged(answer: bytes, state: str) -> None:
    result = probe(says(answer), timeout=patience(state))
    assert (result.healthy, result.state) == (False, state)
    assert "DOE" not in result.saw


@pytest.mark.parametrize(
    ("serve", "state"),
    [
        pytest.param(resets, "reset", id="reset"),
        pytest.param(closes, "closed", id="closed"),
        pytest.param(stays_silent, "silent", id="silent"),
        pytest.param(drips(reply("200 OK", STATEMENT)), "slow", id="drips"),
        pytest.param(floods(b"HTTP/1.1 200 OK\r\n\r\n"), "oversized", id="floods"),
        pytest.param(
            floods(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"), "oversized", id="floods-chunk"
        ),
    ],
)
def test_peers_that_fail(serve: Serve, state: str) -> None:
    result = probe(serve, timeout=patience(state))
    assert (result.healthy, result.state) == (False, state)


def test_a_peer_that_closes_in_the_middle() -> None:
    def serve(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(reply("200 OK", STATEMENT)[:-5])

    assert probe(serve).state == "closed"


def test_nobody_listens() -> None:
    assert fhir_capability.probe(request(free_port())).state == "refused"


class Keeping:
    """Answers with a redirect first, and keeps what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.received: list[bytes] = []
        self._answers = list(answers)

    def __call__(self, connection: socket.socket) -> None:
        self.received.append(connection.recv(65536))
        connection.sendall(self._answers.pop(0))


def test_asks_for_the_statement_and_nothing_else() -> None:
    keeping = Keeping(reply("307 Moved", b"", "Location: /new/metadata?_summary=true"), reply("200 OK", STATEMENT))
    with listening(keeping) as port:
        assert fhir_capability.probe(request(port, token=TOKEN)).state == "ready"
    first, second = (head.decode().split("\r\n") for head in keeping.received)
    assert (first[0], second[0]) == (
        "GET /4_0_1/metadata?_summary=true HTTP/1.1",
        "GET /new/metadata?_summary=true HTTP/1.1",
    )
    assert f"Host: 127.0.0.1:{port}" in first
    assert f"Authorization: Bearer {TOKEN}" in first
    assert "Accept: application/fhir+json" in first


def test_the_token_is_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n", encoding="ascii")
    token = fhir_capability.read_token(str(path))
    assert token == TOKEN
    result = probe(says(reply("401 Unauthorized", TOKEN.encode())), token=token)
    assert TOKEN not in repr(result)


@pytest.mark.parametrize("content", [b"", b"two WORDS", b"more\nWORDS", "WORDSö".encode()])
def test_tokens_that_are_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(ClinicalError) as raised:
        fhir_capability.read_token(str(path))
    assert "WORDS" not in str(raised.value)


def test_no_token_file() -> None:
    with pytest.raises(ClinicalError, match="/no/such/token"):
        fhir_capability.read_token("/no/such/token")


@pytest.mark.parametrize(
    "base",
    [
        "",
        "fhir.example",
        "ftp://fhir.example",
        "http://",
        "http://h:x/",
        "https://u:secret@h/",
        "https://h/?q=1",
        "https://h/a b",
    ],
)
def test_bases_that_are_none(base: str) -> None:
    with pytest.raises(ClinicalError) as raised:
        fhir_capability.probe(request(1, base=base))
    assert "secret" not in str(raised.value)


def test_a_token_never_travels_in_clear_text() -> None:
    with pytest.raises(ClinicalError, match="clear text"):
        fhir_capability.probe(request(1, base="http://fhir.example/r4", token=TOKEN))


@pytest.mark.parametrize(
    ("server", "state"),
    [("server", "ready"), ("expired", "expired_certificate"), ("rogue-server", "wrong_certificate")],
)
def test_over_tls(certificates: Path, server: str, state: str) -> None:
    with listening(says(reply("200 OK", STATEMENT)), server_context(certificates, server)) as port:
        query = request(port, base=f"https://127.0.0.1:{port}", tls=Tls(str(certificates / "ca.pem")), token=TOKEN)
        assert fhir_capability.probe(query).state == state
