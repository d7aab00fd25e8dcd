# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of patch_info: what patching has written down on a host, narrowed to what was asked for."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._calls import patch as call
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.modules import patch, patch_info
from calls import on_host
from doors import run
from patched_host import FakeManager, patched_host


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> FakeManager:
    """Both doors lead to the host of this package manager."""
    manager = FakeManager(patched_host())
    on_host(call, monkeypatch, manager.host)
    monkeypatch.setattr(call, "manager_of", lambda *_arguments: manager)
    monkeypatch.setattr(patch_info, "RealHost", lambda: manager.host)
    return manager


def apply(monkeypatch: pytest.MonkeyPatch) -> Any:
    digest = run(patch, monkeypatch, check=True).result["digest"]
    return run(patch, monkeypatch, state="applied", digest=digest).result


def test_a_host_that_was_never_patched_has_nothing_written_down(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = run(patch_info, monkeypatch)
    empty: dict[str, Any] = {"changed": False, "ledger": [], "damaged": 0, "runs": [], "holds": []}
    assert (ended.failed, ended.result) == (False, empty)


def test_what_was_applied_stands_in_the_ledger_and_among_the_runs(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = apply(monkeypatch)["run"]["run_id"]
    known = run(patch_info, monkeypatch, package="a").result
    assert [(entry["what"], entry["version"]) for entry in known["ledger"]] == [("seen", "2"), ("installed", "2")]
    assert [(made["run_id"], made["stage"]) for made in known["runs"]] == [(run_id, "applied")]
    assert (known["damaged"], known["holds"], known["changed"]) == (0, [], False)


def test_it_is_narrowed_to_one_run_and_one_package(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = apply(monkeypatch)["run"]["run_id"]
    of_run = run(patch_info, monkeypatch, run_id=run_id).result
    assert {entry["run"] for entry in of_run["ledger"]} == {run_id}
    assert len(of_run["ledger"]) > 1
    other = run(patch_info, monkeypatch, run_id="another").result
    assert (other["runs"], other["ledger"]) == ([], [])
    assert run(patch_info, monkeypatch, package="none-of-this-name").result["ledger"] == []


def test_what_was_rolled_back_is_held(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = apply(monkeypatch)["run"]["run_id"]
    assert not run(patch, monkeypatch, state="rolled_back", run_id=run_id).failed
    assert [hold["name"] for hold in run(patch_info, monkeypatch).result["holds"]] == ["a", "b", "gone", "service"]
    assert [hold["name"] for hold in run(patch_info, monkeypatch, package="b").result["holds"]] == ["b"]


def test_a_host_that_cannot_be_read_fails_with_the_reason(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_path: str) -> bytes:
        raise ClinicalError("Reading", "the ledger", "Permission denied", "Run it with become: true.")

    monkeypatch.setattr(manager.host, "read", refuse)
    ended = run(patch_info, monkeypatch)
    assert (ended.failed, "Permission denied" in ended.result["msg"]) == (True, True)
