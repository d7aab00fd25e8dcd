# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSCAL: assessment results without a plan, every reference leads somewhere."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import common
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence.export.fleets import Json, sample_bundle


def assessment(run: Json) -> Json:
    made: Json = json.loads(exported(run, ["oscal"])["oscal.json"])["assessment-results"]
    return made


def everything(value: t.Any, key: str) -> t.Iterator[t.Any]:
    if isinstance(value, dict):
        for name, item in value.items():
            if name == key:
                yield item
            yield from everything(item, key)
    elif isinstance(value, list):
        for item in value:
            yield from everything(item, key)


def test_the_document_says_that_there_is_no_plan() -> None:
    made = assessment(sample_bundle())
    named = {resource["uuid"]: resource for resource in made["back-matter"]["resources"]}
    plan = named[made["import-ap"]["href"].lstrip("#")]
    assert plan["title"] == "No assessment plan"
    assert plan["description"].startswith("There is no assessment plan.")


def test_every_uuid_is_there_once_and_every_reference_leads_to_one() -> None:
    made = assessment(sample_bundle())
    uuids = list(everything(made, "uuid"))
    assert len(uuids) == len(set(uuids))
    assert all(
        re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in uuids
    )
    for key in ("subject-uuid", "observation-uuid", "risk-uuid"):
        assert set(everything(made, key)) <= set(uuids)
    assert {each.lstrip("#") for each in everything(made, "href")} <= set(uuids)


def test_only_our_own_controls_are_said_to_be_satisfied() -> None:
    run = sample_bundle()
    findings = assessment(run)["results"][0]["findings"]
    ours = {finding["id"] for _host, _result, finding in common.findings(run)}
    assert {finding["target"]["target-id"] for finding in findings} == ours
    by_control: t.Dict[str, t.Set[str]] = {}
    for _host, _result, finding in common.findings(run):
        by_control.setdefault(finding["id"], set()).add(finding["result"])
    for finding in findings:
        good = by_control[finding["target"]["target-id"]] <= {"pass", "fixed", "notapplicable"}
        assert finding["target"]["status"]["state"] == ("satisfied" if good else "not-satisfied")
    proposed = [prop for prop in findings[0]["props"] if prop["class"] == "hipaa_nprm_2024"]
    assert [prop["remarks"] for prop in proposed] == ["HIPAA Security Rule NPRM, proposed; supports."]


def test_hosts_without_a_result_are_an_observation_and_waivers_are_risks() -> None:
    result = assessment(sample_bundle())["results"][0]
    assert [each["title"] for each in result["observations"][0]["subjects"]] == ["down", "early"]
    assert {risk["status"] for risk in result["risks"]} == {"deviation-approved"}
    assert {risk["deadline"] for risk in result["risks"]} == {"2026-12-12T00:00:00Z"}
