# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doors of patch and patch_info: how options become a wish, and how it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._calls import patch as call
from ansible_collections.healthops.clinical.plugins.modules import patch, patch_info
from doors import run
from patched_host import FakeManager, patched_host


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> FakeManager:
    """Both doors lead to this host."""
    host = patched_host()
    made = FakeManager(host)

    @contextlib.contextmanager
    def free(*_words: object, **_more: object) -> Iterator[None]:
        yield

    monkeypatch.setattr(call, "RealHost", lambda: host)
    monkeypatch.setattr(patch_info, "RealHost", lambda: host)
    monkeypatch.setattr(call, "manager_of", lambda *_words: made)
    monkeypatch.setattr(call.lock, "held", free)
    return made


def test_a_plan_is_the_result_itself(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(patch, monkeypatch)
    assert (ended.failed, ended.result["changed"], ended.result["verdict"]) == (False, False, "updates")
    assert len(ended.result["changes"]) == 5


def test_what_is_applied_has_its_plan_below_and_stands_in_the_ledger(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = run(patch, monkeypatch, check=True).result["digest"]
    ended = run(patch, monkeypatch, state="applied", digest=digest)
    assert (ended.failed, ended.result["changed"], ended.result["plan"]["digest"]) == (False, True, digest)
    known = run(patch_info, monkeypatch, package="a").result
    assert [(entry["what"], entry["version"]) for entry in known["ledger"]] == [("seen", "2"), ("installed", "2")]
    assert [one["stage"] for one in known["runs"]] == ["applied"]
    assert (known["damaged"], known["holds"], known["changed"]) == (0, [], False)


def test_a_run_that_fails_in_the_middle_tells_which_it_was(
    manager: FakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = run(patch, monkeypatch, check=True).result["digest"]
    manager.fails.add("a")
    ended = run(patch, monkeypatch, state="applied", digest=digest)
    assert (ended.failed, ended.result["run"]["stage"]) == (True, "broken")
    assert "a: E: a failed" in ended.result["msg"]
    back = run(patch, monkeypatch, state="rolled_back", run_id=ended.result["run"]["run_id"])
    assert (back.failed, manager.there["a"]) == (False, "1")
    holds = run(patch_info, monkeypatch).result["holds"]
    assert [hold["name"] for hold in holds] == ["a", "b", "gone", "service"]


def test_a_policy_that_is_wrong_is_told_before_anything(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(patch, monkeypatch, policy={"security_first": True})
    assert ended.failed
    assert "security_first" in ended.result["msg"]
    assert manager.host.operations == []
