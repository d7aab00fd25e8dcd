# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of foreign text, as the C library counts them: they end at a newline and at nothing else.

``str.splitlines`` also ends them at nine other characters, among them some that every user may put into a name or a
comment; what the rest of the system reads as one line would then be two.
"""

from __future__ import annotations


def split_lines(text: str) -> list[str]:
    """Return the lines of a text without their newlines; a text that ends with one has no empty line after it."""
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def split_lines_with_ends(text: str) -> list[str]:
    """Return the lines of a text with their newlines, so that joined they are the text again."""
    lines = text.split("\n")
    ended = [f"{line}\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended
