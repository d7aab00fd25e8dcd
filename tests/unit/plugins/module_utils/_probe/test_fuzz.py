# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever bytes arrive, in whatever pieces: our parsing of MLLP and HL7 comes to a verdict, and to the same one.

Every run tries the same examples, so that a failure can be had again.
"""

from __future__ import annotations

import random
import string

import pytest

pytest.importorskip("hypothesis")

from ansible_collections.healthops.clinical.plugins.module_utils._probe import dicom_echo, hl7, mllp, mllp_echo
from ansible_collections.healthops.clinical.plugins.module_utils._probe.peer_kind import peer_kind
from hypothesis import given, settings
from hypothesis import strategies as st

settings.register_profile("same_each_time", derandomize=True, database=None, deadline=None, max_examples=300)
settings.load_profile("same_each_time")

LIMIT = 64
#: What an engine of this house, one of another version, one with separators of its own, and a stranger answer.
CORPUS = (
    b"MSH|^~\\&|ENGINE|HOSP|HEALTHPROBE|OPS|20261125||ACK^N02^ACK|9|P|2.5||||||UNICODE UTF-8\rMSA|AA|HP1|READY\r",
    b"MSH|^~\\&|ENGINE|||||ACK|9|P|2.3\rMSA|AR|HP1|||||202^id\rERR|MSH^1^11^202&Unsupported&HL70357\r",
    b"MSH#*~!@#E#######ACK#9#P#2.5.1\rMSA#AE#HP1#!F!\rERR##MSH*1*11#207*internal#E####text\r",
    b"MSH|^~\\&|E||||||ACK|9|P|2.5||||||ISO IR87\nMSA|CA|HP1|\x1b$B\x1b(B\n",
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<html>",
)
#: Streams with a good chance to hold frames: single special bytes among others.
STREAM = st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"\x1c\r", b"MSH|", b"a", b"x" * 40])).map(b"".join)


def outcome(pieces: list[bytes]) -> list[object]:
    """Every message, and then how the stream went on."""
    unframer, messages = mllp.Unframer(LIMIT), []
    try:
        for piece in pieces:
            unframer.feed(piece)
            for message in iter(unframer.next, None):
                messages.append(message)  # one by one: what came before an error counts
    except (mllp.NotMllp, mllp.TooLarge) as error:
        messages.append(type(error))
    return messages


def cut(data: bytes, places: list[int]) -> list[bytes]:
    at = sorted({min(place, len(data)) for place in places})
    return [data[start:end] for start, end in zip([0, *at], [*at, len(data)])]


@given(STREAM, st.lists(st.integers(0, 400)))
def test_a_stream_means_the_same_in_any_pieces(data: bytes, places: list[int]) -> None:
    expected = outcome([data])
    assert outcome(cut(data, places)) == expected
    assert outcome([data[at : at + 1] for at in range(len(data))]) == expected


@given(
    st.lists(st.binary(max_size=LIMIT).filter(lambda data: not set(data) & {0x0B, 0x1C})), st.lists(st.integers(0, 400))
)
def test_what_is_framed_comes_out_again(messages: list[bytes], places: list[int]) -> None:
    assert outcome(cut(b"".join(map(mllp.frame, messages)), places)) == messages


@given(st.binary())
def test_no_bytes_break_the_framing(data: bytes) -> None:
    outcome([data])


def judged(data: bytes) -> str:
    return mllp_echo.judge(data, "HP1", "READY", "DRAINING").state


@given(
    st.one_of(st.binary(), st.binary().map(lambda data: b"MSH|^~\\&|" + data), STREAM.map(lambda data: b"MSH" + data))
)
def test_any_bytes_come_to_a_verdict(data: bytes) -> None:
    assert judged(data) in {*mllp_echo.STATES, "garbage", "wrong_peer"}
    peer_kind(data)


@pytest.mark.parametrize("seed", range(len(CORPUS)))
def test_damaged_answers_come_to_a_verdict(seed: int) -> None:
    chance = random.Random(seed)
    for _round in range(2000):
        data = bytearray(CORPUS[seed])
        for _damage in range(chance.randint(1, 6)):
            at = chance.randrange(len(data) + 1)
            damages = (b"", bytes([chance.randrange(256)]), bytes(data[at : at + 5]) * 3, b"|", b"\\X\\", b"^", b"\r")
            data[at : at + chance.randint(0, 4)] = chance.choice(damages)
        assert judged(bytes(data)) in {*mllp_echo.STATES, "garbage", "wrong_peer"}


SEPARATORS = st.lists(st.sampled_from("|#^~\\&*!@$%+;:/_"), min_size=5, max_size=5, unique=True)
WORDS = st.text(string.ascii_letters + string.digits + " .-", max_size=20)


@given(SEPARATORS, st.sampled_from(["AA", "AE", "AR", "CA", "CE", "CR"]), WORDS, WORDS, WORDS)
def test_any_separators_are_understood(marks: list[str], code: str, control_id: str, text: str, more: str) -> None:
    mark, component, repetition, escape, subcomponent = marks
    head = mark.join(["MSH", component + repetition + escape + subcomponent, "ENGINE"])
    msa = mark.join(["MSA", code, control_id, text + component + more])
    acknowledgement = hl7.acknowledgement(hl7.parse(f"{head}\r{msa}\r".encode("ascii")))
    assert acknowledgement is not None
    assert (acknowledgement.code, acknowledgement.control_id) == (code, control_id.strip())
    assert {text, more} <= set(acknowledgement.text.split("\n"))


@given(st.text())
def test_titles_are_taken_or_refused(title: str) -> None:
    assert not dicom_echo.AE_TITLE.fullmatch(title) or len(title.encode("ascii")) <= 16
