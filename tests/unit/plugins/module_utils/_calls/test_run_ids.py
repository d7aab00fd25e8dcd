# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No name of a run leads elsewhere, whichever door it comes in by: nothing there is read, run or removed."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytest.importorskip("ansible")

import doors
from ansible_collections.healthops.clinical.plugins.module_utils._calls import (
    baseline,
    commit_confirm,
    patch,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change import run_store
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import record
from ansible_collections.healthops.clinical.plugins.module_utils._patch import stages
from ansible_collections.healthops.clinical.plugins.modules import baseline as baseline_module
from ansible_collections.healthops.clinical.plugins.modules import commit_confirm as commit_confirm_module
from ansible_collections.healthops.clinical.plugins.modules import patch as patch_module
from ansible_collections.healthops.clinical.plugins.modules import patch_info
from calls import on_host
from fake_host import FakeHost

HOSTILE = ("/tmp/evil", "../../../tmp/evil", "..", ".hidden", "a/b", "e1\n", "e\0", "x" * 81, "-rf")
DOORS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "enforced": (baseline, baseline_module, {}),
    "reverted": (baseline, baseline_module, {"state": "reverted"}),
    "armed": (commit_confirm, commit_confirm_module, {"state": "armed", "paths": ["/etc/hosts"]}),
    "confirmed": (commit_confirm, commit_confirm_module, {"state": "confirmed"}),
    "guard reverted": (commit_confirm, commit_confirm_module, {"state": "reverted"}),
    "status": (commit_confirm, commit_confirm_module, {"state": "status"}),
    **{state: (patch, patch_module, {"state": state}) for state in patch.STATES},
}


@pytest.fixture
def host() -> FakeHost:
    """A host with a forged guard that would run a command of somebody else's."""
    made = FakeHost()
    forged = {
        "run_id": "evil",
        "state": "armed",
        "within": 1,
        "until": "",
        "deadline": 0.0,
        "boot_id": "",
        "armed_by": 0,
        "reload": [],
        "running": [],
        "commands": [["touch", "/root/owned"]],
    }
    made.add_file("/tmp/evil/guard", run_store.line(forged).decode())
    made.add_file("/tmp/evil/run", run_store.line(forged).decode())
    return made


@pytest.mark.parametrize("run_id", HOSTILE, ids=ascii)
@pytest.mark.parametrize("door", DOORS)
def test_a_name_that_leads_elsewhere_opens_no_door(
    door: str, run_id: str, host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    call, module, options = DOORS[door]
    with monkeypatch.context() as patched:
        params = {**doors.filled(module, patched, **options), "run_id": run_id}
    on_host(call, monkeypatch, host)
    answer = call.answer(params, False, False)
    assert answer["failed"] is True
    assert "it cannot name a directory" in answer["msg"]
    assert (host.operations, host.runs) == ([], [])
    json.dumps(answer)


@pytest.mark.parametrize("run_id", HOSTILE, ids=ascii)
def test_a_look_at_the_history_refuses_it_too(run_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = doors.run(patch_info, monkeypatch, run_id=run_id)
    assert ended.failed
    assert "it cannot name a directory" in ended.result["msg"]


@pytest.mark.parametrize("run_id", HOSTILE, ids=ascii)
@pytest.mark.parametrize("read", [record.load, stages.find], ids=["guard", "patch run"])
def test_nor_does_whoever_reads_one_by_name(read: Any, run_id: str, host: FakeHost) -> None:
    with pytest.raises(ClinicalError, match="it cannot name a directory"):
        read(host, run_id)


def test_a_record_of_another_run_is_not_taken_for_a_guards_own(host: FakeHost) -> None:
    host.add_file("/var/lib/healthops/journal/e1/guard", host.text("/tmp/evil/guard"))
    with pytest.raises(ClinicalError, match="its record is that of evil"):
        record.load(host, "e1")
