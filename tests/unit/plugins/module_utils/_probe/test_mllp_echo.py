# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine's answers mean, and that no peer is taken for a ready one, or waited for longer than allowed."""

from __future__ import annotations

import re
import socket
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe import mllp_echo
from ansible_collections.healthops.clinical.plugins.module_utils._probe.connection import Endpoint
from fault_peers import (
    Serve,
    closes,
    drips,
    floods,
    free_port,
    listening,
    patience,
    resets,
    says,
    stays_silent,
)

SECRET = "DOE^JANE^19700101"
HEADER = {3: "HEALTHPROBE", 4: "OPS", 11: "D", 12: "2.5"}


def request(port: int, **more: Any) -> mllp_echo.MllpEchoRequest:
    usual = mllp_echo.MllpEchoRequest(Endpoint("127.0.0.1", port), None, timeout=5, max_answer=4096, header=HEADER)
    return replace(usual, **more)


def ack(code: str, control_id: str = "HP1", text: str = "", *segments: str) -> bytes:
    return "\r".join(["MSH|^~\\&|ENGINE", f"MSA|{code}|{control_id}|{text}", *segments]).encode("utf-8")


@pytest.mark.parametrize(
    ("message", "state"),
    [
        pytest.param(ack("AA"), "ready", id="original"),
        pytest.param(ack("CA"), "ready", id="enhanced"),
        pytest.param(ack("AE"), "rejecting", id="failed"),
        pytest.param(ack("CE"), "rejecting", id="failed-enhanced"),
        pytest.param(ack("AR"), "rejecting", id="rejected"),
        pytest.param(ack("CR"), "rejecting", id="rejected-enhanced"),
        pytest.param(ack("AR", "HP1", "", "ERR||MSH^1^11|202|E"), "alive", id="kind-not-supported"),
        pytest.param(ack("AE", "HP1", "", "ERR||MSH^1^11|202|E"), "rejecting", id="failed-is-not-kind"),
        pytest.param(ack("AR", "HP1", "", "ERR|||207|E"), "rejecting", id="internal-error"),
        pytest.param(ack("AA", "HP2"), "wrong_peer", id="acknowledges-another"),
        pytest.param(ack("AA", ""), "wrong_peer", id="acknowledges-none"),
        pytest.param(ack("OK"), "garbage", id="no-code"),
        pytest.param(b"MSH|^~\\&|ENGINE\rPID|1", "wrong_peer", id="other-message"),
        pytest.param(b"hello", "garbage", id="not-hl7"),
        pytest.param(b"\x15", "rejecting", id="mllp-nak"),
    ],
)
def test_judged(message: bytes, state: str) -> None:
    assert mllp_echo.judge(message, "HP1", "", "").state == state


@pytest.mark.parametrize(
    ("message", "state"),
    [
        pytest.param(ack("AA", "HP1", "READY"), "ready", id="says-so"),
        pytest.param(ack("AA", "HP1", "ok"), "alive", id="says-something-else"),
        pytest.param(ack("AA", "HP1", "DRAINING"), "draining", id="draining"),
        pytest.param(ack("AR", "HP1", "", "ERR||||E||||DRAINING"), "draining", id="draining-and-rejecting"),
        pytest.param(ack("AR", "HP9", "DRAINING"), "wrong_peer", id="draining-for-another"),
    ],
)
def test_an_engine_that_tells_its_state(message: bytes, state: str) -> None:
    assert mllp_echo.judge(message, "HP1", "READY", "DRAINING").state == state


@pytest.mark.parametrize(
    "message",
    [
        ack("AA", SECRET),
        ack("AA", "HP1", SECRET),
        ack(SECRET),
        ack("AE", "HP1", SECRET, f"ERR|||{SECRET}|E||{SECRET}", f"PID|1||{SECRET}"),
        SECRET.encode(),
    ],
)
def test_no_word_of_the_peer_is_shown(message: bytes) -> None:
    observation = mllp_echo.judge(message, "HP1", "", SECRET).observation
    assert not any(word in observation for word in re.split(r"\W", SECRET))


