# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of service_config: options reach the transaction, the lock is held, and the result has its keys."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._calls import service_config as call
from ansible_collections.healthops.clinical.plugins.module_utils._guard.reverter import PATIENCE
from calls import on_host
from fake_host import FakeHost

DEFAULTS: dict[str, Any] = {
    "state": "applied",
    "name": "page",
    "confirm_within": 0,
    "drains": [],
    "run_id": "",
    "why": "",
    "journal_keep": 20,
}


def answer(check: bool = False, diff: bool = False, text: str = "one\n", **options: Any) -> dict[str, Any]:
    file = {"path": "/etc/page", "content": base64.b64encode(text.encode()).decode()}
    return call.answer({**DEFAULTS, "rendered": json.dumps({"files": [file]}), **options}, check, diff)


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def test_it_is_applied_confirmed_taken_back_and_removed(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = on_host(call, monkeypatch, host)
    first = answer(run_id="r1", confirm_within=30, diff=True)
    assert (first["changed"], first["guard"]["state"]) == (True, "armed")
    assert first["diff"][0]["after"] == "one\n"
    assert answer(state="confirmed", run_id="r1-page")["guard"]["state"] == "confirmed"
    second = answer(run_id="r2", confirm_within=30, text="two\n")
    back = answer(state="reverted", run_id="r2-page")
    assert (second["changed"], back["restored"][0]["subject"], host.text("/etc/page")) == (
        True,
        "file /etc/page",
        "one\n",
    )
    assert answer(state="removed", run_id="r3")["changed"]
    assert "/etc/page" not in host.nodes
    assert [holder for holder, _patience in locks] == ["r1-page", "r1-page", "r2-page", "r2-page", "r3-page"]
    assert [patience for _holder, patience in locks] == [0.0, PATIENCE, 0.0, PATIENCE, 0.0]


def test_check_mode_takes_no_lock_and_changes_nothing(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    locks = on_host(call, monkeypatch, host)
    before = host.state()
    foretold = answer(check=True)
    assert (foretold["changed"], foretold["check_mode"], locks, host.state()) == (True, True, [], before)


def test_a_refusal_is_a_failure_with_the_run_and_its_guard(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, host)
    host.add_dir("/etc/page")
    failed = answer(run_id="r1")
    assert (failed["failed"], failed["run_id"], failed["guard"]["state"]) == (True, "r1-page", "none")
    assert "it is a folder; nothing was changed" in failed["msg"]
    assert answer(state="confirmed", run_id="r9")["msg"].startswith("Looking for the guard of r9: there is none.")


def test_a_play_may_configure_the_same_twice(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, host)
    ids = [answer(run_id="r1", text=text)["run_id"] for text in ("one\n", "two\n", "three\n")]
    assert ids == ["r1-page", "r1-page-2", "r1-page-3"]


def test_a_run_id_that_leads_elsewhere_is_refused(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, host)
    assert "it cannot name a directory" in answer(run_id="/tmp/evil")["msg"]
    assert host.operations == []


def test_how_the_system_stands_is_said_also_where_it_failed(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, host)
    (standing,) = answer(run_id="r1")["configurations"]
    assert (standing["name"], standing["run_id"], standing["changed"]) == ("page", "r1-page", True)
    host.nodes.pop("/etc/page")
    host.add_dir("/etc/page")
    failed = answer(run_id="r2")
    assert failed["failed"]
    assert failed["configurations"][0]["errors"] == [failed["msg"]]
