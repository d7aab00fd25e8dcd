# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of commit_confirm: its options reach the guard on the host, and how it ends."""

from __future__ import annotations

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._calls import commit_confirm as call
from ansible_collections.healthops.clinical.plugins.modules import commit_confirm
from calls import on_host
from doors import run
from fake_host import FakeHost

RULES = "/etc/nftables.conf"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The door leads to this host."""
    host = FakeHost()
    host.add_file(RULES, "flush ruleset\n", mode=0o755)
    on_host(call, monkeypatch, host)
    return host


def test_a_guard_is_armed_by_its_name_and_taken_back(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    armed = run(commit_confirm, monkeypatch, state="armed", run_id="g1", paths=[RULES])
    assert (armed.failed, armed.result["changed"], armed.result["guard"]["state"]) == (False, True, "armed")
    host.add_file(RULES, "drop everything\n", mode=0o755)
    reverted = run(commit_confirm, monkeypatch, state="reverted", run_id="g1")
    assert (reverted.failed, [entry["subject"] for entry in reverted.result["restored"]]) == (False, [f"tree {RULES}"])
    assert host.text(RULES) == "flush ruleset\n"


def test_what_cannot_be_guarded_fails_with_the_reason(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(commit_confirm, monkeypatch, state="armed", paths=["/proc/1/status"])
    assert (ended.failed, ended.result["guard"]["state"]) == (True, "none")
    assert "/proc/1/status" in ended.result["msg"]


def test_check_mode_says_what_would_be(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(commit_confirm, monkeypatch, check=True, state="armed", run_id="g1", paths=[RULES])
    assert (ended.failed, ended.result["changed"], host.operations) == (False, True, [])


def test_confirming_without_a_guard_fails(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(commit_confirm, monkeypatch, state="confirmed", run_id="g1")
    assert (ended.failed, ended.result["changed"]) == (True, False)
