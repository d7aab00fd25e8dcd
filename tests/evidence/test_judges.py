# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence in other people's formats, judged by other people's programs: `nox -s evidence` installs them."""

from __future__ import annotations

import json
import os
import subprocess
from argparse import Namespace
from pathlib import Path

import pytest
from py_ocsf_models import OCSF_VERSION
from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding
from trestle.core.validator_factory import validator_factory
from trestle.oscal.assessment_results import AssessmentResults

ALERTS = Path(__file__).resolve().parents[2] / "roles" / "evidence" / "files" / "alerts.yml"
Files = dict[str, bytes]


@pytest.mark.parametrize("name", ["files", "nearly_empty"])
def test_trestle_reads_the_assessment_results(name: str, request: pytest.FixtureRequest) -> None:
    document = json.loads(request.getfixturevalue(name)["oscal.json"])["assessment-results"]
    results = AssessmentResults(**document)
    assert validator_factory.get(Namespace(mode="all")).model_is_valid(results, quiet=False)
    assert results.import_ap.href.startswith("#")


def test_trestle_refuses_what_is_not_oscal(files: Files) -> None:
    document = json.loads(files["oscal.json"])["assessment-results"]
    del document["import-ap"]
    with pytest.raises(ValueError, match="import-ap"):
        AssessmentResults(**document)


def test_trestle_reads_the_same_again(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "oscal.json"
    path.write_bytes(files["oscal.json"])
    again = AssessmentResults.oscal_read(path)
    written = json.loads(again.oscal_serialize_json())["assessment-results"]
    wanted = json.loads(files["oscal.json"])["assessment-results"]
    assert written["results"][0]["findings"] == wanted["results"][0]["findings"]
    assert len(written["results"][0]["observations"]) == len(wanted["results"][0]["observations"])


def test_each_event_is_an_ocsf_compliance_finding(files: Files) -> None:
    events = [json.loads(line) for line in files["ocsf.jsonl"].splitlines()]
    assert {event["metadata"]["version"] for event in events} == {OCSF_VERSION}
    for event in events:
        finding = ComplianceFinding.model_validate(event).model_dump(mode="json", exclude_none=True)
        assert finding["type_uid"] == 200301
        assert finding["finding_info"]["uid"] == event["finding_info"]["uid"]


def promtool(*args: str, data: bytes = b"") -> str:
    done = subprocess.run(
        [os.environ["PROMTOOL"], *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    output = done.stdout.decode("utf-8")
    assert done.returncode == 0, output
    return output


@pytest.mark.parametrize("name", ["files", "nearly_empty"])
def test_promtool_reads_the_metrics(name: str, request: pytest.FixtureRequest) -> None:
    assert promtool("check", "metrics", data=request.getfixturevalue(name)["metrics.prom"]) == ""


def test_promtool_refuses_what_is_no_metric(files: Files) -> None:
    with pytest.raises(AssertionError, match=r"error while linting|parsing"):
        promtool("check", "metrics", data=files["metrics.prom"] + b"healthops_probe_healthy{ 1\n")


def test_promtool_reads_the_alerts() -> None:
    assert "10 rules found" in promtool("check", "rules", str(ALERTS))


def test_each_alert_fires_when_it_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", str(Path(__file__).with_name("alerts_test.yml")))
