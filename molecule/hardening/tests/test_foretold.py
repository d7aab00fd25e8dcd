# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What check mode foretold is what the run did, to the word; after it there is nothing left to do."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outside
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host


@pytest.fixture(name="results")
def fixture_results(host: Host) -> list[dict[str, Any]]:
    """The results of check, converge, idempotence and check, in this order."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "results")
    name = outside.name(host)
    paths = [folder / f"{name}-{n}-{kind}.json" for n, kind in enumerate(("check", "run", "run", "check"))]
    return [json.loads(path.read_text("utf-8")) for path in paths]


def test_prediction_is_what_happens(results: list[dict[str, Any]]) -> None:
    foretold, done = results[0]["changes"], results[1]["changes"]
    assert len(done) > 50
    assert foretold == done


def test_diff_shows_every_change(results: list[dict[str, Any]]) -> None:
    shown = [one["before_header"] for one in results[0]["diff"]]
    assert shown == [change["subject"] for change in results[0]["changes"]]


def test_findings_end_as_foretold(results: list[dict[str, Any]]) -> None:
    """What was foretold as failing is fixed or, with its reason, left; nothing else changes its result."""
    for before, after in zip(results[0]["findings"], results[1]["findings"]):
        wanted = (
            "fail" if before["result"] == "fail" and before["reason"] else before["result"].replace("fail", "fixed")
        )
        assert (after["id"], after["result"]) == (before["id"], wanted), after["reason"]


@pytest.mark.parametrize("number", [2, 3], ids=["second run", "check after it"])
def test_nothing_is_left_to_do(results: list[dict[str, Any]], number: int) -> None:
    assert results[number]["changes"] == []
    assert results[number]["changed"] is False
    assert results[number]["summary"]["fixed"] == 0
