# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the configurations of a host mean, in the words of every other finding."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.expected import SECRET
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import standing
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import configuration_findings, record
from unit_tests.plugin_utils._evidence import system_samples
from unit_tests.plugin_utils._evidence.system_samples import CHANGE, DRIFT


@pytest.mark.parametrize(
    ("known", "check_mode", "outcome", "reason"),
    [
        pytest.param({}, False, "pass", "", id="as configured"),
        pytest.param({"changed": True}, False, "fixed", "", id="changed"),
        pytest.param({"changed": True}, True, "fail", "a run would change it", id="would change"),
        pytest.param(
            {"drift": [DRIFT], "changed": True},
            True,
            "fail",
            "file /etc/haproxy/haproxy.cfg, mode: 0666 instead of 0640, changed by somebody since 2026-11-22T14:00:00Z",
            id="drifted",
        ),
        pytest.param(
            {"restarts_due": ["orthanc.service"], "changed": True},
            False,
            "deferred",
            "runs with older files until it is restarted in its drain: orthanc.service",
            id="held",
        ),
        pytest.param({"errors": ["unreadable"], "drift": [DRIFT]}, False, "error", "unreadable", id="unknown"),
    ],
)
def test_the_most_pressing_decides(known: dict[str, Any], check_mode: bool, outcome: str, reason: str) -> None:
    finding = configuration_findings.finding(standing("gateway", **known), check_mode)
    assert (finding["result"], finding["reason"]) == (outcome, reason)
    assert finding["id"] == "configuration_gateway"
    assert finding["title"] == "The system gateway is as it was configured"
    assert finding["subject"] == "configuration gateway"


def test_before_and_after_say_what_became_of_it() -> None:
    values = [
        (finding["before"], finding["after"])
        for known in ({}, {"changed": True}, {"drift": [DRIFT]})
        for finding in [configuration_findings.finding(standing("gateway", **known), False)]
    ]
    assert values == [
        ("as configured", "as configured"),
        ("otherwise", "as configured"),
        ("1 otherwise", "1 otherwise"),
    ]


def test_of_much_drift_the_first_is_named_and_the_rest_counted() -> None:
    many = [{**DRIFT, "subject": f"file /etc/{number}"} for number in range(40)]
    reason = configuration_findings.finding(system_samples.drifted("gateway", *many), True)["reason"]
    assert reason.count("instead of") == 12
    assert reason.endswith("; and 28 more")


def test_digests_are_not_read_out() -> None:
    content = {**DRIFT, "entry": "content", "set": f"sha256 {'a' * 64}", "now": f"sha256 {'b' * 64}", "since": ""}
    reason = configuration_findings.finding(system_samples.drifted("gateway", content), True)["reason"]
    assert reason == "file /etc/haproxy/haproxy.cfg, content, changed by somebody since"


def test_nothing_of_what_is_said_is_taken_for_a_secret() -> None:
    hidden = {**DRIFT, "entry": SECRET, "set": "as configured", "now": "differs"}
    made = record.clean_result(system_samples.audited(system_samples.drifted("gateway", hidden)), "a")
    assert "redacted" not in str(made["configurations"])
    (finding,) = [finding for finding in made["findings"] if finding["kind"] == "configuration"]
    assert "content not shown: differs instead of as configured" in finding["reason"]


def test_a_later_run_of_ours_is_named_with_its_id() -> None:
    ours = {**DRIFT, "reason": "changed by the later run h2", "run_id": "h2"}
    reason = configuration_findings.finding(system_samples.drifted("gateway", ours), True)["reason"]
    assert reason.endswith("instead of 0640, changed by the later run h2")


def test_only_named_keys_are_evidence() -> None:
    result = system_samples.configured(password="hush")
    result["configurations"][0]["drift"] = [{**DRIFT, "content": "hush"}]
    result["changes"] = [{**CHANGE, "content": "hush"}]
    (made,) = configuration_findings.evidence_of(result)
    assert "hush" not in str(made)
    assert (made["changes"], made["drift"]) == ([CHANGE], [DRIFT])


def test_what_a_playbook_says_of_a_failure_need_not_be_whole() -> None:
    (made,) = configuration_findings.evidence_of({"configurations": [{"name": "page", "errors": ["no template"]}]})
    assert configuration_findings.finding(made, False)["result"] == "error"


def test_the_changes_of_hardening_are_not_those_of_a_system() -> None:
    audited = {**system_samples.audited(system_samples.drifted()), "changes": [CHANGE]}
    assert [made["changes"] for made in configuration_findings.evidence_of(audited)] == [[]]


def test_a_second_look_takes_the_place_of_the_first() -> None:
    base = {"check_mode": False, "findings": [], "configurations": [standing("gateway", changed=True)]}
    once = configuration_findings.with_findings(base)
    assert configuration_findings.with_findings(once) == once
    assert once["summary"]["fixed"] == 1
