# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of two rpm versions is the later one, as rpm sees it."""

from __future__ import annotations

import functools
import re
from typing import Union

from ..._text.numbers import natural, ordered

_PIECES = re.compile(r"[0-9]+|[A-Za-z]+|~|\^")
_Piece = tuple[int, Union[int, str, tuple[int, str]]]

#: What may stand at one place of a version, from the earliest to the latest; whatever else stands there only divides.
_TILDE, _END, _CARET, _WORD, _NUMBER = range(5)
_ALONE = {"~": (_TILDE, 0), "^": (_CARET, 0)}


@functools.total_ordering
class RpmVersion:
    """``[epoch:]version[-release]``; without an epoch it is 0, and without a release any release is the same."""

    def __init__(self, text: str) -> None:
        self.text = text
        epoch, colon, without_epoch = text.partition(":")
        if not colon:
            epoch, without_epoch = "0", text
        version, _dash, release = without_epoch.partition("-")
        self._version = (natural(epoch) or 0, _pieces(version))
        self._release = _pieces(release) if release else None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RpmVersion) or self._version != other._version:
            return False
        return None in (self._release, other._release) or self._release == other._release

    def __lt__(self, other: RpmVersion) -> bool:
        if self._version != other._version:
            return self._version < other._version
        if self._release is None or other._release is None:
            return False
        return self._release < other._release

    def __hash__(self) -> int:
        return hash(self._version)


def is_later(version: str, than: str) -> bool:
    """Return whether ``version`` is later than the other one."""
    return RpmVersion(than) < RpmVersion(version)


def brings(version: str, installed: str, candidate: str) -> bool:
    """Return whether going from ``installed`` to ``candidate`` brings it: installed < version <= candidate."""
    return is_later(version, installed) and not is_later(version, candidate)


def _pieces(text: str) -> tuple[_Piece, ...]:
    return (*map(_piece, _PIECES.findall(text)), (_END, 0))


def _piece(text: str) -> _Piece:
    if text in _ALONE:
        return _ALONE[text]
    return (_WORD, text) if text[0].isalpha() else (_NUMBER, ordered(text))
