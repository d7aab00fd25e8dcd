# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of commit_confirm: options reach the guard, the lock is held while it works, and the result has its keys."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._calls import commit_confirm as call
from ansible_collections.healthops.clinical.plugins.module_utils._guard.reverter import PATIENCE
from calls import on_host
from fake_host import FakeHost

RULES = "/etc/nftables.conf"
DEFAULTS: dict[str, Any] = {
    "state": "armed",
    "paths": [],
    "units": [],
    "commands": [],
    "confirm_within": 120,
    "run_id": "",
    "break_glass_users": [],
    "why": "",
    "journal_keep": 20,
    "watch_next_boot": True,
}


@pytest.fixture
def host() -> FakeHost:
    host = FakeHost()
    host.add_file(RULES, "flush ruleset\n", mode=0o755)
    return host


def answer(check: bool = False, **options: Any) -> dict[str, Any]:
    return call.answer({**DEFAULTS, **options}, check, False)


def test_a_guard_is_armed_and_restores_what_its_options_name(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = on_host(call, monkeypatch, host)
    armed = answer(paths=[RULES], confirm_within=60)
    assert armed["run_id"]
    assert (armed["changed"], armed["guard"]["state"], armed["guard"]["within"]) == (True, "armed", 60)
    assert "restored" not in armed
    host.add_file(RULES, "drop everything\n", mode=0o755)
    reverted = answer(state="reverted", run_id=armed["run_id"])
    assert (reverted["changed"], [entry["subject"] for entry in reverted["restored"]]) == (True, [f"tree {RULES}"])
    assert host.text(RULES) == "flush ruleset\n"
    assert locks == [(armed["run_id"], 0.0), (armed["run_id"], PATIENCE)]


def test_confirming_ends_the_guard(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = on_host(call, monkeypatch, host)
    answer(run_id="g1", paths=[RULES])
    confirmed = answer(state="confirmed")
    assert (confirmed["changed"], confirmed["guard"]["state"]) == (True, "confirmed")
    assert "restored" not in confirmed
    assert locks == [("g1", 0.0), ("the guard", PATIENCE)]


def test_looking_takes_no_lock_and_check_mode_changes_nothing(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = on_host(call, monkeypatch, host)
    assert answer(state="status")["guard"]["state"] == "none"
    foretold = answer(check=True, paths=[RULES])
    assert (foretold["changed"], foretold["guard"]["state"]) == (True, "none")
    assert (locks, host.operations) == ([], [])


def test_an_error_comes_back_with_the_guard_as_it_stands(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, host)
    refused = answer(run_id="g1", paths=["/proc/1/status"])
    assert (refused["failed"], refused["run_id"], refused["guard"]["state"]) == (True, "g1", "none")
    assert "/proc/1/status" in refused["msg"]
