# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What values mean and which is the stricter: nought and never are no small numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.measures import (
    MEASURES,
    Parts,
    compare,
    describe_wanted,
)


@pytest.mark.parametrize(
    ("op", "value", "wanted", "accept", "fine"),
    [
        ("equal", "yes", True, (), True),
        ("equal", "1", 1, (), True),
        ("equal", "01", 1, (), False),
        ("equal", "2", 1, (2,), True),
        ("at_most", "4", 4, (), True),
        ("at_most", "5", 4, (), False),
        ("at_most", "", 4, (), False),
        ("at_most", "none", 4, ("none",), True),
        ("at_least", "4", 4, (), True),
        ("at_least", "-1", 4, (), False),
        ("at_least", "4.5", 4, (), False),
        ("up_to", "0", 4, (), False),
        ("up_to", "1", 4, (), True),
    ],
)
def test_compare(op: str, value: str, wanted: Any, accept: Sequence[Any], fine: bool) -> None:
    assert compare(op, value, wanted, accept) == fine


@pytest.mark.parametrize(
    ("measure", "op", "value", "wanted", "fine"),
    [
        ("seconds_or_never", "at_least", "0", 900, True),
        ("seconds_or_never", "at_least", "never", 900, True),
        ("seconds_or_never", "at_least", "899", 900, False),
        ("seconds_or_never", "at_least", "later", 900, False),
        ("mode", "at_least", "077", "027", True),
        ("mode", "at_least", "0137", "027", True),
        ("mode", "at_least", "022", "027", False),
        ("mode", "at_most", "0500", "0700", True),
        ("mode", "at_most", "0701", "0700", False),
        ("mode", "equal", "700", "0700", True),
        ("mode", "at_most", "u=rwx", "0700", False),
        ("login_mode", "at_least", "077", "027", True),
        ("login_mode", "at_least", "77", "027", False),
        ("login_mode", "at_most", "700", "0700", False),
        ("login_number", "at_most", "0x2", 3, True),
        ("login_number", "at_most", "010", 7, False),
        ("login_number", "at_most", "08", 7, False),
        ("adduser_mode", "at_most", "0700 # of the site", "0700", True),
        ("adduser_mode", "at_most", "750", "0700", False),
        ("systemd_bytes_or_endless", "at_most", "2048M", "4G", True),
        ("systemd_bytes_or_endless", "at_most", "1G 512M", "1536M", True),
        ("systemd_bytes_or_endless", "at_most", "4.5G", "4G", False),
        ("systemd_bytes_or_endless", "at_most", "0", "4G", False),
        ("systemd_bytes", "at_least", "2G", "1G", True),
        ("systemd_bytes", "at_least", "0", "1G", False),
        ("systemd_seconds_or_endless", "at_most", "2week", "1month", True),
        ("systemd_seconds_or_endless", "at_most", "0", "1month", False),
        ("systemd_seconds_or_endless", "at_most", "infinity", "1month", False),
        ("systemd_seconds_or_endless", "at_most", "1min 30s", 90, True),
        ("systemd_boolean", "equal", "ON", True, True),
        ("systemd_boolean", "equal", "f", True, False),
        ("apt_boolean", "equal", "without", False, True),
        ("apt_boolean", "equal", "0", False, True),
        ("apt_boolean", "equal", "perhaps", False, False),
        ("login_boolean", "equal", "YES", True, True),
        ("login_boolean", "equal", "true", False, True),
        ("sudo_minutes", "at_most", "2.5", 5, True),
        ("sudo_minutes", "at_most", "-0.1", 5, False),
        ("sudo_minutes", "at_most", "-0", 5, True),
        ("sudo_minutes", "up_to", "0", 5, False),
        ("sudo_minutes", "up_to", ".5", 5, True),
        ("password_hash", "at_least", "YESCRYPT", "SHA512", True),
        ("password_hash", "at_least", "MD5", "SHA512", False),
        ("password_hash", "at_least", "sha512", "SHA512", False),
    ],
)
def test_values_of_programs_are_ordered_by_what_they_mean(
    measure: str, op: str, value: str, wanted: Any, fine: bool
) -> None:
    assert compare(op, value, wanted, (), measure) == fine


@pytest.mark.parametrize("measure", sorted(MEASURES))
def test_what_no_program_takes_has_no_place_in_an_order(measure: str) -> None:
    value = MEASURES[measure].read("\u0661 x")
    assert value == (0.0 if measure == "login_boolean" else None)  # there each word but yes is no


def test_without_end_is_more_than_any_number() -> None:
    assert MEASURES["seconds_or_never"].read("never") == math.inf
    assert MEASURES["systemd_seconds"].read("infinity") == math.inf
    assert MEASURES["sudo_minutes"].read("-1") == math.inf


STARTS, REKEY = Parts(":", ("at_most", "at_least", "at_most")), Parts(" ", ("up_to", "up_to"))


@pytest.mark.parametrize(
    ("parts", "value", "limits", "within", "strictest"),
    [
        (STARTS, "10:30:60", "10:30:60", True, "10:30:60"),
        (STARTS, "5:10:60", "10:30:60", True, "5:30:60"),
        (STARTS, "5:50:100", "10:30:60", False, "5:50:60"),
        (STARTS, "none", "10:30:60", False, "10:30:60"),
        (REKEY, "536870912 1800", "1073741824 3600", True, "536870912 1800"),
        (REKEY, "536870912 0", "1073741824 3600", False, "536870912 3600"),
        (REKEY, "0 0", "1073741824 3600", False, "1073741824 3600"),
    ],
)
def test_of_several_numbers_each_keeps_what_is_stricter(
    parts: Parts, value: str, limits: str, within: bool, strictest: str
) -> None:
    assert parts.within(value, limits) == within
    assert parts.strictest(value, limits) == strictest


def test_a_wanted_value_in_words() -> None:
    assert [describe_wanted("equal", True), describe_wanted("at_most", 4), describe_wanted("equal", 1, (2, 3))] == [
        "yes",
        "at most 4",
        "1 or 2 or 3",
    ]
