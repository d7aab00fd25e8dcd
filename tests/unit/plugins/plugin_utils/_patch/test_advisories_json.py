# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A JSON text that is walked member by member, however it is divided, and what is wrong with one."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_json
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.advisories_json import Broken, Cut, Reader

DATA = {"a": [1, -2.5e3, None, True], "b": {"name": 'a "quoted" \\ ü'}, "c": "", "d": [], "e": {}}


def reader(text: str) -> Reader:
    return Reader(io.StringIO(text))


def members(text: str) -> dict[str, Any]:
    """Return an object as the members of a reader make it, each value taken in one piece."""
    source = reader(text)
    made = {name: source.value() for name in source.members()}
    source.finish()
    return made


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("size", range(1, 24))
def test_where_the_text_is_divided_does_not_matter(monkeypatch: pytest.MonkeyPatch, size: int, indent: Any) -> None:
    monkeypatch.setattr(advisories_json, "CHUNK", size)
    assert members(json.dumps(DATA, indent=indent, ensure_ascii=False)) == DATA


def test_a_list_is_walked_item_by_item_and_an_object_inside_it_is_walked_too() -> None:
    source = reader('[{"a": 1}, {"a": 2}]')
    values = []
    for _item in source.items():
        assert source.peek() == "{"
        values += [(name, source.value()) for name in source.members()]
    source.finish()
    assert values == [("a", 1), ("a", 2)]


@pytest.mark.parametrize("length", range(len('{"a": [1, "b"], "c": tru')))
def test_a_text_that_is_cut_anywhere_is_told_as_cut(length: int) -> None:
    with pytest.raises(Cut, match="ends in the middle"):
        members('{"a": [1, "b"], "c": tru'[:length])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        pytest.param("[1]", "an object is wanted at character 0", id="a list"),
        pytest.param('{"a" 1}', "a colon is wanted at character 5", id="no colon"),
        pytest.param('{"a": 1 "b": 2}', "a comma or '}' is wanted at character 8", id="no comma"),
        pytest.param("{1: 2}", "a name is wanted", id="no name"),
        pytest.param('{"a": ,}', "it is no JSON at character 6", id="no value"),
        pytest.param('{"a": 1} x', "something follows its end, at character 9", id="something after it"),
        pytest.param('{"a": ' + "[" * 100_000, "too deep", id="too deep"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(text: str, match: str) -> None:
    with pytest.raises(Broken, match=match):
        members(text)


def test_a_value_that_never_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories_json, "CHUNK", 10)
    monkeypatch.setattr(advisories_json, "LONGEST", 100)
    with pytest.raises(Broken, match="the value at character 6 does not end"):
        members('{"a": "' + "x" * 1000)
