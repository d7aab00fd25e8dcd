# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of data: what a table of fields allows, and the one form that every message has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import checks, strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import Field, Place, Problem, Problems

PLACE = Place(Path("some.yml"), "control first", "settings.")
FIELDS = {
    "level": Field("str", True, choices=("low", "high")),
    "names": Field("texts", pattern="[a-z]+"),
    "count": Field("int"),
}


def faults(data: Any) -> list[str]:
    """Return the messages about data of these fields, of which check() has to say that there are any."""
    problems = Problems()
    assert checks.check(data, FIELDS, PLACE, problems) is not bool(problems)
    return [str(problem) for problem in problems.items]


def test_good_data_has_no_problem() -> None:
    assert faults({"level": "low", "names": ["a", "b"], "count": 0}) == []
    assert faults({"level": "high"}) == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(
            {"level": "hihg"},
            "some.yml: control first: settings.level: saw 'hihg'; did you mean high?; allowed: one of low, high",
            id="outside the choices",
        ),
        pytest.param(
            {"level": "low", "cuont": 1},
            "some.yml: control first: settings.cuont: unknown key; did you mean count?; allowed: count, level, names",
            id="unknown key",
        ),
        pytest.param(
            {}, "some.yml: control first: settings.level: missing key; allowed: one of low, high", id="missing key"
        ),
        pytest.param(
            {"level": "low", "count": True},
            "some.yml: control first: settings.count: saw true; allowed: a whole number",
            id="a boolean is no number",
        ),
        pytest.param(
            {"level": "low", "names": []},
            "some.yml: control first: settings.names: saw a list []; allowed: at least one item",
            id="empty list",
        ),
        pytest.param(
            {"level": "low", "names": ["a", "B"]},
            "some.yml: control first: settings.names: saw a list ['a', 'B']; "
            "allowed: a list of text (quote numbers) of the form [a-z]+",
            id="an item outside the pattern",
        ),
        pytest.param(
            ["low"],
            "some.yml: control first: settings: saw a list ['low']; allowed: a mapping with count, level, names",
            id="no mapping",
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_form(data: Any, message: str) -> None:
    assert faults(data) == [message]


def test_a_problem_names_the_line_where_the_data_knows_it() -> None:
    data = strict_yaml.YamlMapping(4)
    data.lines["count"] = 6
    assert str(PLACE.problem(data, "count", "odd")) == "some.yml:6: control first: settings.count: odd"
    assert str(PLACE.problem(data, "", "odd")) == "some.yml:4: control first: settings: odd"
    assert str(PLACE.problem({}, "count", "odd")) == "some.yml: control first: settings.count: odd"


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        ("any", [None, 1, ""], []),
        ("str", ["a"], ["", " ", 1]),
        ("int", [0, -1], ["1", True]),
        ("bool", [True], ["true", 1]),
        ("scalar", ["a", 1, False], [None, [], {}]),
        ("list", [["a", 1]], ["a", [[]], [None]]),
        ("texts", [["a"]], [["a", 1]]),
        ("map", [{}], [[]]),
        ("list_of_maps", [[{}]], [{}]),
    ],
)
def test_each_type_takes_its_own(kind: str, fitting: list[Any], others: list[Any]) -> None:
    assert [checks.not_allowed(value, Field(kind)) for value in fitting] == [""] * len(fitting)
    assert [checks.not_allowed(value, Field(kind)) for value in others] == [checks.describe(Field(kind))] * len(others)


def test_an_empty_list_is_taken_where_the_field_says_so() -> None:
    assert checks.not_allowed([], Field("list", may_be_empty=True)) == ""


def test_a_long_value_is_cut() -> None:
    assert checks.show("x" * 79) == "'" + "x" * 76 + "..."
    assert checks.show("x" * 78) == "'" + "x" * 78 + "'"


def problem(number: int) -> Problem:
    return Problem("some.yml", number, "", "", "odd")


def raised(problems: Problems) -> str:
    with pytest.raises(ClinicalError) as caught:
        problems.raise_if_any("Loading", "the data", "Correct it.")
    return str(caught.value)


def test_no_problem_raises_nothing() -> None:
    Problems().raise_if_any("Loading", "the data", "Correct it.")


def test_all_problems_are_raised_at_once_by_their_place() -> None:
    assert "some.yml:1: odd" in raised(Problems([problem(1)]))
    message = raised(Problems([problem(2), problem(1)]))
    assert "2 problems\n  some.yml:1: odd\n  some.yml:2: odd" in message
    assert message.endswith("Correct it.")


def test_many_problems_are_cut_and_counted() -> None:
    message = raised(Problems([problem(number) for number in range(1, 29)]))
    assert "28 problems" in message
    assert message.count(": odd") == checks.MOST_SHOWN == 25
    assert "and 3 more" in message


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        pytest.param("id: a\n", [], id="a mapping"),
        pytest.param("- a\n", ["{file}:1: saw a list ['a']; allowed: one thing (a mapping)"], id="a list"),
        pytest.param("id: a\nid: b\n", ["{file}:2: id: the key 'id' stands twice, first on line 1"], id="no such YAML"),
    ],
)
def test_a_file_that_holds_no_mapping_is_a_problem_of_one_line(tmp_path: Path, text: str, messages: list[str]) -> None:
    file = tmp_path / "thing.yml"
    file.write_text(text, encoding="utf-8")
    problems = Problems()
    data = checks.read_mapping(file, "one thing (a mapping)", problems)
    assert (data is None) == bool(messages)
    assert [str(problem) for problem in problems.items] == [message.format(file=file) for message in messages]
