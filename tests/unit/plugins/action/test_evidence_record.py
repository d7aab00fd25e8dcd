# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A result becomes a record, or fails with the reason."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleActionFail
from ansible_collections.healthops.clinical.plugins.action import evidence_record, evidence_report
from unit_tests.action.evidence_calls import call
from unit_tests.plugin_utils._evidence import samples


def test_a_result_is_found_by_the_name_that_it_is_registered_under(tmp_path: Path) -> None:
    args = {"path": str(tmp_path), "run_id": samples.RUN_ID}
    made = call(evidence_record, {**args, "registered": "hardening_result"}, hardening_result=samples.result(0, 6))
    assert call(evidence_record, {**args, "result": samples.result(0, 6)})["changed"] is False
    assert made["state"] == "enforced"


def test_an_unreachable_host_is_recorded(tmp_path: Path) -> None:
    result = {"unreachable": True, "msg": "timed out", "changed": False}
    made = call(evidence_record, {"path": str(tmp_path), "run_id": "r1", "result": result})
    assert made["state"] == "failed"


def test_how_services_answered_stands_in_the_same_record(tmp_path: Path) -> None:
    args = {"path": str(tmp_path), "run_id": samples.RUN_ID}
    answers = {**args, "probes": [samples.probe(), samples.probe("dicom_echo", healthy=False)]}
    assert call(evidence_record, answers)["state"] == "probed"
    made = call(evidence_record, {**args, "result": samples.result(0, 6)})
    kept = json.loads(Path(made["path"]).read_text(encoding="utf-8"))["result"]
    assert (kept["state"], [each["probe"] for each in kept["probes"]]) == ("enforced", ["dicom_echo", "mllp_echo"])
    assert call(evidence_record, answers)["changed"] is False
    both = call(evidence_record, {**answers, "result": samples.result(0, 6)})
    assert (both["changed"], both["state"]) == (False, "enforced")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param({"run_id": "../x", "result": {"failed": True}}, "the run id '../x'", id="run-id"),
        pytest.param({"run_id": "r1", "result": {"changed": False}}, "no findings and did not fail", id="result"),
        pytest.param({"result": {"failed": True}}, "run_id is missing", id="no-run-id"),
        pytest.param({"run_id": "r1"}, "one of the following is required: result, registered, probes", id="nothing"),
        pytest.param({"run_id": "r1", "registered": "typo"}, "Recording typo: no task .* registered it", id="name"),
        pytest.param(
            {"run_id": "r1", "registered": "x", "result": {}}, "mutually exclusive: result|registered", id="both"
        ),
        pytest.param({"run_id": "r1", "probes": []}, "it has no probes", id="no-probe"),
        pytest.param({"probes": [samples.probe()]}, "cannot name a directory", id="probes-of-no-run"),
    ],
)
def test_what_cannot_be_recorded_fails_with_the_reason(tmp_path: Path, args: t.Dict[str, t.Any], told: str) -> None:
    with pytest.raises(AnsibleActionFail, match=told) as raised:
        call(evidence_record, {"path": str(tmp_path), **args})
    assert raised.value.__cause__ is None, "Ansible would say it twice"
    assert list(tmp_path.iterdir()) == []


def test_a_host_name_that_leads_elsewhere_fails(tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="has a slash"):
        call(evidence_record, {"path": str(tmp_path / "e"), "result": samples.result(0, 1)}, host="a/../../x")
    assert list(tmp_path.iterdir()) == []


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"nonsense"):
        call(evidence_report, {"path": str(tmp_path), "nonsense": 1})
