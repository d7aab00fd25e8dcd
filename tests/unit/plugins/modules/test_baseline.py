# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of baseline: what the control node sends is enforced, and how it ends."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._calls import baseline as call
from ansible_collections.healthops.clinical.plugins.modules import baseline
from calls import on_host
from dirty_host import controls, dirty_host
from doors import run
from fake_host import FakeHost

#: As the action plugin sends them.
SENT: dict[str, Any] = {
    "controls": json.dumps([asdict(control) for control in controls("banner")]),
    "check_availability": False,
    "confirm_within": 0,
}


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> FakeHost:
    """The door leads to this host."""
    host = dirty_host()
    on_host(call, monkeypatch, host)
    return host


def test_controls_are_enforced_once_and_taken_back(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    before = host.state()
    first = run(baseline, monkeypatch, **SENT, run_id="e1")
    again = run(baseline, monkeypatch, **SENT, run_id="e2")
    assert (first.failed, first.result["changed"], again.failed, again.result["changed"]) == (False, True, False, False)
    assert {finding["result"] for finding in first.result["findings"]} == {"fixed"}
    reverted = run(baseline, monkeypatch, state="reverted", run_id="e1")
    assert (reverted.failed, reverted.result["reverted_run_id"], host.state()) == (False, "e1", before)


def test_check_mode_audits(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(baseline, monkeypatch, check=True, **SENT)
    assert {finding["result"] for finding in ended.result["findings"]} == {"fail"}
    assert (ended.failed, ended.result["changed"], host.operations) == (False, True, [])


def test_a_run_that_is_not_known_fails_by_name(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(baseline, monkeypatch, state="reverted", run_id="never-was")
    assert ended.failed
    assert "never-was" in ended.result["msg"]


def test_by_itself_it_has_nothing_to_enforce(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its action plugin no control is sent; that is no error, and nothing is done."""
    ended = run(baseline, monkeypatch, check_availability=False)
    assert (ended.failed, ended.result["changed"], ended.result["findings"]) == (False, False, [])