def engine(code: str, before: bytes = b"") -> Serve:
    """Acknowledges what it is sent, byte by byte, as a stream may."""

    def serve(connection: socket.socket) -> None:
        message = connection.recv(65536)
        control_id = message.split(b"|")[9].decode()
        for byte in before + b"\x0b" + ack(code, control_id) + b"\x1c\r":
            connection.sendall(bytes([byte]))
        stays_silent(connection)

    return serve


def lacks_the_last_byte(connection: socket.socket) -> None:
    control_id = connection.recv(65536).split(b"|")[9].decode()
    connection.sendall(b"\x0b" + ack("AA", control_id) + b"\x1c")


def waits_without_it(connection: socket.socket) -> None:
    lacks_the_last_byte(connection)
    stays_silent(connection)


@pytest.mark.parametrize("serve", [lacks_the_last_byte, waits_without_it])
def test_an_answer_that_lacks_its_last_byte_alone_is_called_that(serve: Serve) -> None:
    with listening(serve) as port:
        result = mllp_echo.probe(request(port, timeout=2.0))
    assert (result.healthy, result.state) == (False, "garbage")
    assert result.saw == "its answer came and lacks the last byte of its frame, the <CR> that senders wait for"


def test_a_newline_in_a_text_is_data() -> None:
    message = ack("AA", "HP1", "line one\nREADY|x", "ERR|||207")
    assert mllp_echo.judge(message, "HP1", "READY", "").state == "ready"
    assert mllp_echo.judge(message, "HP1", "", "").observation == "AA, 207 internal error of the application"


@pytest.mark.parametrize("before", [b"", b"\x0b\x06\x1c\r"], ids=["mllp", "mllp-2-commit-first"])
def test_a_ready_engine(before: bytes) -> None:
    with listening(engine("AA", before)) as port:
        result = mllp_echo.probe(request(port))
    assert (result.healthy, result.state, result.saw) == (True, "ready", "AA")
    assert result.target == f"mllp://127.0.0.1:{port}"
    assert result.latency_ms > 0


def test_healthy_is_what_was_wanted() -> None:
    with listening(engine("AA")) as port:
        assert not mllp_echo.probe(request(port, wanted=("draining",))).healthy
        assert mllp_echo.probe(request(port, ready_text="READY", wanted=("ready", "alive"))).state == "alive"


@pytest.mark.parametrize(
    ("serve", "state"),
    [
        pytest.param(resets, "reset", id="reset"),
        pytest.param(closes, "closed", id="closed"),
        pytest.param(stays_silent, "silent", id="silent"),
        pytest.param(says(b"\x0bMSH|^~\\&|"), "slow", id="half-an-answer"),
        pytest.param(drips(b"\x0b" + ack("AA") + b"\x1c\r"), "slow", id="drips"),
        pytest.param(drips(b"\r" * 1000), "slow", id="drips-line-ends"),
        pytest.param(says(b"\x00\x01\x02\x03"), "garbage", id="garbage"),
        pytest.param(says(b"\x0bhello\x1c\r"), "garbage", id="framed-garbage"),
        pytest.param(says(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "wrong_peer", id="ssh"),
        pytest.param(says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "wrong_peer", id="http"),
        pytest.param(says(b"\x15\x03\x03\x00\x02\x02\x16"), "wrong_peer", id="tls"),
        pytest.param(floods(b"\x0bMSH|^~\\&|"), "oversized", id="oversized"),
    ],
)
def test_peers_that_fail(serve: Serve, state: str) -> None:
    with listening(serve) as port:
        result = mllp_echo.probe(request(port, timeout=patience(state)))
    assert (result.healthy, result.state) == (False, state)
    assert result.saw


def test_nobody_listens() -> None:
    assert mllp_echo.probe(request(free_port())).state == "refused"


def test_no_such_name() -> None:
    result = mllp_echo.probe(request(2575, endpoint=Endpoint("no-such-host.invalid", 2575)))
    assert result.state == "name_not_found"


@pytest.mark.parametrize("value", ["A|B", "A\rB", "é", "\x0b"])
def test_what_would_break_the_message_is_refused(value: str) -> None:
    with pytest.raises(ClinicalError, match="MSH-3"):
        mllp_echo.probe(request(1, header={**HEADER, 3: value}))
