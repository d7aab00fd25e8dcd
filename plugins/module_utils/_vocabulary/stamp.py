# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments in UTC as people, journals and evidence have them: ``2026-11-25T08:00:00Z``. Formatted and read only here."""

from __future__ import annotations

from datetime import datetime, timezone

FORM = "%Y-%m-%dT%H:%M:%SZ"


def format_stamp(moment: datetime) -> str:
    """Return a moment, which knows its time zone, as a stamp in UTC."""
    return moment.astimezone(timezone.utc).strftime(FORM)


def stamp_of(seconds: float) -> str:
    """Return a moment, given in seconds since 1970 (``Host.now``), as a stamp."""
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime(FORM)


def parse_stamp(text: str) -> datetime:
    """Return the moment that a stamp names; raises ValueError where it is none."""
    return datetime.strptime(text, FORM).replace(tzinfo=timezone.utc)
