# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence is verified, and what was changed is named."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleActionFail
from ansible_collections.healthops.clinical.plugins.action import evidence_record, evidence_report, evidence_verify
from unit_tests.action.evidence_calls import call
from unit_tests.plugin_utils._evidence import samples


def test_evidence_is_verified_and_what_was_changed_is_named(tmp_path: Path) -> None:
    args = {"path": str(tmp_path), "run_id": samples.RUN_ID}
    call(evidence_record, {**args, "result": samples.result(0, 6)})
    made = call(evidence_report, {**args, "fleet": "annex"})
    assert (made["fleet"], made["sequence"], made["signer"]) == ("annex", 1, "")
    told = call(evidence_verify, {"path": str(tmp_path), "head": made["head"]})
    assert (told["changed"], told["problems"], told["heads"]) == (False, [], {"annex": made["head"]})
    assert told["msg"] == f"1 bundle as written, 0 of 1 manifest signed. annex ends at {made['head']}"
    Path(made["html"]).write_text("changed", encoding="utf-8")
    told = call(evidence_verify, {"path": str(tmp_path), "fleet": "annex"})
    assert told["failed"]
    assert f"run {samples.RUN_ID}, number 1, report.html: changed" in told["msg"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        pytest.param({"path": "/nowhere"}, "it is no directory", id="no-directory"),
        pytest.param({"allowed_signers": "/nowhere"}, "/nowhere is no file", id="no-signers"),
        pytest.param({"head": "x"}, "it is not like", id="no-head"),
    ],
)
def test_what_cannot_be_verified_fails_with_the_reason(tmp_path: Path, args: t.Dict[str, t.Any], told: str) -> None:
    with pytest.raises(AnsibleActionFail, match=told):
        call(evidence_verify, {"path": str(tmp_path), **args})
