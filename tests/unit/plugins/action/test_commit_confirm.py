# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both actions that guard, on a host by script: what is sent, what is skipped, and what is never claimed."""

from __future__ import annotations

import functools
import itertools
from datetime import date
from types import SimpleNamespace
from typing import Any, Dict, List, Tuple
from unittest import mock

import pytest

pytest.importorskip("ansible")

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible_collections.healthops.clinical.plugins.action import baseline, commit_confirm
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.profiles import Choice
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login
from guarded_host import RUN_ID, FakeConnection, GuardedHost, Login

REFUSED = AnsibleConnectionFailure("Permission denied (publickey).")
DOWN = AnsibleConnectionFailure("Connection timed out")
RESET = AnsibleConnectionFailure("Connection reset by peer")
PROMPT = AnsibleError("Timeout (12s) waiting for privilege escalation prompt: ")


def call(
    plugin: Any, host: GuardedHost, args: Dict[str, Any], sent: Any = None, transport: str = "ssh", check: bool = False
) -> Tuple[Dict[str, Any], List[Dict[str, Any]]]:
    """Run an action; ``sent`` is what the baseline module answers. Returns the result and what that module was told."""
    told: List[Dict[str, Any]] = []

    def execute(module_name: str, module_args: Dict[str, Any], task_vars: Any = None) -> Dict[str, Any]:
        assert task_vars["ansible_no_target_syslog"], "the host's log would be given the commands"
        if module_name == fresh_login.MODULE:
            return host.execute({name: value for name, value in module_args.items() if name != "core"})
        told.append(module_args)
        if isinstance(sent, Exception):
            raise sent
        return dict(sent)

    task = SimpleNamespace(args=args, async_val=0, check_mode=check, diff=False, action="guarded", delegate_to=None)
    context = SimpleNamespace(check_mode=check, diff=False)
    connection = FakeConnection(transport=transport)
    action = plugin.ActionModule(task, connection, context, loader=None, templar=None, shared_loader_obj=None)
    action._load_name = "healthops.clinical.guarded"
    action._execute_module = execute
    if plugin is baseline:
        known = {"title": "One", "severity": "high", "references": {}}
        selection = Selection(
            tier="standard", controls=(), metadata={"one": known}, skipped={}, digest="sha256:0", warnings=()
        )
        action._measure = lambda *_args: baseline.Measure(selection, (), Choice(), date(2026, 11, 22))
    played = functools.partial(fresh_login.Reach, clock=lambda: host.now, sleep=host.sleep)
    with mock.patch.object(fresh_login, "Reach", played):  # the actions would wait by the real clock
        return action.run(task_vars={"inventory_hostname": "portal-01"}), told


def enforced(host: GuardedHost) -> Dict[str, Any]:
    looks = {look: {"state": "ok", "saw": "no"} for look in ("running", "on_disk", "survives_reboot")}
    found = {"id": "one", "result": "fixed", "before": "yes", "after": "no", "reason": "", "verdicts": looks}
    told = {"changed": True, "check_mode": False, "run_id": RUN_ID, "changes": [{}], "findings": [found]}
    return {**told, "guard": host.guard()}


def restored(host: GuardedHost) -> Dict[str, Any]:
    told = {"changed": True, "check_mode": False, "run_id": RUN_ID, "restored": [{}], "reverted_run_id": "e1"}
    return {**told, "guard": host.guard()}


# --- baseline ---------------------------------------------------------------------------------------------------------


def test_a_confirmed_run_is_fixed() -> None:
    host = GuardedHost()
    result, told = call(baseline, host, {"break_glass_users": ["rescue"]}, enforced(host))
    assert (result["summary"]["fixed"], result["guard"]["state"]) == (1, "confirmed")
    assert not result.get("failed")
    assert result["warnings"] == []
    assert host.requests[0]["break_glass_users"] == ["rescue"]
    assert told[0]["run_id"]  # so that it can be found again should the connection break


LOGINS = {
    "works": Login(),
    "slow": Login(25),
    "stale": Login(stale=True),
    "refused": Login(error=REFUSED),
    "down": Login(7, error=DOWN),
    "prompt": Login(12, error=PROMPT),
    "no-become": Login(answer={"failed": True, "msg": "MODULE FAILURE", "module_stderr": "sudo: broken"}),
    "lost-answer": Login(swallowed=RESET),
}


