# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Heimdall's format: one document a host, nothing better than it is."""

from __future__ import annotations

import json
import typing as t
from collections import Counter

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import hdf
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import samples, shapes
from unit_tests.plugin_utils._evidence.export.fleets import Json, sample_bundle


def documents(run: Json) -> t.Dict[str, Json]:
    return {path: json.loads(data) for path, data in exported(run, ["hdf"]).items()}


def test_each_host_has_a_document_of_the_shape_that_readers_ask_for() -> None:
    made = documents(sample_bundle())
    assert sorted(made) == sorted(
        f"hdf/{name}.json" for name in ("down", "early", *(samples.host_name(number) for number in range(3)))
    )
    assert [problem for document in made.values() for problem in shapes.problems(document, "hdf-exec-json.yml")] == []


def as_heimdall_counts(document: Json) -> t.Counter[str]:
    """The status of each control by the rules of the format's own reader."""
    counted: t.Counter[str] = Counter()
    for control in document["profiles"][0]["controls"]:
        told = [result["status"] for result in control["results"]]
        if "error" in told:
            counted["Profile Error"] += 1
        elif control.get("waiver_data", {}).get("skipped_due_to_waiver") or control["impact"] == 0:
            counted["Not Applicable"] += 1
        else:
            counted[{"failed": "Failed", "passed": "Passed", "skipped": "Not Reviewed"}[told[0]]] += 1
    return counted


def test_heimdall_shows_nothing_better_than_it_is() -> None:
    run = sample_bundle()
    host = samples.host_name(1)
    counted = Counter(finding["result"] for finding in run["hosts"][host]["findings"])
    assert min(counted.values()) > 0
    assert as_heimdall_counts(documents(run)[f"hdf/{host}.json"]) == {
        "Passed": counted["pass"] + counted["fixed"],
        "Failed": counted["fail"] + counted["deferred"] + counted["waived"],
        "Profile Error": counted["error"],
        "Not Reviewed": counted["notchecked"],
        "Not Applicable": counted["notapplicable"],
    }
    assert as_heimdall_counts(documents(run)["hdf/down.json"]) == {"Profile Error": 1}


def test_a_waiver_stands_beside_what_was_judged() -> None:
    controls = documents(sample_bundle())["hdf/imaging-archive-01.json"]["profiles"][0]["controls"]
    (waived,) = [control for control in controls if "waiver_data" in control]
    assert waived["results"][0]["status"] == "failed"
    assert waived["waiver_data"]["expiration_date"] == "2026-12-12"
    assert waived["waiver_data"]["skipped_due_to_waiver"] is False


def test_nist_ids_are_spelled_as_heimdall_knows_them() -> None:
    assert hdf.nist(samples.finding(0, 0)) == ["AC-6 (2)", "IA-2", "Rev_5"]
    assert hdf.nist({"references": []}) == []
