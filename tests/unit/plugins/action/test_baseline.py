# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: what the host said and what the controller knows, joined and counted."""

from __future__ import annotations

from typing import Any, Dict

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action.baseline import judged, reverted
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import Selection

KNOWN = {name: {"title": f"Title of {name}", "severity": "high", "references": []} for name in ("one", "two", "three")}


def selection() -> Selection:
    return Selection(
        tier="standard",
        controls=(),
        metadata=KNOWN,
        skipped={"three": "The vendor forbids it."},
        digest="sha256:0",
        warnings=("mind this",),
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
    assert not told.get("failed")


@pytest.mark.parametrize(("check_mode", "failed"), [(False, True), (True, False)])
def test_an_error_fails_a_run_and_not_an_audit(check_mode: bool, failed: bool) -> None:
    told = judged({**found("pass", "error"), "check_mode": check_mode}, selection())
    assert told.get("failed", False) == failed
    assert ("two: because" in told["msg"]) == failed


def test_a_failed_module_keeps_its_own_words() -> None:
    told = judged({"failed": True, "msg": "The disk is full."}, selection())
    assert (told["failed"], told["msg"], told["tier"]) == (True, "The disk is full.", "standard")


def test_reverts_are_counted() -> None:
    result = {"restored": [{}, {}], "reverted_run_id": "e1", "check_mode": False}
    assert reverted(result)["msg"] == "Run e1: 2 things put back"
    assert reverted({**result, "check_mode": True})["msg"] == "Run e1: 2 things would be put back"
    assert reverted({"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}
