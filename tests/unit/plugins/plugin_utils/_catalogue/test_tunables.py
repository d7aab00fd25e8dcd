# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunables: what a site chooses, within the range that the catalogue sets, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, List

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load as catalogue
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import tunables
from unit_tests.plugin_utils._catalogue.catalogues import TRIES, edit, good, make, message_of, refusal


@pytest.mark.parametrize(
    "given", [pytest.param(3, id="a number"), pytest.param("3", id="a number as -e hands it over")]
)
def test_a_site_chooses_a_value(tmp_path: Path, given: Any) -> None:
    selection = catalogue.select(good(tmp_path), "essential", {"tries": given})
    assert selection.controls[0]["settings"]["value"] == 3
    assert isinstance(selection.controls[0]["settings"]["value"], int)


BAD_TUNABLES = [
    pytest.param(
        edit(TRIES, "default: 4", "default: 9"),
        ["tunables.tries.default", "saw 9", "a whole number from 1 to 6"],
        id="default outside its range",
    ),
    pytest.param(
        edit(TRIES, "default: 4", 'default: "4"'),
        ["tunables.tries.default", "saw '4'", "a whole number from 1 to 6"],
        id="default of another type",
    ),
    pytest.param(edit(TRIES, "min: 1, ", ""), ["tunables.tries.type", "without a range", "min and max"], id="no range"),
    pytest.param(edit(TRIES, "min: 1, ", "mni: 1, "), ["tunables.tries.mni", "did you mean min?"], id="unknown key"),
    pytest.param(
        edit(TRIES, "type: int", "type: number"),
        ["tunables.tries.type", "saw 'number'", "int, str, bool, list"],
        id="unknown type",
    ),
    pytest.param(
        edit(TRIES, ", about: Attempts in one connection.", ""),
        ["tunables.tries.about", "missing key"],
        id="no explanation",
    ),
    pytest.param(
        edit(TRIES, "    tries: {type", "    Tries: {type"), ["tunables.Tries", "not a tunable's name"], id="bad name"
    ),
    pytest.param(
        edit(TRIES, "value: {tunable: tries}", "value: 3"),
        ["tunables.tries", "no control uses the tunable"],
        id="used by nobody",
    ),
    pytest.param(
        edit(TRIES, "max: 6", "max: 6, choices: [4]"),
        ["tunables.tries.choices", "means nothing for type int"],
        id="range of another type",
    ),
    pytest.param(
        edit(TRIES, "{type: int, default: 4, min: 1, max: 6,", "{type: str, default: x, pattern: '[',"),
        ["tunables.tries.pattern", "not a regular expression"],
        id="broken pattern",
    ),
]


@pytest.mark.parametrize(("text", "told"), BAD_TUNABLES)
def test_a_bad_tunable_is_refused_with_file_control_and_key(tmp_path: Path, text: str, told: List[str]) -> None:
    make(tmp_path, {"ssh.yml": text})
    message = message_of([tmp_path])
    for part in (f"{tmp_path}/controls/ssh.yml:", "control sshd_tries", *told):
        assert part in message


def test_a_tunable_that_is_defined_twice_names_both_places(tmp_path: Path) -> None:
    second = edit(edit(TRIES, "sshd_tries", "sshd_more"), "MaxAuthTries", "MaxSessions")
    make(tmp_path, {"a.yml": TRIES, "b.yml": second})
    message = message_of([tmp_path])
    for part in ("b.yml:11: control sshd_more: tunables.tries", "defined twice", "control sshd_tries", "a.yml:11"):
        assert part in message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(
            {"tries": 9},
            ["hardening_tunables: control sshd_tries: tries: saw 9", "a whole number from 1 to 6"],
            id="out of range",
        ),
        pytest.param({"tries": True}, ["tries: saw true", "a whole number from 1 to 6"], id="wrong type"),
        pytest.param({"tries": "many"}, ["tries: saw 'many'", "a whole number from 1 to 6"], id="text"),
        pytest.param({"tires": 3}, ["hardening_tunables: tires: unknown tunable", "did you mean tries?"], id="unknown"),
        pytest.param(["tries"], ["hardening_tunables", "a mapping of tunable to value"], id="no mapping"),
    ],
)
def test_a_bad_value_of_the_site_is_refused(tmp_path: Path, given: Any, told: List[str]) -> None:
    message = refusal(good(tmp_path), tunables=given)
    for part in told:
        assert part in message


def test_every_use_is_found_and_replaced_by_its_value() -> None:
    settings = {"option": "MaxAuthTries", "value": {"tunable": "tries"}, "op": "at_most", "more": {"tunable": "more"}}
    assert tunables.uses(settings) == {"tries", "more"}
    assert tunables.resolve(settings, {"tries": 3, "more": ["a"]}) == {
        "option": "MaxAuthTries",
        "value": 3,
        "op": "at_most",
        "more": ["a"],
    }


def test_what_may_be_chosen_is_said_in_words(tmp_path: Path) -> None:
    tries = good(tmp_path).tunables["tries"]
    assert tries.range() == "a whole number from 1 to 6"
    assert [tries.not_allowed(value) for value in (1, 6)] == ["", ""]
    assert [tries.not_allowed(value) for value in (0, 7, "3")] == [tries.range()] * 3


def test_plain_values_have_no_lines_and_no_subclasses() -> None:
    class Tagged(str):
        pass

    made = tunables.plain({Tagged("a"): (Tagged("b"), True, 3, None)})
    assert made == {"a": ["b", True, 3, None]}
    assert [type(value) for value in (*made, *made["a"])] == [str, str, bool, int, type(None)]
