# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""No run gets a host to itself while a change on it waits for its confirmation, whichever run it is."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline, _calls
from ansible_collections.healthops.clinical.plugins.module_utils._calls import baseline, commit_confirm, patch
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm, record, reverter
from ansible_collections.healthops.clinical.plugins.module_utils._guard.exclusive import settled
from calls import on_host
from fake_host import FakeHost
from guarded import DROP_IN, alarms, guarded_host, guarded_request
from patched_host import FakeManager

WAITS = r"e1 is not confirmed yet, and is taken back at \d{4}-\S+Z \(100 s\)"
BASELINE: dict[str, Any] = {
    "controls": "[]",
    "run_id": "e2",
    "revert_run_id": "e2",
    "allow_stop": [],
    "journal_keep": 20,
    "force": False,
    "later_runs": False,
    "confirm_within": 0,
    "break_glass_users": [],
    "keeps": {},
    "check_availability": False,
    "survey_only": False,
}
PATCH: dict[str, Any] = {
    "policy": {},
    "advisories": None,
    "refresh": False,
    "run_id": "e2",
    "digest": "",
    "restart": "services",
    "restart_order": [],
    "repair": False,
    "hold_days": 7,
    "keep_runs": 5,
    "manager": "auto",
    "lock_wait": 0,
    "patience": 0,
    "survey_only": False,
}
ARM: dict[str, Any] = {
    "state": "armed",
    "run_id": "e2",
    "paths": ["/etc/motd"],
    "units": [],
    "commands": [],
    "confirm_within": 60,
    "break_glass_users": [],
    "journal_keep": 20,
    "why": "",
    "watch_next_boot": True,
}
RUNS = [
    pytest.param(baseline, {**BASELINE, "state": "enforced"}, id="enforce"),
    pytest.param(baseline, {**BASELINE, "state": "reverted"}, id="revert"),
    pytest.param(commit_confirm, ARM, id="arm"),
    *(pytest.param(patch, {**PATCH, "state": state}, id=state) for state in patch.STATES),
]


@pytest.fixture
def host() -> FakeHost:
    host = guarded_host()
    _baseline.enforce(host, guarded_request("e1"))
    host.uptime += 20
    return host


@pytest.fixture
def on(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, dict[str, Any]], dict[str, Any]]:
    """Make a call work on the host, and return its result."""

    def answer(call: Any, options: dict[str, Any]) -> dict[str, Any]:
        on_host(call, monkeypatch, host)
        monkeypatch.setattr(patch, "manager_of", lambda *_arguments: FakeManager(host))
        result: dict[str, Any] = call.answer(dict(options), False, False)
        return result

    return answer


@pytest.mark.parametrize(("call", "options"), RUNS)
def test_a_run_refuses_while_a_change_waits_and_says_until_when(
    host: FakeHost, on: Callable[..., dict[str, Any]], call: Any, options: dict[str, Any]
) -> None:
    before = host.state()
    assert re.search(WAITS, on(call, options)["msg"])
    assert host.state() == before
    assert record.armed(host) is not None


@pytest.mark.parametrize(("call", "options"), RUNS)
def test_a_run_takes_back_what_is_overdue_before_anything_else(
    host: FakeHost, on: Callable[..., dict[str, Any]], call: Any, options: dict[str, Any]
) -> None:
    host.uptime += 101
    result = on(call, options)
    assert DROP_IN not in host.nodes
    if not result.get("failed"):
        assert result["warnings"][0] == "The run e1 was never confirmed; it was overdue and was taken back now."


def test_the_next_run_tells_once_that_the_last_was_taken_back(host: FakeHost) -> None:
    guard = record.armed(host)
    assert guard is not None
    reverter.take_back(host, guard, "nobody confirmed it")
    (warning,) = settled(host, "e2")
    assert "The run e1 was taken back at" in warning
    assert "nobody confirmed it" in warning
    assert settled(host, "e3") == []


def test_a_host_without_a_guard_is_free() -> None:
    assert settled(FakeHost(), "e1") == []


def test_what_a_cut_run_had_laid_out_before_it_changed_anything_goes_with_the_next() -> None:
    host = guarded_host()
    alarm.prepare(host)
    host.add_file("/etc/systemd/system/.healthops-guard-boot.service.healthops-tmp")
    assert alarms(host)
    assert settled(host, "r1") == []
    assert alarms(host) == []


def test_no_call_takes_the_lock_past_the_guard() -> None:
    """But for those that settle the guard itself."""
    holders = {path.stem for path in Path(_calls.__path__[0]).glob("*.py") if _takes_lock(path)}
    assert holders == {"commit_confirm", "service_config"}


def _takes_lock(path: Path) -> bool:
    names = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Attribute))
    return any(name.attr == "held" for name in names)


def test_the_lock_is_given_back_where_the_run_has_to_wait(host: FakeHost, on: Callable[..., dict[str, Any]]) -> None:
    refused = partial(on, baseline, {**BASELINE, "state": "enforced"})
    assert refused()["msg"] == refused()["msg"]
    with pytest.raises(ClinicalError, match=WAITS):
        settled(host, "e2")
