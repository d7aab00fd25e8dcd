# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pairs of rpm versions, a great many and always the same ones; printed one pair a line when it is run.

python tests/unit/rpm_pairs.py > pairs; rpm --eval "$(python tests/unit/rpm_pairs.py --ask pairs)"
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

NUMBER = 100_000
_PIECES = (
    *("0", "1", "2", "9", "10", "007", "20260101", "1", "0", "2", "a", "b", "rc", "beta", "el9", "fc40", "A", "Z"),
    *("~", "^", "~~", "^^", "~rc1", "^git", ".", ".", ".", "_", "+", "..", ".0", ".1", ".10", "a1", "1a"),
)


class Draws:
    """Numbers that look drawn and are the same on every machine and with every Python."""

    def __init__(self, seed: int) -> None:
        self._state = seed

    def below(self, limit: int) -> int:
        self._state = (self._state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        return (self._state >> 33) % limit


def versions(draws: Draws) -> list[str]:
    """Return the parts of one version: an epoch now and then, a version, and mostly a release."""
    version = "".join(_PIECES[draws.below(len(_PIECES))] for _piece in range(1 + draws.below(4)))
    release = "".join(_PIECES[draws.below(len(_PIECES))] for _piece in range(1 + draws.below(3)))
    epoch = ("", "", "", "0:", "1:", "2:")[draws.below(6)]
    return [epoch, version, release]


def pairs(number: int = NUMBER) -> Iterator[tuple[str, str]]:
    """Most pairs differ in one part only, or one is the beginning of the other: there an order is easily wrong."""
    draws = Draws(2026)
    for _number in range(number):
        first, second = versions(draws), versions(draws)
        part = draws.below(6)
        if part < 3:
            second = [*first[:part], second[part], *first[part + 1 :]]
        elif part < 5:
            second = [*first[: part - 2], first[part - 2] + _PIECES[draws.below(len(_PIECES))], *first[part - 1 :]]
        yield _joined(first), _joined(second)


def _joined(parts: list[str]) -> str:
    return f"{parts[0]}{parts[1]}-{parts[2]}"


def question(path: str) -> str:
    """Return what rpm evaluates to compare each line of a file: a sign a pair."""
    lua = (
        f'for line in io.lines("{path}") do local a, b = line:match("(%S+) (%S+)"); '
        "local c = rpm.vercmp(a, b); io.write(c < 0 and '<' or c > 0 and '>' or '=') end"
    )
    return f"%{{lua:{lua}}}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--ask"]:
        sys.stdout.write(question(sys.argv[2]))
    else:
        sys.stdout.writelines(f"{first} {second}\n" for first, second in pairs())
