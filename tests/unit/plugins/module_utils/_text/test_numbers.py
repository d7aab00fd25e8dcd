# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text.numbers import natural, ordered
from rooms import PLUGINS


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("1000", 1000), ("007", 7), ("4294967295", 4294967295)])
def test_digits_are_a_number(text: str, number: int) -> None:
    assert natural(text) == number


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "-1", "1_000", "0x1", "1.0", "\u0661", "\u00b2", "1\n", "9" * 20, "9" * 5000]
)
def test_anything_else_is_none(text: str) -> None:
    assert natural(text) is None


def test_numbers_of_any_length_are_ordered_by_size() -> None:
    digits = ["", "1", "9", "10", "09" * 3000, "9" * 6001]
    assert sorted(digits, key=ordered) == digits
    assert ordered("") == ordered("000")
    assert ordered("007") == ordered("7")


def test_no_source_asks_for_digits_of_every_script() -> None:
    others = [
        f"{path.relative_to(PLUGINS)}:{node.lineno}"
        for path in sorted(PLUGINS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("isdigit", "isdecimal", "isnumeric")
    ]
    assert others == [], "is_natural and natural of _text.numbers take what int takes"
