# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""MLLP: messages in a stream of bytes, each between <VT> and <FS><CR>."""

from __future__ import annotations

START = b"\x0b"
END = b"\x1c\r"
#: What version 2 of MLLP sends as soon as a message is stored, ahead of the answer to it.
COMMIT_ACK = b"\x06"
COMMIT_NAK = b"\x15"


class NotMllp(Exception):
    """The stream is not MLLP; ``data`` is how it goes on from there."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        super().__init__("not MLLP")


class TooLarge(Exception):
    """A message is larger than is taken here."""


def frame(message: bytes) -> bytes:
    """Return the message as MLLP sends it."""
    return START + message + END


class Unframer:
    """Takes bytes in whatever pieces they arrive and gives messages back. It never keeps more than ``limit`` of one.

    Lines may end between messages. Everything else outside of a frame, and a <VT> or a lone <FS> in one, is not MLLP.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Add bytes in the order in which they arrived."""
        self._buffer += data

    def next(self) -> bytes | None:
        """Return the next whole message, or None until more has been fed; raise NotMllp or TooLarge."""
        self._skip_line_ends()
        if not self._buffer:
            return None
        if not self._buffer.startswith(START):
            raise NotMllp(bytes(self._buffer[:64]))
        end = self._buffer.find(END[:1], self._searched)
        inside = len(self._buffer) if end < 0 else end
        if self._buffer.find(START, self._searched, inside) >= 0:
            raise NotMllp(b"")
        if inside - len(START) > self._limit:
            raise TooLarge
        self._searched = inside
        if end < 0 or len(self._buffer) == end + 1:
            return None
        if self._buffer[end + 1] != END[1]:
            raise NotMllp(b"")
        message = bytes(self._buffer[len(START) : end])
        del self._buffer[: end + len(END)]
        self._searched = 0
        return message

    def lacks_last_byte(self) -> bool:
        """Return whether a whole message is there but for the <CR> behind its <FS>."""
        return self._buffer.startswith(START) and self._buffer.find(END[:1]) == len(self._buffer) - 1

    def _skip_line_ends(self) -> None:
        if not self._searched:
            ends = len(self._buffer) - len(self._buffer.lstrip(b"\r\n"))
            del self._buffer[:ends]
            self._searched = 1 if self._buffer else 0
