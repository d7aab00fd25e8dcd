# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of patch: how options become a request, and how it ends."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("ansible")

from ansible.module_utils import basic
from ansible_collections.healthops.clinical.plugins.module_utils._calls import patch as call
from ansible_collections.healthops.clinical.plugins.module_utils._patch.packed_advisories import pack
from ansible_collections.healthops.clinical.plugins.modules import patch
from calls import on_host
from doors import run
from patched_host import FakeManager, patched_host


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> FakeManager:
    """The door leads to the host of this package manager."""
    manager = FakeManager(patched_host())
    on_host(call, monkeypatch, manager.host)
    monkeypatch.setattr(call, "manager_of", lambda *_arguments: manager)
    return manager


def test_a_plan_is_the_result_itself(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(patch, monkeypatch)
    assert (ended.failed, ended.result["changed"], ended.result["verdict"]) == (False, False, "updates")
    assert len(ended.result["changes"]) == 5


def test_what_is_applied_has_its_plan_below(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = run(patch, monkeypatch, check=True).result["digest"]
    ended = run(patch, monkeypatch, state="applied", digest=digest)
    assert (ended.failed, ended.result["changed"], ended.result["plan"]["digest"]) == (False, True, digest)


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


def test_a_policy_that_is_wrong_is_told_before_anything(manager: FakeManager, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(patch, monkeypatch, policy={"security_first": True})
    assert ended.failed
    assert "security_first" in ended.result["msg"]
    assert manager.host.operations == []


def test_the_advisories_are_in_no_log_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ansible's own module, up to the point where it has noted its options."""
    noted: list[str] = []
    option = pack({"sources": {"curl": [{"cve": "CVE-2026-0001"}]}})
    args = {"ANSIBLE_MODULE_ARGS": {"advisories": option, "run_id": "noted", "_ansible_check_mode": True}}
    monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps(args).encode())
    monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
    monkeypatch.setattr(basic.AnsibleModule, "log", lambda _module, msg, log_args=None: noted.append(msg))
    monkeypatch.setattr(patch._core, "answer", lambda module, _call: noted.append(str(module.params["advisories"])))
    patch.main()
    logged, received = noted
    assert "run_id=noted" in logged
    assert received == option
    assert option not in logged
