# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch results as evidence: what is kept, what it means, what a manager reads, and every format of it."""

from __future__ import annotations

import json
import typing as t
from xml.etree import ElementTree

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS, exported
from unit_tests.plugin_utils._evidence import patch_samples, shapes
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record, patch_run


def words(result: patch_samples.Json) -> t.Dict[str, str]:
    return {finding["id"].replace("updates_", ""): finding["result"] for finding in patch_record(result)["findings"]}


GOOD = dict.fromkeys(("known", "exploited", "security", "other", "left_out", "in_use", "own_will"), "pass")


SERVE = {"services": "pass"}


LATE = {**patch_samples.NGINX, "days_left": -1}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        pytest.param(patch_samples.result(patch_samples.plan()), {}, id="nothing to do"),
        pytest.param(
            patch_samples.result(patch_samples.plan(patch_samples.OPENSSL, patch_samples.NGINX, patch_samples.TZDATA)),
            {"exploited": "fail", "security": "deferred", "other": "deferred"},
            id="late, in time, in time",
        ),
        pytest.param(patch_samples.result(patch_samples.plan(LATE)), {"security": "fail"}, id="late by a day"),
        pytest.param(
            patch_samples.result(patch_samples.plan({**patch_samples.NGINX, "security": None})),
            {"security": "deferred"},
            id="who knows",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(verdict="unknown")),
            dict.fromkeys(("known", "exploited", "security", "other"), "error"),
            id="nobody can tell",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(patch_samples.NGINX, verdict="unknown")),
            {"known": "error", "exploited": "error", "security": "deferred", "other": "error"},
            id="nobody can tell, and one waits",
        ),
        pytest.param(patch_samples.applied(), {"exploited": "fixed", "security": "fixed", **SERVE}, id="installed"),
        pytest.param(
            patch_samples.applied(failed=True, down=["nginx.service"], run_stage="applied"),
            {"exploited": "fixed", "security": "fixed", "services": "fail"},
            id="installed, and something is down since",
        ),
        pytest.param(
            patch_samples.applied(check_mode=True),
            {"exploited": "fail", "security": "deferred", **SERVE},
            id="a rehearsal installs none",
        ),
        pytest.param(
            patch_samples.applied(failed=True),
            {"exploited": "fail", "security": "deferred", **SERVE},
            id="a failure installs none",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(excluded=[patch_samples.HELD])),
            {"left_out": "waived"},
            id="for a time",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(held=[{**patch_samples.HELD, "expires": ""}])),
            {"left_out": "fail"},
            id="without end",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(held=[{**patch_samples.HELD, "expires": "", "security": False}])),
            {},
            id="no fix in it",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(reboot={"needed": True, "why": ["an old kernel runs"]})),
            {"in_use": "fail"},
            id="an old kernel",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(services=["nginx.service"])),
            {"in_use": "fail"},
            id="an old library",
        ),
        pytest.param(
            patch_samples.result(patch_samples.plan(own_will=["timers"])), {"own_will": "fail"}, id="by itself"
        ),
        pytest.param(patch_samples.rolled_back(), {"taken_back": "fail", **SERVE}, id="taken back, open again"),
        pytest.param(
            patch_samples.rolled_back(reopened=[]), {"taken_back": "fixed", **SERVE}, id="taken back, nothing open"
        ),
        pytest.param(
            patch_samples.rolled_back(check_mode=True), {"taken_back": "deferred", **SERVE}, id="would be taken back"
        ),
    ],
)
def test_what_a_plan_means(result: patch_samples.Json, told: t.Dict[str, str]) -> None:
    back = result["state"] == "rolled_back"
    assert words(result) == {**({"in_use": "pass"} if back else GOOD), **told}


def test_a_finding_names_packages_what_they_close_and_until_when() -> None:
    found = {
        finding["id"]: finding for finding in patch_record(patch_samples.fleet()["interface-engine-01"])["findings"]
    }
    assert found["updates_exploited"]["reason"] == (
        "past the deadline: libssl3 3.0.17-1~deb12u3 (CVE-2026-1001, CVE-2026-1002)"
    )
    assert found["updates_security"]["reason"] == (
        "until 2026-11-30: linux-image-6.1.0-41-amd64 6.1.158-1 "
        "(CVE-2026-2000, CVE-2026-2001, CVE-2026-2002 and 34 more), nginx 1.22.1-9+deb12u3 (CVE-2026-3001)"
    )
    many = [patch_samples.change(f"package{number:02d}", "1", "2") for number in range(30)]
    reason = patch_record(patch_samples.result(patch_samples.plan(*many)))["findings"][2]["reason"]
    assert reason.endswith("package11 2, and 18 more")


def test_every_format_has_the_shape_that_its_readers_ask_for() -> None:
    hosts = {**patch_samples.fleet(), "applied-01": patch_samples.applied(), "back-01": patch_samples.rolled_back()}
    made = exported(patch_run(hosts, "down-01"), FORMATS)
    events = [json.loads(line) for line in made["ocsf.jsonl"].splitlines()]
    wrong = [each for event in events for each in shapes.problems(event, "ocsf-1.5.0-compliance-finding.yml")]
    documents = [json.loads(data) for path, data in made.items() if path.startswith("hdf/")]
    wrong += [each for document in documents for each in shapes.problems(document, "hdf-exec-json.yml")]
    assert wrong == []
    assert len(documents) == 9
    suites = ElementTree.fromstring(made["junit.xml"])
    assert {suite.get("name") for suite in suites} == {*hosts, "down-01"}
    assert int(suites.get("errors", "0")) == 5
    oscal = json.loads(made["oscal.json"])["assessment-results"]["results"][0]
    assert "updates_exploited" in {finding["target"]["target-id"] for finding in oscal["findings"]}
