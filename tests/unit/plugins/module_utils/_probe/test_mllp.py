# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Framing: messages survive whatever pieces the stream arrives in, and what is not MLLP is said to be so."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._probe import mllp


def read(data: bytes, limit: int = 100) -> list[bytes]:
    unframer = mllp.Unframer(limit)
    unframer.feed(data)
    return list(iter(unframer.next, None))


@pytest.mark.parametrize(
    ("data", "messages"),
    [
        pytest.param(b"", [], id="nothing"),
        pytest.param(b"\x0bMSH\x1c\r", [b"MSH"], id="one"),
        pytest.param(b"\x0b\x1c\r", [b""], id="empty"),
        pytest.param(b"\x0bA\x1c\r\x0bB\x1c\r\x0bC", [b"A", b"B"], id="two-and-a-part"),
        pytest.param(b"\r\n\x0bA\x1c\r\r\n\x0bB\x1c\r", [b"A", b"B"], id="lines-end-between"),
        pytest.param(b"\x0bA\x1c", [], id="last-byte-missing"),
        pytest.param(b"\x0b" + b"x" * 100 + b"\x1c\r", [b"x" * 100], id="just-small-enough"),
    ],
)
def test_messages(data: bytes, messages: list[bytes]) -> None:
    assert read(data) == messages


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"MSH|", id="no-start"),
        pytest.param(b"\x0bA\x1c\rMSH|", id="no-start-after-a-message"),
        pytest.param(b"\x0bA\x0bB\x1c\r", id="start-in-a-message"),
        pytest.param(b"\x0bA\x1cB\x1c\r", id="lone-end-in-a-message"),
    ],
)
def test_not_mllp(data: bytes) -> None:
    with pytest.raises(mllp.NotMllp):
        read(data)


@pytest.mark.parametrize("end", [b"", b"\x1c", b"\x1c\r"])
def test_too_large(end: bytes) -> None:
    with pytest.raises(mllp.TooLarge):
        read(b"\x0b" + b"x" * 101 + end)


def test_what_is_framed_is_read_again() -> None:
    assert read(mllp.frame(b"MSH|")) == [b"MSH|"]
