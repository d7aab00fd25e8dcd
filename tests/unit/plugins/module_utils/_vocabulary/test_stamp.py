# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Moments as people, journals and evidence have them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import (
    format_stamp,
    parse_stamp,
    stamp_of,
)

MOMENT = datetime(2026, 11, 25, 8, 0, 0, tzinfo=timezone.utc)


def test_a_stamp_is_read_back_as_the_moment_that_it_was_made_of() -> None:
    assert format_stamp(MOMENT) == "2026-11-25T08:00:00Z"
    assert parse_stamp(format_stamp(MOMENT)) == MOMENT


def test_another_time_zone_is_told_in_utc() -> None:
    assert format_stamp(MOMENT.astimezone(timezone(timedelta(hours=-5)))) == "2026-11-25T08:00:00Z"


def test_seconds_since_1970_are_told_without_their_fraction() -> None:
    assert stamp_of(0.0) == "1970-01-01T00:00:00Z"
    assert stamp_of(MOMENT.timestamp() + 0.999) == "2026-11-25T08:00:00Z"


@pytest.mark.parametrize("text", ["", "2026-11-25", "2026-11-25T08:00:00", "2026-11-25T08:00:00+01:00"])
def test_what_is_no_stamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"does not match|unconverted"):
        parse_stamp(text)
