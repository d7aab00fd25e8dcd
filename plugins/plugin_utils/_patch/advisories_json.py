# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a JSON object of tens of megabytes member by member, holding no more than one member at a time.

``Reader`` walks the text; its caller says where to go in (``members``, ``items``) and what to take whole (``value``).
A file that ends too early is told apart from one that is no JSON, since the two are mended in different ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TextIO

CHUNK = 1 << 18
#: The longest single value that is waited for. The longest entry of a real tracker is some ten thousand characters.
LONGEST = 1 << 24

_BLANK = re.compile(r"[ \t\r\n]*")
_DECODER = json.JSONDecoder()
#: Where these are the last characters that were read, a number or a word may go on in the next piece.
_OPEN_END = frozenset("+-.0123456789eEaflnrstu")


class Cut(ValueError):
    """The text ends in the middle."""


class Broken(ValueError):
    """The text is no JSON, or not of the shape that was asked for."""


class Reader:
    """A place in a JSON text. ``at`` counts characters from the beginning, for messages."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._text = ""
        self._pos = 0
        self._passed = 0
        self._ended = False

    @property
    def at(self) -> int:
        """The place reached, in characters from the beginning."""
        return self._passed + self._pos

    def members(self) -> Iterator[str]:
        """Yield the names in the object that begins here; between two of them the caller takes the value."""
        self._take("{", "an object")
        if self._peek() == "}":
            self._pos += 1
            return
        while True:
            name = self.value()
            if not isinstance(name, str):
                raise Broken(f"a name is wanted at character {self.at}, and there is {name!r:.40}")
            self._take(":", "a colon")
            yield name
            if self._more("}"):
                return

    def items(self) -> Iterator[None]:
        """Stop before each value of the list that begins here, for the caller to take."""
        self._take("[", "a list")
        if self._peek() == "]":
            self._pos += 1
            return
        while True:
            yield None
            if self._more("]"):
                return

    def value(self) -> Any:
        """Return the whole value that begins here."""
        first = self._peek()
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._pos)
            except RecursionError as error:
                raise Broken(f"the value at character {self.at} is too deep") from error
            except json.JSONDecodeError as error:
                if self._ended:
                    raise self._bad(error) from error
                if len(self._text) - self._pos > LONGEST:
                    raise Broken(f"the value at character {self.at} does not end") from error
            else:
                closed = first in '{["' or self._text[end - 1] not in _OPEN_END
                if closed or self._ended or end < len(self._text):
                    self._pos = end
                    return value
            self._fill()

    def finish(self) -> None:
        """Raise Broken where anything follows."""
        if not self._is_end():
            raise Broken(f"something follows its end, at character {self.at}")

    def _bad(self, error: json.JSONDecodeError) -> ValueError:
        """Return the error for text that cannot be decoded: Cut where it breaks off, else Broken.

        The decoder is then at its very end, or in a string or word that does not close.
        """
        where = error.pos
        unclosed = error.msg.startswith(("Unterminated string", "Invalid \\"))
        remaining = self._text[where:].strip()
        if not remaining or unclosed or "tfnNI-".find(remaining[0]) >= 0:
            return Cut(f"it ends in the middle, at character {self._passed + len(self._text)}")
        return Broken(f"it is no JSON at character {self._passed + where}")

    def _more(self, closing: str) -> bool:
        """Go past a comma, or past the end; return whether it was the end."""
        sign = self._peek()
        if sign not in (",", closing):
            raise Broken(f"a comma or {closing!r} is wanted at character {self.at}, and there is {sign!r}")
        self._pos += 1
        return sign == closing

    def _take(self, wanted: str, name: str) -> None:
        sign = self._peek()
        if sign != wanted:
            raise Broken(f"{name} is wanted at character {self.at}, and there is {sign!r}")
        self._pos += 1

    def _peek(self) -> str:
        """Return the next character that is no blank."""
        if self._is_end():
            raise Cut(f"it ends in the middle, at character {self.at}")
        return self._text[self._pos]

    def peek(self) -> str:
        """Return how the next value begins: ``{`` is an object, ``[`` a list, ``"`` a text."""
        return self._peek()

    def _is_end(self) -> bool:
        while True:
            blank = _BLANK.match(self._text, self._pos)
            self._pos = blank.end() if blank else self._pos
            if self._pos < len(self._text):
                return False
            if self._ended:
                return True
            self._fill()

    def _fill(self) -> None:
        """Let go of what was read, and read on; longer the longer the value is, so that each is tried a few times."""
        unread = self._text[self._pos :]
        more = self._stream.read(max(CHUNK, len(unread)))
        self._passed += self._pos
        self._text, self._pos, self._ended = unread + more, 0, not more
