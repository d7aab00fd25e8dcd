# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a baseline's result says once its guard has ended."""

from __future__ import annotations

from typing import Any, Dict

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import result as guard_result
from guarded_host import GuardedHost


def finding(result: str, before: str = "yes", after: str = "yes") -> Dict[str, Any]:
    looks = {look: {"state": "ok", "saw": after} for look in ("running", "on_disk")}
    verdicts = {**looks, "survives_reboot": {"state": "notapplicable", "saw": ""}}
    return {"id": "one", "result": result, "before": before, "after": after, "verdicts": verdicts, "reason": "because"}


def result(*findings: Dict[str, Any]) -> Dict[str, Any]:
    change = {"subject": "file:/etc/ssh/sshd_config", "before": "yes", "after": "no"}
    answer = {"changed": True, "changes": [change], "diff": [{}], "findings": list(findings), "warnings": ["its own"]}
    return {**answer, "guard": GuardedHost().guard()}


def outcome(state: str) -> fresh_login.GuardOutcome:
    guard = {**GuardedHost().guard(), "state": state, "why": "nobody confirmed it"}
    return fresh_login.GuardOutcome(state, guard, ("refused",), {"warnings": ["mind rescue"]})


def test_a_confirmed_run_keeps_its_findings() -> None:
    before = result(finding("fixed", "yes", "no"))
    answer = guard_result.concluded(before, outcome("confirmed"), "portal-01", ["rescue"])
    assert answer == {**before, "guard": outcome("confirmed").guard, "warnings": ["its own", "mind rescue"]}


def test_a_run_that_was_taken_back_changed_nothing() -> None:
    before = result(
        finding("fixed", "yes", "no"), finding("fail", "yes", "maybe"), finding("pass"), finding("notapplicable")
    )
    answer = guard_result.concluded(before, outcome("reverted"), "portal-01", ["rescue"])
    assert (answer["failed"], answer["changed"], answer["changes"], answer["diff"]) == (True, False, [], [])
    fixed, fail, *rest = answer["findings"]
    assert (fixed["result"], fixed["before"], fixed["after"]) == ("fail", "yes", "yes")
    assert fixed["verdicts"] == {
        "running": {"state": "deviates", "saw": "yes"},
        "on_disk": {"state": "deviates", "saw": "yes"},
        "survives_reboot": {"state": "notapplicable", "saw": ""},
    }
    assert fixed["reason"] == f"It was taken back. {answer['msg']}"
    assert "and is as it was: nobody confirmed it. A fresh login was tried once in vain: refused." in answer["msg"]
    assert fail == {**finding("fail", "yes", "maybe"), "after": "yes"}
    assert rest == before["findings"][2:]


def test_a_run_that_nobody_knows_of_is_an_error_and_keeps_what_it_may_have_changed() -> None:
    before = result(finding("fixed", "yes", "no"), finding("pass"))
    answer = guard_result.concluded(before, outcome("unknown"), "portal-01", ["rescue"])
    assert (answer["failed"], answer["changed"], answer["changes"]) == (True, True, before["changes"])
    fixed, passed = answer["findings"]
    assert (fixed["result"], fixed["after"]) == ("error", "unknown")
    assert [verdict["state"] for verdict in fixed["verdicts"].values()] == ["unknown", "unknown", "notapplicable"]
    assert passed == before["findings"][1]


@pytest.mark.parametrize(("state", "word"), [("reverted", "fail"), ("unknown", "error")])
def test_what_was_fixed_without_a_word_of_difference_is_not_fixed_either(state: str, word: str) -> None:
    answer = guard_result.concluded(result(finding("fixed", "yes", "yes")), outcome(state), "portal-01", ["rescue"])
    assert answer["findings"][0]["result"] == word


@pytest.mark.parametrize(("state", "restored"), [("confirmed", [{}]), ("reverted", []), ("unknown", [{}])])
def test_a_revert_that_was_taken_back_restored_nothing(state: str, restored: Any) -> None:
    before = {"changed": True, "restored": [{}], "reverted_run_id": "e1", "guard": GuardedHost().guard()}
    answer = guard_result.concluded(before, outcome(state), "portal-01", ["rescue"])
    assert (answer["restored"], answer.get("failed", False)) == (restored, state != "confirmed")


def test_a_guarded_run_without_a_break_glass_account_is_warned_of() -> None:
    answer = guard_result.concluded(result(), outcome("confirmed"), "portal-01", [])
    assert any("hardening_break_glass_users" in warning for warning in answer["warnings"])


def test_runs_without_a_guard_say_why() -> None:
    skipped = guard_result.unguarded({"changed": True}, "The connection is local.")
    assert (skipped["guard"]["state"], skipped["guard"]["why"]) == ("skipped", "The connection is local.")
    assert "warnings" not in skipped
    off = guard_result.unguarded({"changed": True}, "")
    assert (off["guard"]["state"], off["warnings"]) == ("off", [guard_result.GUARD_OFF])
    assert set(off["guard"]) == set(fresh_login.NO_GUARD)


@pytest.mark.parametrize(
    ("answer", "armed"),
    [
        ({"guard": {"state": "armed"}}, True),
        ({"guard": {"state": "armed"}, "failed": True}, False),
        ({"guard": {"state": "none"}}, False),
        ({"guard": {}}, False),
        ({}, False),
    ],
)
def test_only_an_armed_run_is_confirmed(answer: Dict[str, Any], armed: bool) -> None:
    assert guard_result.is_armed(answer) is armed


def test_a_run_that_the_host_took_back_itself_stays_told_so_where_nothing_was_guarded() -> None:
    answer = {**result(finding("fixed", "yes", "no")), "guard": outcome("reverted").guard}
    assert guard_result.is_taken_back(answer)
    assert guard_result.unguarded(answer, "local") is answer
    concluded = guard_result.concluded(answer, fresh_login.GuardOutcome("reverted", answer["guard"]), "portal-01", [])
    assert (concluded["failed"], concluded["warnings"]) == (True, ["its own"])
    assert concluded["findings"][0]["result"] == "fail"


def test_what_cannot_be_reached_any_more_stands_in_the_result() -> None:
    answer = {**result(), "availability": {"lost": [], "unreachable": []}}
    assert guard_result.unreachable(answer, ["tcp 80"])["availability"] == {"lost": [], "unreachable": ["tcp 80"]}
    assert guard_result.why_unreachable(["tcp 80", "tcp 443"]) == "the controller cannot reach tcp 80, tcp 443 any more"


def test_warnings_of_the_question_and_of_the_run_are_told_once() -> None:
    assert guard_result.also_warned({"warnings": ["b", "c"]}, ["a", "b"])["warnings"] == ["a", "b", "c"]
    assert guard_result.also_warned({}, None) == {}
