# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of patch: options become a request, the run holds its lock, and a plan by itself is the result itself."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._calls import patch as call
from calls import on_host
from patched_host import FakeManager, patched_host

DEFAULTS: dict[str, Any] = {
    "state": "planned",
    "policy": {},
    "advisories": "",
    "refresh": True,
    "run_id": "",
    "digest": "",
    "restart": "services",
    "restart_order": [],
    "repair": False,
    "hold_days": 7,
    "keep_runs": 5,
    "manager": "auto",
    "lock_wait": 0,
    "patience": 30,
    "survey_only": False,
}
Locks = list[tuple[str, float]]


@pytest.fixture
def manager() -> FakeManager:
    return FakeManager(patched_host())


@pytest.fixture
def locks(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> Locks:
    """Let calls work on the manager's host."""
    monkeypatch.setattr(call, "manager_of", lambda *_arguments: manager)
    return on_host(call, monkeypatch, manager.host)


def answer(check: bool = False, **options: Any) -> dict[str, Any]:
    return call.answer({**DEFAULTS, **options}, check, False)


def test_a_plan_is_the_result_itself_and_in_check_mode_it_takes_no_lock(locks: Locks, manager: FakeManager) -> None:
    plan = answer(check=True)
    assert (plan["changed"], plan["verdict"], len(plan["changes"])) == (False, "updates", 5)
    assert plan["warnings"][-1] == call.NOT_REFRESHED
    assert (locks, manager.host.operations) == ([], [])
    assert call.NOT_REFRESHED not in answer()["warnings"]


def test_a_run_is_named_and_holds_the_lock_as_patiently_as_it_was_told(locks: Locks) -> None:
    applied = answer(state="applied", digest=answer(check=True)["digest"], patience=3)
    assert (applied["changed"], applied["run"]["stage"]) == (True, "applied")
    assert locks == [(applied["run"]["run_id"], 3)]


def test_what_fails_in_the_middle_comes_back_with_the_run(locks: Locks, manager: FakeManager) -> None:
    digest = answer(check=True)["digest"]
    manager.fails.add("a")
    failed = answer(state="applied", digest=digest, run_id="p1")
    assert (failed["failed"], failed["run"]["run_id"], failed["run"]["stage"]) == (True, "p1", "broken")
    assert "a: E: a failed" in failed["msg"]


def test_a_digest_of_another_set_is_refused(locks: Locks, manager: FakeManager) -> None:
    refused = answer(state="applied", digest=f"sha256:{'0' * 64}")
    assert refused["failed"]
    assert manager.there["a"] == "1"


def test_without_root_nothing_is_done(locks: Locks, manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manager.host, "is_root", lambda: False)
    refused = answer(state="staged")
    assert (refused["failed"], "become: true" in refused["msg"]) == (True, True)
    assert (locks, manager.host.operations) == ([], [])


def test_what_is_to_be_rated_needs_neither_root_nor_lock(
    locks: Locks, manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager.host, "is_root", lambda: False)
    monkeypatch.setattr(manager, "cves", lambda refresh: ["CVE-2026-1"], raising=False)
    survey = answer(check=True, survey_only=True)
    assert (survey["changed"], locks) == (False, [])
    assert survey["rating_inputs"]["sources"] == manager.there
    assert survey["rating_inputs"]["cves"] == ["CVE-2026-1"]
