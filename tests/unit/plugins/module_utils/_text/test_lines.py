# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._text.lines import split_lines, split_lines_with_ends
from rooms import PLUGINS

#: What str.splitlines takes for the end of a line, and the C library does not.
NO_ENDS = "\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"


@pytest.mark.parametrize("character", NO_ENDS, ids=ascii)
def test_a_line_ends_at_a_newline_and_at_nothing_else(character: str) -> None:
    text = f"one{character}more\ntwo\n"
    assert split_lines(text) == [f"one{character}more", "two"]
    assert split_lines_with_ends(text) == [f"one{character}more\n", "two\n"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("\n", [""], id="an empty line"),
        pytest.param("a", ["a"], id="no newline at the end"),
        pytest.param("a\n\nb\n\n", ["a", "", "b", ""], id="empty lines"),
    ],
)
def test_lines_are_counted_as_before(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines == text.splitlines()
    assert split_lines_with_ends(text) == text.splitlines(keepends=True)
    assert "".join(split_lines_with_ends(text)) == text


def test_no_source_splits_lines_in_another_way() -> None:
    others = [
        f"{path.relative_to(PLUGINS)}:{node.lineno}"
        for path in sorted(PLUGINS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "splitlines"
    ]
    assert others == [], "split_lines of _text.lines splits as the C library does"
