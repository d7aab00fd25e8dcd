# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in foreign text: the digits 0 to 9 and nothing else.

``int`` also takes blanks, signs, underscores and the digits of every script, and ``str.isdigit`` takes signs for which
``int`` then raises.
"""

from __future__ import annotations

import re

_DIGITS = re.compile(r"[0-9]{1,19}")


def ordered(digits: str) -> tuple[int, str]:
    """Return what orders numbers of any length by their size, without making a number of them; none is zero."""
    significant = digits.lstrip("0")
    return len(significant), significant


def is_natural(text: str) -> bool:
    """Return whether a text is a number, so that ``int`` takes it."""
    return _DIGITS.fullmatch(text) is not None


def natural(text: str) -> int | None:
    """Return the number that a text is, None where it is none. Longer ones than 64 bits hold are none."""
    if is_natural(text):
        return int(text)
    return None
