# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text made fit to be shown: every character is one that stays where it is printed.

A terminal obeys control characters, some characters turn the reading direction or are not seen at all, and a byte that
is no UTF-8, which Python keeps as half of a surrogate pair, makes a whole result unreadable. Each becomes words for it:
``\\x1b``, ``\\u202e``, ``\\xff``. Newlines and tabs stay: a diff has them.
"""

from __future__ import annotations

import re

#: Controls, marks of direction and width, tags, what is no character, and surrogates. Newline and tab are not in it.
_UNFIT = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
#: Bytes that were no UTF-8 stand here, as ``surrogateescape`` keeps them.
_BYTES = range(0xDC80, 0xDD00)


def clean(text: str) -> str:
    """Return the text with everything named in words that would not be seen, or would do something when printed."""
    return text if text.isascii() and text.isprintable() else _UNFIT.sub(_in_words, text)


def _in_words(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