@pytest.mark.parametrize("late", [0.0, 119.0, 400.0])
@pytest.mark.parametrize("stuck", [False, True], ids=["reverts", "stuck"])
@pytest.mark.parametrize("refuses", ["", "rescue has no shell"], ids=["glass", "no-glass"])
def test_nothing_is_fixed_that_the_host_did_not_confirm(refuses: str, stuck: bool, late: float) -> None:
    ended = set()
    for first, then in itertools.product(LOGINS.values(), LOGINS.values()):
        host = GuardedHost([first, first, then], refuses=refuses, stuck=stuck)
        before = enforced(host)
        host.now = late
        result, _told = call(baseline, host, {}, before)
        honest(result, host)
        ended.add(result["guard"]["state"])
    assert len(ended) > 1  # the logins above are not all of one kind


def honest(result: Dict[str, Any], host: GuardedHost) -> None:
    fine = result["guard"]["state"] == "confirmed"
    assert fine is (not result.get("failed", False))
    assert fine is (result["summary"]["fixed"] == 1)
    assert result["summary"] == {**dict.fromkeys(result["summary"], 0), result["findings"][0]["result"]: 1}
    if fine:
        assert host.state == "confirmed"
    else:
        assert result["guard"]["state"] in ("reverted", "unknown")
        assert "portal-01" in result["msg"]
        assert RUN_ID in result["msg"]
    if result["guard"]["state"] == "reverted":
        assert host.state == "reverted"
        assert (result["changed"], result["changes"], result["summary"]["fail"]) == (False, [], 1)


def test_a_revert_that_was_taken_back_failed() -> None:
    host = GuardedHost(refuses="rescue has no shell")
    result, told = call(baseline, host, {"state": "reverted", "run_id": "e1"}, restored(host))
    assert (result["failed"], result["changed"], result["restored"]) == (True, False, [])
    assert "rescue has no shell" in result["msg"]
    assert (told[0]["run_id"], bool(told[0]["revert_run_id"])) == ("e1", True)
    host = GuardedHost()
    result, _told = call(baseline, host, {"state": "reverted"}, restored(host))
    assert (result["msg"], result["guard"]["state"]) == ("Run e1: 1 things put back", "confirmed")


@pytest.mark.parametrize("answer", [enforced, restored])
@pytest.mark.parametrize(
    ("transport", "within", "state"),
    [("local", 120, "skipped"), ("containers.podman.podman", 0, "skipped"), ("ssh", 0, "off"), ("ssh", "0", "off")],
)
def test_where_no_login_is_at_stake_or_the_guard_is_off_none_is_armed(
    answer: Any, transport: str, within: Any, state: str
) -> None:
    host = GuardedHost(armed=False)
    wanted = {"state": "reverted" if answer is restored else "enforced", "confirm_within": within}
    result, told = call(baseline, host, wanted, answer(host), transport)
    assert (result["guard"]["state"], bool(result["guard"]["why"])) == (state, True)
    assert (told[0]["confirm_within"], host.requests) == (0, [])
    assert not result.get("failed")
    assert any("confirm_within is 0" in text for text in result.get("warnings", [])) is (state == "off")


@pytest.mark.parametrize(("transport", "within"), [("ssh", 60), ("local", 0)])
def test_check_mode_sends_what_the_run_would_and_confirms_nothing(transport: str, within: int) -> None:
    host = GuardedHost(armed=False)
    result, told = call(baseline, host, {"confirm_within": 60}, enforced(host), transport, check=True)
    assert (result["guard"]["state"], host.requests) == ("none", [])
    assert (told[0]["confirm_within"], "run_id" in told[0]) == (within, False)


def test_a_run_that_changed_nothing_guarded_is_not_confirmed() -> None:
    host = GuardedHost(armed=False)
    result, _told = call(baseline, host, {}, enforced(host))
    assert (result["guard"]["state"], result["summary"]["fixed"], host.requests) == ("none", 1, [])
    assert not any("break-glass" in text for text in result["warnings"])


def test_a_run_that_the_host_refuses_keeps_the_hosts_words() -> None:
    host = GuardedHost()
    refusal = {"failed": True, "run_id": "r2", "msg": "A guard is armed until ...", "guard": host.guard()}
    result, _told = call(baseline, host, {}, refusal)
    assert (result["failed"], result["msg"], host.requests) == (True, "A guard is armed until ...", [])


def test_a_run_that_was_cut_is_taken_back_and_one_that_never_began_is_unreachable() -> None:
    host = GuardedHost()
    result, _told = call(baseline, host, {"run_id": RUN_ID}, DOWN)
    assert (result["failed"], result["guard"]["state"], host.state) == (True, "reverted", "reverted")
    assert result["tier"] == "standard"
    with pytest.raises(AnsibleConnectionFailure, match=r"^Connection timed out$"):
        call(baseline, GuardedHost(armed=False), {"run_id": RUN_ID}, DOWN)
    with pytest.raises(AnsibleConnectionFailure, match="takes it back by itself within 60 seconds"):
        call(baseline, GuardedHost([Login(error=DOWN)]), {"run_id": RUN_ID, "confirm_within": 60}, DOWN)


