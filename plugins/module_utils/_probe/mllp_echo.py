# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message without a patient to an interface engine, and what its acknowledgement shows."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime

from .._errors import ClinicalError
from . import mllp
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, wrong_protocol
from .hl7 import ERRORS, Acknowledgement, NotHl7, acknowledgement, parse, probe_message
from .result import PeerFailure, ProbeResult, Verdict, probe_result

STATES = ("ready", "alive", "draining", "rejecting")
ACCEPTED = ("AA", "CA")
REJECTED = ("AR", "CR")
FAILED = ("AE", "CE")
#: Who refuses a message by its kind has read it, which says nothing about whether he could store one.
KIND_NOT_SUPPORTED = frozenset({"200", "201", "202", "203"})
HEADER_VALUE = re.compile(r"[ !-{}]*")


@dataclass(frozen=True)
class MllpEchoRequest:
    """One echo to one engine.

    ``timeout`` is in seconds, ``max_answer`` in bytes; ``header`` are fields of MSH by number, the texts what an engine
    says of its own state, and ``wanted`` the states that are healthy.
    """

    endpoint: Endpoint
    tls: Tls | None
    timeout: float
    max_answer: int
    header: dict[int, str]
    ready_text: str = ""
    draining_text: str = ""
    wanted: tuple[str, ...] = ("ready",)

    @property
    def target(self) -> str:
        return f"{'mllps' if self.tls else 'mllp'}://{self.endpoint}"


def check(request: MllpEchoRequest) -> None:
    """Raise ClinicalError for a field of MSH that would break the message that is sent."""
    for number, value in request.header.items():
        if not HEADER_VALUE.fullmatch(value):
            raise ClinicalError(
                f"Writing MSH-{number}",
                repr(value),
                "it has a character that is not allowed there",
                "Use ASCII, and no |.",
            )


def probe(request: MllpEchoRequest) -> ProbeResult:
    """Send one message over a connection of its own and judge the answer, bounded in time and memory.

    Raise ClinicalError where the request cannot be sent from here.
    """
    check(request)
    context = client_context(request.tls) if request.tls else None
    deadline = Deadline(request.timeout)
    try:
        with connect(request.endpoint, context, request.tls or Tls(), deadline) as connection:
            verdict = _exchange(connection, request)
    except PeerFailure as failure:
        verdict = failure.verdict
    return probe_result(verdict, request.wanted, deadline.elapsed_ms(), request.target)


def _exchange(connection: Connection, request: MllpEchoRequest) -> Verdict:
    control_id = f"HP{os.urandom(8).hex().upper()}"
    connection.send(mllp.frame(probe_message(control_id, datetime.now(), request.header)))
    return judge(_first_message(connection, request.max_answer), control_id, request.ready_text, request.draining_text)


def _first_message(connection: Connection, limit: int) -> bytes:
    unframer = mllp.Unframer(limit)
    try:
        while True:
            message = unframer.next()
            if message is None:
                unframer.feed(_more(connection, unframer))
            elif message != mllp.COMMIT_ACK:
                return message
    except mllp.NotMllp as error:
        raise wrong_protocol(error.data, "MLLP") from None
    except mllp.TooLarge:
        raise PeerFailure("oversized", f"its answer is larger than {limit} bytes") from None


def _more(connection: Connection, unframer: mllp.Unframer) -> bytes:
    try:
        return connection.receive()
    except PeerFailure:
        if unframer.lacks_last_byte():
            missing = "its answer came and lacks the last byte of its frame, the <CR> that senders wait for"
            raise PeerFailure("garbage", missing) from None
        raise


def judge(message: bytes, control_id: str, ready_text: str, draining_text: str) -> Verdict:
    """Return what an answer to the message with this ``control_id`` shows about its sender."""
    if message == mllp.COMMIT_NAK:
        return Verdict("rejecting", "it could not store our message (MLLP negative acknowledgement)")
    try:
        ack = acknowledgement(parse(message))
    except NotHl7:
        return Verdict("garbage", "its answer is framed as MLLP and is not HL7")
    if ack is None:
        return Verdict("wrong_peer", "it answered with a message of HL7 that acknowledges nothing")
    if ack.code not in (*ACCEPTED, *REJECTED, *FAILED):
        return Verdict("garbage", "MSA-1 of its answer is none of AA, AE, AR, CA, CE, CR")
    if ack.control_id != control_id:
        return Verdict("wrong_peer", f"{ack.code}, for another message than ours (MSA-2)")
    return _judge_acknowledgement(ack, ready_text, draining_text)


def _judge_acknowledgement(ack: Acknowledgement, ready_text: str, draining_text: str) -> Verdict:
    known = sorted(ack.errors & ERRORS.keys())
    observation = ", ".join([ack.code, *(f"{code} {ERRORS[code]}" for code in known)])
    if draining_text and draining_text in ack.text:
        return Verdict("draining", f"{observation}, and it says that it is draining")
    if ack.code in ACCEPTED:
        if ready_text and ready_text not in ack.text:
            return Verdict("alive", f"{observation}, without the words that say it is ready")
        return Verdict("ready", observation)
    if ack.code in REJECTED and ack.errors & KIND_NOT_SUPPORTED:
        return Verdict("alive", f"{observation}: it reads messages and does not take this kind")
    return Verdict("rejecting", observation)
