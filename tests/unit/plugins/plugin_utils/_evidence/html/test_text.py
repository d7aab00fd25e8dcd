# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the report words values, times and results."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "—"),
        ("", "(empty)"),
        (" \n", "(empty)"),
        (0, "0"),
        (False, "false"),
        (["b", 1], '["b", 1]'),
        ("a\x00b\x1b[31m", "a\\x00b\\x1b[31m"),
        ("caf\udce9", "caf\\xdce9"),
        ("abc\u202etxt", "abc\\x202etxt"),
        ("a\nb\tc", "a\nb\tc"),
    ],
    ids=["none", "empty", "blank", "zero", "false", "list", "control", "bytes", "turned", "lines"],
)
def test_values_for_people(value: t.Any, shown: str) -> None:
    assert text.show(value) == shown


def test_long_values_are_cut_and_say_so() -> None:
    assert text.show("x" * 5000).endswith("… (1000 more characters in run.json)")


def test_moments() -> None:
    assert text.moment("2026-11-02T15:00:09Z") == "2 November 2026, 15:00:09 UTC"
    assert text.moment(None) == "not known"
