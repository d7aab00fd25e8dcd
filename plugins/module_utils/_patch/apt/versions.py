# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two Debian versions is the later one, as dpkg sees it. Private to the collection."""

from __future__ import annotations

import functools
import re

_PIECES = re.compile(r"([^0-9]*)([0-9]*)")
#: Sorts before every other sign and before the end of the text.
_TILDE = -1
_END = 0
#: What is no letter sorts after every letter.
_OTHER = 256


@functools.total_ordering
class DebianVersion:
    """``[epoch:]upstream[-revision]`` as deb-version(7) orders it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._key = _key(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and self._key == other._key

    def __lt__(self, other: DebianVersion) -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def later(one: str, other: str) -> bool:
    """Whether ``one`` is later than ``other``."""
    return DebianVersion(other) < DebianVersion(one)


def brings(version: str, installed: str, candidate: str) -> bool:
    """Whether going from ``installed`` to ``candidate`` brings ``version``: installed < version <= candidate."""
    return later(version, installed) and not later(version, candidate)


_Part = tuple[tuple[tuple[int, ...], int], ...]


def _key(text: str) -> tuple[int, _Part, _Part]:
    epoch, colon, rest = text.partition(":")
    if not colon:
        epoch, rest = "0", text
    upstream, _dash, revision = rest.rpartition("-") if "-" in rest else (rest, "", "")
    return int(epoch or "0"), _part(upstream), _part(revision)


def _part(text: str) -> _Part:
    """Signs and numbers by turns; what is missing counts as the end and as zero, and so is left away."""
    pieces = [((*map(_order, signs), _END), int(digits or "0")) for signs, digits in _PIECES.findall(text)]
    while len(pieces) > 1 and pieces[-1] == ((_END,), 0):
        pieces.pop()
    # The end of the text is later than a tilde and earlier than anything else, as the end of a piece is.
    return (*pieces, ((_END,), 0))


def _order(sign: str) -> int:
    if sign == "~":
        return _TILDE
    return ord(sign) if sign.isalpha() else ord(sign) + _OTHER
