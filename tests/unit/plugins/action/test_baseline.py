# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: what the host said and what the controller knows, joined and counted."""

from __future__ import annotations

from datetime import date
from typing import Any, Dict, Sequence

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action import baseline
from ansible_collections.healthops.clinical.plugins.action.baseline import reverted
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._profiles import Choice
from ansible_collections.healthops.clinical.plugins.plugin_utils._waivers import Waiver

KNOWN = {name: {"title": f"Title of {name}", "severity": "high", "references": []} for name in ("one", "two", "three")}


TODAY = date(2026, 11, 25)
WAIVER = Waiver(1, "two", date(2026, 12, 1), {"ticket": "T-1", "owner": "I", "expires": "2026-12-01"}, None, None)


def judged(result: Dict[str, Any], wanted: Selection, waivers: Sequence[Waiver] = ()) -> Dict[str, Any]:
    return baseline.judged(result, baseline.Measure(wanted, waivers, Choice(), TODAY))


def selection() -> Selection:
    return Selection(
        tier="standard",
        controls=(),
        metadata=KNOWN,
        skipped={"three": "The vendor forbids it."},
        digest="sha256:0",
        warnings=("mind this",),
        frameworks={"hipaa": {"title": "HIPAA", "status": "law"}},
    )


def found(*results: str) -> Dict[str, Any]:
    names = list(KNOWN)
    findings = [{"id": names[n], "result": word, "reason": "because"} for n, word in enumerate(results)]
    return {"changed": False, "check_mode": False, "findings": findings, "warnings": ["the host's own"]}


def test_findings_are_joined_with_their_metadata_in_the_catalogues_order() -> None:
    result = found("pass", "fixed")
    result["findings"].reverse()
    told = judged(result, selection())
    assert [finding["id"] for finding in told["findings"]] == ["one", "two", "three"]
    assert told["findings"][0]["title"] == "Title of one"
    assert told["findings"][2]["result"] == "notchecked"
    assert told["findings"][2]["reason"] == "Skipped: The vendor forbids it."
    assert told["summary"]["pass"] == told["summary"]["fixed"] == told["summary"]["notchecked"] == 1
    assert told["summary"]["error"] == 0
    assert told["msg"] == "3 controls of tier standard: 1 pass, 1 fixed, 1 notchecked"
    assert told["catalogue"] == {"digest": "sha256:0", "controls": 3}
    assert told["warnings"] == ["the host's own", "mind this"]
    assert told["frameworks"] == {"hipaa": {"title": "HIPAA", "status": "law"}}
    assert not told.get("failed")


@pytest.mark.parametrize(("check_mode", "failed"), [(False, True), (True, False)])
def test_an_error_fails_a_run_and_not_an_audit(check_mode: bool, failed: bool) -> None:
    told = judged({**found("pass", "error"), "check_mode": check_mode}, selection())
    assert told.get("failed", False) == failed
    assert ("two: because" in told["msg"]) == failed


def test_waivers_stand_with_the_result_and_are_counted() -> None:
    told = judged(found("pass", "waived"), selection(), [WAIVER])
    assert told["findings"][1]["waiver"]["days_left"] == 6
    assert [(waiver["control"], waiver["used"], waiver["expired"]) for waiver in told["waivers"]] == [
        ("two", True, False)
    ]
    assert told["summary"]["waived"] == 1
    assert not told.get("failed")


def test_a_waiver_that_is_not_used_is_warned_of() -> None:
    assert "is not used: the host complies" in judged(found("pass", "pass"), selection(), [WAIVER])["warnings"][-1]


def test_a_run_that_found_nothing_shows_its_waivers() -> None:
    told = judged({"failed": True, "msg": "The disk is full."}, selection(), [WAIVER])
    assert [(waiver["control"], waiver["used"]) for waiver in told["waivers"]] == [("two", False)]


def test_a_failed_module_keeps_its_own_words() -> None:
    told = judged({"failed": True, "msg": "The disk is full."}, selection())
    assert (told["failed"], told["msg"], told["tier"]) == (True, "The disk is full.", "standard")


def test_reverts_are_counted() -> None:
    result = {"restored": [{}, {}], "reverted_run_id": "e1", "check_mode": False}
    assert reverted(result)["msg"] == "Run e1: 2 things put back"
    assert reverted({**result, "check_mode": True})["msg"] == "Run e1: 2 things would be put back"
    assert reverted({"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}
