# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others still find fault with is known, with a reason; what they praised before they still praise."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

LEVELS = ("minimal", "intermediary", "enhanced")
BAD = ("fail", "error", "unknown")
LISTED = yaml.safe_load(Path(__file__).parents[1].joinpath("files", "still_failing.yml").read_text("utf-8"))
KNOWN = {judge: [rule for one in listed for rule in one["rules"]] for judge, listed in LISTED.items()}


def judged(when: str) -> dict[str, Any]:
    path = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], f"judged-{when}.json")
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


BEFORE, AFTER = judged("before"), judged("after")


def failing(said: dict[str, Any], level: str) -> set[str]:
    return {rule for rule, result in said["openscap"][level].items() if result in BAD}


def suggested(said: dict[str, Any]) -> set[str]:
    return {test for test, _words in said["lynis"]["suggestions"]}


@pytest.mark.parametrize("level", LEVELS)
def test_every_failing_rule_is_known(level: str) -> None:
    assert failing(AFTER, level) - set(KNOWN["openscap"]) == set()


def test_every_known_rule_still_fails() -> None:
    assert set(KNOWN["openscap"]) - set[str]().union(*(failing(AFTER, level) for level in LEVELS)) == set()


@pytest.mark.parametrize("level", LEVELS)
def test_no_rule_that_passed_fails_now(level: str) -> None:
    passed = {rule for rule, result in BEFORE["openscap"][level].items() if result == "pass"}
    assert passed & failing(AFTER, level) == set()


@pytest.mark.parametrize("level", LEVELS)
def test_fewer_rules_fail(level: str) -> None:
    """More apply than before, because packages were installed; and yet fewer fail."""
    results = [list(said["openscap"][level].values()) for said in (BEFORE, AFTER)]
    print(
        {when: {word: one.count(word) for word in ("pass", "fail")} for when, one in zip(("before", "after"), results)}
    )
    assert results[1].count("pass") > results[0].count("pass")
    assert len(failing(AFTER, level)) < len(failing(BEFORE, level))


@pytest.mark.parametrize("judge", sorted(KNOWN))
def test_each_rule_has_one_reason(judge: str) -> None:
    assert sorted(set(KNOWN[judge])) == sorted(KNOWN[judge])


def test_lynis_warns_of_nothing() -> None:
    assert AFTER["lynis"]["warnings"] == []


def test_every_suggestion_of_lynis_is_known() -> None:
    print(BEFORE["lynis"]["index"], "->", AFTER["lynis"]["index"])
    assert suggested(AFTER) - set(KNOWN["lynis"]) == set()
    assert set(KNOWN["lynis"]) - suggested(AFTER) == set()


def test_lynis_thinks_better_of_the_host() -> None:
    # Two readings of one state differ by one.
    assert AFTER["lynis"]["index"] > BEFORE["lynis"]["index"] + 10
