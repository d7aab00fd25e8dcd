# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of a program or a file as it could be instead: cut, doubled, empty in parts, or with what nobody expects."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Callable

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError

#: What stands where a number, a name or nothing was: no number, no blank, no end of a line, or far too much.
ODD = (
    "",
    "1.5",
    "-1",
    "\u00b2",
    "\u0663",
    "9" * 5000,
    "1_0",
    "\0",
    "\u2028",
    "\x85",
    "\x0b",
    "\udcff",
    "\t",
    "[",
    "(none)",
)
#: How many places of a text are changed; all of a short one.
PLACES = 24
_WORD = re.compile(r"[^\s]+")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def mutations(text: str) -> Iterator[str]:
    """Yield the text with one line changed, the same each time."""
    lines = text.split("\n")
    for place in range(0, len(lines), max(1, len(lines) // PLACES)):
        for changed in _changed(lines[place]):
            yield "\n".join([*lines[:place], *changed, *lines[place + 1 :]])


def refusals(parse: Callable[[str], object], texts: Iterable[str]) -> list[ClinicalError]:
    """Return what ``parse`` refused of these texts; whatever else it raises is a defect, and is not caught here."""
    errors = []
    for text in texts:
        try:
            parse(text)
        except ClinicalError as error:
            errors.append(error)
    return errors


def _changed(line: str) -> Iterator[list[str]]:
    yield []
    yield [line, line]
    yield [line[: len(line) // 2]]
    yield [line.replace("\t", " ").replace(" ", "")]
    for odd in ODD:
        yield [_NUMBER.sub(lambda _match: odd, line)]  # noqa: B023
        yield [_WORD.sub(lambda _match: odd, line, count=1)]  # noqa: B023
        yield [line + odd]
