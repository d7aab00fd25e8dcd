# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report words what it shows: values, times, results."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import visible

#: result word -> (sign that tells it apart without colour, what it means in plain words)
WORDS: dict[str, tuple[str, str]] = {
    "error": ("!", "Could not be judged. Unknown, and so never counted as good."),
    "fail": ("✕", "Not as wanted, and not repaired in this run; the reason says why."),
    "deferred": ("◐", "Not as wanted; the repair waits for a maintenance window because it interrupts something."),
    "waived": ("◇", "Not as wanted, and accepted by named people for a limited time."),
    "fixed": ("◆", "Was not as wanted; this run repaired it."),
    "pass": ("✓", "Is as wanted, and was before this run."),
    "notchecked": ("○", "Left out on purpose; nothing is known about it."),
    "notapplicable": ("–", "Does not apply to this host; the reason says why."),
}
LABELS = {"notchecked": "not checked", "notapplicable": "not applicable", "noresult": "no result"}
PROBLEMS = ("error", "fail", "deferred")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)

LONG_TEXT = 4000  # characters of one value shown; all of it is in run.json


def show(value: Any) -> str:
    """A value as text for people. Characters that could not be seen, or that turn text around, are made visible."""
    if value is None:
        return "—"
    return _shown(value if isinstance(value, str) else json.dumps(value, sort_keys=True, ensure_ascii=False))


@lru_cache(maxsize=1 << 14)
def _shown(text: str) -> str:
    """Most of what a report says it says many times."""
    if len(text) > LONG_TEXT:
        text = f"{text[:LONG_TEXT]} … ({len(text) - LONG_TEXT} more characters in run.json)"
    text = visible(text)
    return text if text.strip() else "(empty)"


def moment(stamp: str | None) -> str:
    """2026-11-22T15:00:00Z -> 22 November 2026, 15:00:00 UTC"""
    if not stamp:
        return "not known"
    year, month, day = stamp[:10].split("-")
    name = MONTHS[int(month) - 1] if 1 <= int(month) <= 12 else month
    return f"{int(day)} {name} {year}, {stamp[11:19]} UTC"


def label(outcome: str) -> str:
    return LABELS.get(outcome, outcome)
