# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A message without a patient to an interface engine, and what its acknowledgement shows. Private to the collection."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Dict, Optional, Tuple

from .._errors import ClinicalError
from . import mllp
from .answer import Answer, PeerFailure, Verdict, answer
from .connection import Connection, Deadline, Endpoint, Tls, client_context, connect, unexpected
from .hl7 import ERRORS, Acknowledgement, NotHl7, acknowledgement, parse, probe_message

STATES = ("ready", "alive", "draining", "rejecting")
ACCEPTED = ("AA", "CA")
REJECTED = ("AR", "CR")
FAILED = ("AE", "CE")
#: Who refuses a message by its kind has read it, which says nothing about whether he could store one.
KIND_NOT_SUPPORTED = frozenset({"200", "201", "202", "203"})
HEADER_VALUE = re.compile(r"[ !-{}]*")


@dataclass(frozen=True)
class Request:
    """What to ask whom: ``header`` are fields of MSH by number, the texts what an engine says of its own state."""

    endpoint: Endpoint
    tls: Optional[Tls]
    timeout: float
    max_answer: int
    header: Dict[int, str]
    ready_text: str = ""
    draining_text: str = ""
    wanted: Tuple[str, ...] = ("ready",)

    @property
    def target(self) -> str:
        return f"{'mllps' if self.tls else 'mllp'}://{self.endpoint}"


def check(request: Request) -> None:
    """Refuse what would break the message that is sent."""
    for number, value in request.header.items():
        if not HEADER_VALUE.fullmatch(value):
            raise ClinicalError(
                f"Writing MSH-{number}",
                repr(value),
                "it has a character that is not allowed there",
                "Use ASCII, and no |.",
            )


def probe(request: Request) -> Answer:
    """One exchange on a connection of its own, bounded in time and memory whatever the peer does."""
    check(request)
    context = client_context(request.tls) if request.tls else None
    deadline = Deadline(request.timeout)
    try:
        with connect(request.endpoint, context, request.tls or Tls(), deadline) as connection:
            verdict = _exchange(connection, request)
    except PeerFailure as failure:
        verdict = failure.verdict
    return answer(verdict, request.wanted, deadline.elapsed_ms(), request.target)


def _exchange(connection: Connection, request: Request) -> Verdict:
    control_id = f"HP{os.urandom(8).hex().upper()}"
    connection.send(mllp.framed(probe_message(control_id, datetime.now(), request.header)))
    return judge(_first_message(connection, request.max_answer), control_id, request.ready_text, request.draining_text)


def _first_message(connection: Connection, limit: int) -> bytes:
    unframer = mllp.Unframer(limit)
    try:
        while True:
            message = unframer.next()
            if message is None:
                unframer.feed(connection.receive())
            elif message != mllp.COMMIT_ACK:
                return message
    except mllp.NotMllp as error:
        raise unexpected(error.data, "MLLP") from None
    except mllp.TooLarge:
        raise PeerFailure("oversized", f"its answer is larger than {limit} bytes") from None


def judge(message: bytes, control_id: str, ready_text: str, draining_text: str) -> Verdict:
    """What an answer to our message shows about whoever gave it."""
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
    return _judge_ours(ack, ready_text, draining_text)


def _judge_ours(ack: Acknowledgement, ready_text: str, draining_text: str) -> Verdict:
    known = sorted(ack.errors & ERRORS.keys())
    saw = ", ".join([ack.code, *(f"{code} {ERRORS[code]}" for code in known)])
    if draining_text and draining_text in ack.words:
        return Verdict("draining", f"{saw}, and it says that it is draining")
    if ack.code in ACCEPTED:
        if ready_text and ready_text not in ack.words:
            return Verdict("alive", f"{saw}, without the words that say it is ready")
        return Verdict("ready", saw)
    if ack.code in REJECTED and ack.errors & KIND_NOT_SUPPORTED:
        return Verdict("alive", f"{saw}: it reads messages and does not take this kind")
    return Verdict("rejecting", saw)
