# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two Debian versions is the later one, as dpkg sees it."""

from __future__ import annotations

import functools
import re

from ..._text.numbers import ordered

_PIECES = re.compile(r"([^0-9]*)([0-9]*)")
#: Sorts before every other sign and before the end of the text.
_TILDE = -1
_END = 0
#: What is no letter sorts after every letter.
_OTHER = 256
#: What is no number before a colon is no epoch, but a part of a version that nobody could build.
_EPOCH = re.compile(r"([0-9]*):")
_NOTHING = ((_END,), ordered(""))


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


def is_later(version: str, than: str) -> bool:
    """Return whether ``version`` is later than the other one."""
    return DebianVersion(than) < DebianVersion(version)


def brings(version: str, installed: str, candidate: str) -> bool:
    """Return whether going from ``installed`` to ``candidate`` brings it: installed < version <= candidate."""
    return is_later(version, installed) and not is_later(version, candidate)


_Part = tuple[tuple[tuple[int, ...], tuple[int, str]], ...]


def _key(text: str) -> tuple[tuple[int, str], _Part, _Part]:
    match = _EPOCH.match(text)
    epoch, version = (match[1], text[match.end() :]) if match else ("0", text)
    upstream, dash, revision = version.rpartition("-")
    if not dash:
        upstream, revision = version, ""
    return ordered(epoch), _part(upstream), _part(revision)


def _part(text: str) -> _Part:
    """Return signs and numbers by turns; what is missing counts as the end and as zero, and so is left away."""
    pieces = [((*map(_order, signs), _END), ordered(digits)) for signs, digits in _PIECES.findall(text)]
    while len(pieces) > 1 and pieces[-1] == _NOTHING:
        pieces.pop()
    # The end of the text is later than a tilde and earlier than anything else, as the end of a piece is.
    return (*pieces, _NOTHING)


def _order(sign: str) -> int:
    if sign == "~":
        return _TILDE
    if sign.isalpha():
        return ord(sign)
    return ord(sign) + _OTHER
