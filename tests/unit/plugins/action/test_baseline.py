# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half: what the host said and what the controller knows, joined and counted."""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action import baseline
from ansible_collections.healthops.clinical.plugins.action.baseline import ActionModule, reverted
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.profiles import Choice
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.waivers import Waiver
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import reachability
from guarded_host import FakeConnection, GuardedHost

KNOWN = {name: {"title": f"Title of {name}", "severity": "high", "references": {}} for name in ("one", "two", "three")}


TODAY = date(2026, 11, 25)
WAIVER = Waiver(1, "two", date(2026, 12, 1), {"ticket": "T-1", "owner": "I", "expires": "2026-12-01"}, None, None)


def judged(result: dict[str, Any], wanted: Selection, waivers: Sequence[Waiver] = ()) -> dict[str, Any]:
    return baseline.judged(result, baseline.Measure(wanted, waivers, Choice(), TODAY))


def selection() -> Selection:
    return Selection(
        tier="standard",
        controls=(),
        metadata=KNOWN,
        skipped={"three": "The vendor forbids it."},
        digest="sha256:0",
        warnings=("mind this",),
        frameworks={"hipaa": {"title": "HIPAA", "status": "law"}},
    )


def found(*results: str) -> dict[str, Any]:
    names = list(KNOWN)
    findings = [{"id": names[n], "result": word, "reason": "because"} for n, word in enumerate(results)]
    return {"changed": False, "check_mode": False, "findings": findings, "warnings": ["the host's own"]}


def test_findings_are_joined_with_their_metadata_in_the_catalogues_order() -> None:
    result = found("pass", "fixed")
    result["findings"].reverse()
    told = judged(result, selection())
    assert [finding["id"] for finding in told["findings"]] == ["one", "two", "three"]
    assert told["findings"][0]["title"] == "Title of one"
    assert told["findings"][2]["result"] == "notchecked"
    assert told["findings"][2]["reason"] == "Skipped: The vendor forbids it."
    assert told["summary"]["pass"] == told["summary"]["fixed"] == told["summary"]["notchecked"] == 1
    assert told["summary"]["error"] == 0
    assert told["msg"] == "3 controls of tier standard: 1 pass, 1 fixed, 1 notchecked"
    assert told["catalogue"] == {"digest": "sha256:0", "controls": 3}
    assert told["warnings"] == ["the host's own", "mind this"]
    assert told["frameworks"] == {"hipaa": {"title": "HIPAA", "status": "law"}}
    assert not told.get("failed")


@pytest.mark.parametrize(
    ("after", "warned"), [("15 min", ["one: Sessions end."]), ("endless", [])], ids=["enforced", "as it was"]
)
def test_whoever_is_concerned_by_what_is_enforced_is_warned(after: str, warned: list[str]) -> None:
    result = found("fixed", "pass")
    result["findings"][0].update(before="endless", after=after)
    result["findings"][1].update(before="a", after="a")
    cautious = dataclasses.replace(selection(), cautions={"one": "Sessions end.", "two": "No."})
    assert judged(result, cautious)["warnings"] == ["the host's own", "mind this", *warned]


@pytest.mark.parametrize(("check_mode", "failed"), [(False, True), (True, False)])
def test_an_error_fails_a_run_and_not_an_audit(check_mode: bool, failed: bool) -> None:
    told = judged({**found("pass", "error"), "check_mode": check_mode}, selection())
    assert told.get("failed", False) == failed
    assert ("two: because" in told["msg"]) == failed


def test_waivers_stand_with_the_result_and_are_counted() -> None:
    told = judged(found("pass", "waived"), selection(), [WAIVER])
    assert told["findings"][1]["waiver"]["days_left"] == 6
    assert [(waiver["control"], waiver["used"], waiver["expired"]) for waiver in told["waivers"]] == [
        ("two", True, False)
    ]
    assert told["summary"]["waived"] == 1
    assert not told.get("failed")


def test_a_waiver_that_is_not_used_is_warned_of() -> None:
    assert "is not used: the host complies" in judged(found("pass", "pass"), selection(), [WAIVER])["warnings"][-1]


def test_a_run_that_found_nothing_shows_its_waivers() -> None:
    told = judged({"failed": True, "msg": "The disk is full."}, selection(), [WAIVER])
    assert [(waiver["control"], waiver["used"]) for waiver in told["waivers"]] == [("two", False)]


def test_a_failed_module_keeps_its_own_words() -> None:
    told = judged({"failed": True, "msg": "The disk is full."}, selection())
    assert (told["failed"], told["msg"], told["tier"]) == (True, "The disk is full.", "standard")


def test_reverts_are_counted() -> None:
    result = {"restored": [{}, {}], "reverted_run_id": "e1", "check_mode": False}
    assert reverted(result)["msg"] == "Run e1: 2 things put back"
    assert reverted({**result, "check_mode": True})["msg"] == "Run e1: 2 things would be put back"
    several = {**result, "reverted_runs": ["e2", "e1"], "left": [{}]}
    assert reverted(several)["msg"] == "Runs e2, e1: 2 things put back, 1 left as they are"
    assert reverted({"failed": True, "msg": "no"}) == {"failed": True, "msg": "no"}


# --- asking what can be reached ---

ASKED = [{"place": "tcp 80", "told": "tcp 80 (nginx.service)", "address": "", "port": 80}]
AVAILABLE = {"compared": True, "lost": [], "unreachable": [], "consented": [], "ended": []}


