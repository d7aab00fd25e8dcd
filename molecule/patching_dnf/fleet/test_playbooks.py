# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks as an operator runs them: plan, have it approved, apply, take back; and what stands in the evidence."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

INVENTORY = Path(__file__).resolve().parents[1] / "inventory" / "hosts"
POLICY = {
    "exclude": [
        {
            "packages": ["lab-refuses", "lab-slow", "lab-slower", "lab-daemon"],
            "reason": "They have stories.",
            "expires": "2999-01-01",
        }
    ]
}


class Operator:
    """Types playbooks in a directory of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def runs(self, playbook: str, **variables: Any) -> str:
        """What the playbook said; it fails the test where it did not end as it should."""
        done = self._typed(playbook, variables)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def is_refused(self, playbook: str, **variables: Any) -> str:
        done = self._typed(playbook, variables)
        assert done.returncode != 0, done.stdout
        return " ".join((done.stdout + done.stderr).split())

    def _typed(self, playbook: str, variables: dict[str, Any]) -> subprocess.CompletedProcess[str]:
        given = json.dumps({"patching_policy": POLICY, **variables})
        command = ["ansible-playbook", "-i", str(INVENTORY), f"healthops.clinical.{playbook}", "-e", given]
        plain = {**os.environ, "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(command, cwd=self.folder, env=plain, capture_output=True, text=True, check=False)

    def evidence(self) -> dict[str, Any]:
        """The newest bundle."""
        return dict(json.loads((self.folder / "evidence" / "latest" / "run.json").read_text("utf-8")))

    def kept(self, name: str) -> bytes:
        """A file of the newest bundle."""
        return (self.folder / "evidence" / "latest" / name).read_bytes()

    def updates(self) -> list[dict[str, str]]:
        with (self.folder / "evidence" / "latest" / "updates.csv").open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Operator:
    return Operator(tmp_path_factory.mktemp("operator"))


def approvals(operator: Operator) -> Path:
    return max((operator.folder / "approvals").iterdir())


def fill_in(path: Path) -> None:
    text = path.read_text("utf-8").replace("approver:\n", "approver: Tomas Brandt\n")
    path.write_text(text.replace("expires:\n", f"expires: {_tomorrow()}\n"), encoding="utf-8")


def _tomorrow() -> str:
    return subprocess.run(
        ["date", "-u", "-d", "tomorrow", "+%F"], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_a_plan_installs_nothing_and_writes_what_can_be_approved(operator: Operator, host: Host) -> None:
    before = host.check_output("rpm -qa | sort")
    told = operator.runs("patch_plan")
    assert "1 host: 6 updates wait, 2 for security" in told
    assert host.check_output("rpm -qa | sort") == before
    assert "# 6 to install, 2 for security, 0 past the deadline" in approvals(operator).read_text("utf-8")
    assert {row["name"]: row["status"] for row in operator.updates()} == {
        **dict.fromkeys(("lab-conf", "lab-dep", "lab-epoch", "lab-feature", "lab-new", "lab-security"), "waits"),
        **dict.fromkeys(("lab-held", "lab-lacks"), "held"),
        **dict.fromkeys(("lab-daemon", "lab-refuses", "lab-slow", "lab-slower"), "excluded"),
    }


def test_nothing_is_applied_that_nobody_approved(operator: Operator, host: Host) -> None:
    before = host.check_output("rpm -qa | sort")
    assert "Name the file with the approvals" in operator.is_refused("patch_apply")
    told = operator.is_refused("patch_apply", patching_approvals=str(approvals(operator)))
    assert "approver: no value" in told
    assert host.check_output("rpm -qa | sort") == before


def test_what_was_approved_is_applied_and_who_approved_it_is_evidence(operator: Operator, host: Host) -> None:
    fill_in(approvals(operator))
    relative = approvals(operator).relative_to(operator.folder)
    operator.runs("patch_apply", patching_approvals=str(relative), patching_only_stage=True)
    assert host.check_output("rpm -q lab-feature") == "lab-feature-1.0-1.noarch"
    assert "1 host: 6 updates installed, 2 for security" in operator.runs(
        "patch_apply", patching_approvals=str(relative)
    )
    assert host.check_output("rpm -q lab-feature lab-new").split() == [
        "lab-feature-1.1-1.noarch",
        "lab-new-1.0-1.noarch",
    ]
    run = operator.evidence()
    assert run["mode"] == "patch_apply"
    approval = run["hosts"]["el1"]["patch"]["approval"]
    assert approval["approver"] == "Tomas Brandt"
    assert operator.kept(f"approvals/{approval['sha256']}.yml") == (operator.folder / relative).read_bytes()
    assert {row["status"] for row in operator.updates() if row["name"] == "lab-security"} == {"installed"}
    assert "nothing is to be done" not in operator.runs("patch_apply", patching_approvals=str(relative))


def test_it_is_taken_back_and_what_that_opens_is_evidence(operator: Operator, host: Host) -> None:
    assert "1 host: 6 packages taken back" in operator.runs("patch_rollback", patching_hold_days=0)
    assert host.check_output("rpm -q lab-feature") == "lab-feature-1.0-1.noarch"
    assert host.run("rpm -q lab-new").rc == 1
    run = operator.evidence()
    assert run["mode"] == "patch_rollback"
    assert sorted(run["hosts"]["el1"]["patch"]["reopened"]) == ["CVE-2026-0001", "CVE-2026-0003"]


def test_the_evidence_of_all_runs_is_one_chain(operator: Operator) -> None:
    operator.runs("verify_evidence")
