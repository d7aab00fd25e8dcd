# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records become the report of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action import evidence_record, evidence_report
from unit_tests.action.evidence_calls import call
from unit_tests.plugin_utils._evidence import samples


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
def test_records_become_a_report(tmp_path: Path, check: bool) -> None:
    args = {"path": str(tmp_path), "run_id": samples.RUN_ID, "result": samples.result(0, 6)}
    first = call(evidence_record, args, check=check)
    again = call(evidence_record, args, check=check)
    assert (first["changed"], again["changed"], first["state"]) == (True, False, "enforced")
    assert "hunter2" not in Path(first["path"]).read_text(encoding="utf-8")
    made = call(
        evidence_report, {"path": str(tmp_path), "hosts": ["portal-01", "down"], "run_id": samples.RUN_ID}, check=check
    )
    assert (made["changed"], list(made["unknown_hosts"])) == (True, ["down"])
    assert json.loads(Path(made["json"]).read_text(encoding="utf-8"))["missing"] == ["down"]
    assert Path(made["html"]).read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert call(evidence_report, {"path": str(tmp_path)}, check=check)["changed"] is False
