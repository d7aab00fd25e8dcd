# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OCSF: every line is a compliance finding."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import shapes
from unit_tests.plugin_utils._evidence.export.fleets import Json, result_counts, sample_bundle


def events(run: Json) -> t.List[Json]:
    return [json.loads(line) for line in exported(run, ["ocsf"])["ocsf.jsonl"].splitlines()]


def test_each_line_is_a_compliance_finding() -> None:
    run = sample_bundle()
    made = events(run)
    assert len(made) == sum(result_counts(run).values()) + 2
    assert [problem for event in made for problem in shapes.problems(event, "ocsf-1.5.0-compliance-finding.yml")] == []
    assert {event["metadata"]["version"] for event in made} == {"1.5.0"}
    assert len({event["finding_info"]["uid"] for event in made}) == len(made)


def test_what_is_unknown_is_no_pass_and_what_was_waived_is_suppressed() -> None:
    by_code = {event["compliance"]["status_code"]: event for event in events(sample_bundle())}
    assert set(by_code) == {
        "noresult",
        "error",
        "fail",
        "deferred",
        "waived",
        "fixed",
        "pass",
        "notchecked",
        "notapplicable",
    }
    passing = {code for code, event in by_code.items() if event["compliance"]["status_id"] == 1}
    assert passing == {"pass", "fixed"}
    assert (by_code["waived"]["status"], by_code["waived"]["compliance"]["status"]) == ("Suppressed", "Fail")
    assert by_code["noresult"]["severity"] == "High"
