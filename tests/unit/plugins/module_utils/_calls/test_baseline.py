# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of baseline: options become a request, the run holds its lock, and the report becomes the result."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._calls import baseline as call
from ansible_collections.healthops.clinical.plugins.module_utils._configuration import transaction
from ansible_collections.healthops.clinical.plugins.module_utils._configuration.model import parse
from calls import on_host
from dirty_host import controls, dirty_host

DEFAULTS: dict[str, Any] = {
    "state": "enforced",
    "run_id": "",
    "revert_run_id": "",
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


def answer(check: bool = False, diff: bool = False, kinds: tuple[str, ...] = ("banner",), **options: Any) -> Any:
    """Call with the controls of these kinds, as the control node sends them."""
    sent = json.dumps([asdict(control) for control in controls(*kinds)])
    return call.answer({**DEFAULTS, "controls": sent, **options}, check, diff)


def test_controls_are_enforced_and_taken_back_again(monkeypatch: pytest.MonkeyPatch) -> None:
    host = dirty_host()
    before = host.state()
    locks = on_host(call, monkeypatch, host)
    enforced = answer(run_id="e1")
    assert (enforced["changed"], enforced["run_id"]) == (True, "e1")
    assert {finding["id"]: finding["result"] for finding in enforced["findings"]} == {
        "banner_1": "fixed",
        "banner_2": "fixed",
    }
    reverted = answer(state="reverted", run_id="e1", revert_run_id="r1")
    assert (reverted["changed"], reverted["run_id"], reverted["reverted_run_id"]) == (True, "r1", "e1")
    assert host.state() == before
    assert locks == [("e1", 0.0), ("r1", 0.0)]


def test_check_mode_takes_no_lock_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    host = dirty_host()
    locks = on_host(call, monkeypatch, host)
    audit = answer(check=True, diff=True)
    assert (audit["changed"], {finding["result"] for finding in audit["findings"]}) == (True, {"fail"})
    assert audit["run_id"], "every run has a name"
    assert audit["diff"], "the differences were asked for"
    assert (locks, host.operations) == ([], [])


def test_consent_to_stop_a_service_reaches_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    host = dirty_host()
    on_host(call, monkeypatch, host)

    def result_of_cups(**options: Any) -> str:
        findings = answer(check=True, kinds=("service",), **options)["findings"]
        return next(finding["reason"] for finding in findings if finding["subject"] == "cups.service")

    assert "allow_stop" in result_of_cups()
    assert "allow_stop" not in result_of_cups(allow_stop=["cups.service"])


def test_an_error_comes_back_with_the_run_and_its_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    on_host(call, monkeypatch, dirty_host())
    refused = answer(state="reverted", run_id="never-was", revert_run_id="r1")
    assert (refused["failed"], refused["run_id"], refused["guard"]["state"]) == (True, "r1", "none")
    assert "never-was" in refused["msg"]


def test_an_audit_says_how_the_systems_of_the_host_stand_and_hardening_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = dirty_host()
    on_host(call, monkeypatch, host)
    assert answer(check=True)["configurations"] == []
    page = parse({"name": "page", "files": [{"path": "/etc/page", "content": ""}]})
    transaction.apply(host, transaction.ConfigurationRequest("r1-page", page), check=False)
    host.add_file("/etc/page", "by hand\n")
    (standing,) = answer(check=True)["configurations"]
    assert (standing["name"], [item["entry"] for item in standing["drift"]]) == ("page", ["content"])
    assert "configurations" not in answer(run_id="e1")
    assert "configurations" not in answer(check=True, state="reverted", run_id="e1")