# --- commit_confirm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [False, True], ids=["run", "check"])
@pytest.mark.parametrize("state", ["armed", "confirmed", "reverted"])
def test_a_connection_without_a_login_is_never_used(state: str, check: bool) -> None:
    host = GuardedHost()
    result, _told = call(commit_confirm, host, {"state": state, "run_id": "r1"}, transport="docker", check=check)
    assert (result["changed"], result["guard"]["state"], host.requests) == (False, "skipped", [])
    assert (result["msg"], result["run_id"]) == (result["guard"]["why"], "r1")


def test_status_is_always_asked() -> None:
    host = GuardedHost()
    result, _told = call(commit_confirm, host, {"state": "status"}, transport="local")
    assert (result["guard"]["state"], len(host.requests)) == ("armed", 1)


@pytest.mark.parametrize("state", ["armed", "confirmed", "reverted", "status"])
def test_check_mode_asks_the_module_once(state: str) -> None:
    host = GuardedHost([Login(answer={"changed": False, "invocation": {}})])
    result, _told = call(commit_confirm, host, {"state": state, "paths": ["/etc/ssh"]}, check=True)
    assert result == {"changed": False}
    assert [{**asked, "at": 0} for asked in host.requests] == [{"state": state, "paths": ["/etc/ssh"], "at": 0}]


def test_arming_names_the_guard() -> None:
    host = GuardedHost([Login(answer={"changed": True, "run_id": "x"})])
    assert call(commit_confirm, host, {"state": "armed"})[0] == {"changed": True, "run_id": "x"}
    assert host.requests[0]["run_id"]
    call(commit_confirm, host, {"state": "armed", "run_id": "mine"})
    assert host.requests[1]["run_id"] == "mine"


def test_arming_that_was_cut_is_taken_back() -> None:
    host = GuardedHost([Login(error=DOWN), Login()])
    result, _told = call(commit_confirm, host, {"state": "armed", "run_id": RUN_ID})
    assert (result["failed"], result["guard"]["state"], host.state) == (True, "reverted", "reverted")


@pytest.mark.parametrize("run_id", ["", RUN_ID])
def test_confirming_takes_a_fresh_login(run_id: str) -> None:
    host = GuardedHost([Login(stale=True), Login()])
    result, _told = call(commit_confirm, host, {"state": "confirmed", "run_id": run_id, "break_glass_users": "a,b"})
    assert (result["changed"], result["guard"]["state"], result["run_id"]) == (True, "confirmed", RUN_ID)
    assert "failed" not in result
    assert host.requests[0]["break_glass_users"] == ["a", "b"]
    again, _told = call(commit_confirm, host, {"state": "confirmed", "run_id": run_id})
    assert (again["changed"], "failed" in again) == (False, False)


@pytest.mark.parametrize("run_id", ["", RUN_ID])
def test_confirming_what_was_taken_back_fails(run_id: str) -> None:
    host = GuardedHost([*(Login(error=REFUSED) for _n in range(4)), Login()])
    result, _told = call(commit_confirm, host, {"state": "confirmed", "run_id": run_id})
    assert (result["failed"], result["changed"], result["guard"]["state"]) == (True, False, "reverted")
    assert f"portal-01 took back run {RUN_ID}" in result["msg"]
    assert "Permission denied (publickey) (4 times)" in result["msg"]


def test_confirming_on_a_host_that_never_answers_fails() -> None:
    result, _told = call(commit_confirm, GuardedHost([Login(9, error=DOWN)]), {"state": "confirmed"})
    assert (result["failed"], result["changed"], result["guard"]["state"]) == (True, False, "unknown")
    assert "Nobody knows whether portal-01 took back the change" in result["msg"]


def test_confirming_without_a_guard_fails_at_once_with_the_hosts_words() -> None:
    host = GuardedHost(armed=False)
    result, _told = call(commit_confirm, host, {"state": "confirmed"})
    assert (result["failed"], result["guard"]["state"], len(host.requests)) == (True, "none", 1)


def test_reverting_goes_on_where_the_connection_breaks() -> None:
    host = GuardedHost([Login(swallowed=RESET), Login(error=DOWN), Login()])
    result, _told = call(commit_confirm, host, {"state": "reverted", "run_id": RUN_ID})
    assert (result["guard"]["state"], "failed" in result) == ("reverted", False)
    host = GuardedHost([Login(error=DOWN), Login()])
    host._end("confirmed", "by hand")
    result, _told = call(commit_confirm, host, {"state": "reverted", "run_id": RUN_ID})
    assert (result["failed"], result["guard"]["state"]) == (True, "confirmed")