class Action(ActionModule):  # type: ignore[misc]
    """An action whose host answers by script; ``sent`` are the calls of the module, ``asked`` those of the guard."""

    def __init__(self, answers: list[dict[str, Any]], transport: str = "ssh") -> None:
        self.answers, self.sent, self.requests = answers, [], []  # type: ignore[var-annotated]
        self._task = SimpleNamespace(check_mode=False, args={}, delegate_to=None)
        self._connection = FakeConnection(transport=transport)
        self._play_context = SimpleNamespace(remote_addr="10.0.0.7")

    def _send(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        self.sent.append(args)
        return self.answers.pop(0)

    def _execute_module(self, module_name: str, module_args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        self.requests.append(module_args)
        guard = {**GuardedHost().guard(), "run_id": module_args["run_id"], "state": "reverted"}
        return {"changed": True, "guard": {**guard, "why": module_args["why"]}}

    def carry_out(self) -> dict[str, Any]:
        carried: dict[str, Any] = self._carried_out({"run_id": "r1", "confirm_within": 120}, {}, "run_id")
        return carried


def answer(changed: bool, **more: Any) -> dict[str, Any]:
    return {"changed": changed, "run_id": "r1", "guard": {"state": "none"}, "availability": dict(AVAILABLE), **more}


def test_the_log_of_the_host_is_not_given_what_the_module_is(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def execute(self: Action, name: str, module_args: dict[str, Any], task_vars: Any) -> None:
        assert module_args["core"], "the module is nothing without it"
        seen.update(task_vars)

    monkeypatch.setattr(Action, "_execute_module", execute)
    ActionModule._send(Action([]), {"tunables": {"boot_password_hash": "grub.pbkdf2"}}, {"ansible_host": "portal-01"})
    assert seen == {"ansible_host": "portal-01", "ansible_no_target_syslog": True}


def test_where_nothing_changes_one_call_does_it() -> None:
    action = Action([answer(False)])
    assert not action.carry_out()["changed"]
    assert [call["survey_only"] for call in action.sent] == [True]
    assert action.requests == []


@pytest.fixture(name="web_server")
def fixture_web_server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def asks(server: socket.socket) -> dict[str, Any]:
    return answer(
        False,
        listeners_to_probe=[{**ASKED[0], "address": "127.0.0.1", "port": server.getsockname()[1]}],
        warnings=["a"],
    )


def test_a_run_that_changes_something_is_asked_for_its_sockets_first(web_server: socket.socket) -> None:
    action = Action([asks(web_server), answer(True)])
    told = action.carry_out()
    assert (told["changed"], told["warnings"], action.requests) == (True, ["a"], [])
    assert [call.get("survey_only", False) for call in action.sent] == [True, False]


def test_an_address_that_only_the_host_names_is_not_asked(
    web_server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The play goes to another address than the one at which this server would answer."""
    action = Action([asks(web_server), answer(True)])
    monkeypatch.setattr(reachability, "lost", lambda before, consented: list(before))
    assert "failed" not in action.carry_out()


def test_what_cannot_be_reached_any_more_takes_the_run_back(
    web_server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = Action([asks(web_server), answer(True)])
    action._play_context.remote_addr = "127.0.0.1"
    monkeypatch.setattr(reachability, "lost", lambda before, consented: list(before))
    told = action.carry_out()
    assert (told["failed"], told["changed"], told["guard"]["state"]) == (True, False, "reverted")
    assert told["availability"]["unreachable"] == ["tcp 80 (nginx.service)"]
    (asked,) = action.requests
    assert (asked["state"], asked["run_id"]) == ("reverted", "r1")
    assert asked["why"] == "the controller cannot reach tcp 80 (nginx.service) any more"


def test_what_somebody_had_started_by_hand_may_be_gone(web_server: socket.socket) -> None:
    ended = {**AVAILABLE, "ended": ["tcp 80 (nginx.service)"]}
    asked_first = asks(web_server)

    class Ending(Action):
        def _send(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
            if self.sent:
                web_server.close()
            return super()._send(args, task_vars)

    action = Ending([asked_first, answer(True, availability=ended)])
    result = action.carry_out()
    assert (result["changed"], result.get("failed", False), action.requests) == (True, False, [])


def test_who_has_a_login_cannot_have_a_run_taken_back(
    web_server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody opens a port for the host's survey, and shuts it once the host has looked again."""
    surveyed = asks(web_server)
    surveyed["listeners_to_probe"][0] |= {"told": "tcp 80 (session-3.scope)", "by_hand": True}
    action = Action([surveyed, answer(True)])
    action._play_context.remote_addr = "127.0.0.1"
    monkeypatch.setattr(reachability, "lost", lambda before, consented: list(before))
    result = action.carry_out()
    assert (result["changed"], result.get("failed", False), action.requests) == (True, False, [])
    warning = result["warnings"][-1]
    assert "cannot reach tcp 80 (session-3.scope) any more, which somebody had started by hand" in warning


@pytest.mark.parametrize(("transport", "within"), [("ssh", 120), ("containers.podman.podman", 0), ("local", 0)])
def test_check_mode_knows_whether_the_run_would_be_guarded(transport: str, within: int) -> None:
    action = Action([answer(True)], transport=transport)
    action._task.check_mode = True
    action.carry_out()
    assert [call["confirm_within"] for call in action.sent] == [within]


def test_what_the_host_took_back_itself_fails_over_any_connection() -> None:
    guard = {**GuardedHost().guard(), "run_id": "r1", "state": "reverted", "why": "it cost the host tcp 80"}
    action = Action([answer(False, guard=guard)], transport="local")
    told = action.carry_out()
    assert (told["failed"], told["guard"]["state"]) == (True, "reverted")
    assert "it cost the host tcp 80" in told["msg"]
    assert "survey_only" not in action.sent[0]  # nobody asks from outside over a connection without a network
