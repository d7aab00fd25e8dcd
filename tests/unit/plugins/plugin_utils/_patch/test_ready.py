# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a patch run needs of the control node is asked before it."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.ready import approval_problems, patch_problems

NOW = datetime(2026, 11, 22, tzinfo=timezone.utc)
APPROVALS = "approver: A. Person\nexpires: {}\nhosts:\n  a: sha256:" + "0" * 64 + "\n"


def test_a_policy_and_files_that_are_wrong_are_told_together(tmp_path: Path) -> None:
    options = {"policy": {"no_such": 1}, "advisory_files": {"epss": str(tmp_path / "none")}}
    made = [str(problem) for problem in patch_problems(options, tmp_path / "cache")]
    assert ["no_such" in made[0], "none" in made[1], len(made)] == [True, True, 2]
    assert patch_problems({}, tmp_path / "cache") == []


def test_approvals_let_a_run_begin_until_they_end(tmp_path: Path) -> None:
    path = tmp_path / "approvals.yml"
    path.write_text(APPROVALS.format("2026-11-23"), encoding="utf-8")
    assert approval_problems(str(path), NOW) == []
    path.write_text(APPROVALS.format("2026-11-20"), encoding="utf-8")
    assert "it ended on 2026-11-20" in str(approval_problems(str(path), NOW)[0])
    path.write_text("approver: A. Person\n", encoding="utf-8")
    assert "expires" in str(approval_problems(str(path), NOW)[0])


def test_no_approvals_are_told() -> None:
    assert "patching_approvals is empty" in str(approval_problems("", NOW)[0])
