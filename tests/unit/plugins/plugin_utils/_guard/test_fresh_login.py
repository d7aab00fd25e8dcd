# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirming from the controller, against a host by script and a clock of its own: no network, no waiting."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, List

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login
from guarded_host import RUN_ID, Failed, FakeConnection, GuardedHost, Login, Lost, reach

REFUSED = Lost("Failed to connect to the host via ssh: deploy@portal-01: Permission denied (publickey).")
TIMED_OUT = Lost("Failed to connect to the host via ssh: connect to host portal-01 port 22: Connection timed out")
RESET = Lost("Connection reset by peer")
PROMPT = Failed("Timeout (12s) waiting for privilege escalation prompt: ")
ODD_LINE = Lost("a banner\r\nssh: no route\x85to \u2028portal-01\r\n")
NO_BECOME = {
    "failed": True,
    "msg": "MODULE FAILURE",
    "module_stderr": "",
    "module_stdout": "x\nsudo: account expired\n",
}


def confirmed(host: GuardedHost, users: List[str] | None = None) -> fresh_login.GuardOutcome:
    return fresh_login.confirm(reach(host), host.guard(), users or [])


def test_a_host_that_lets_a_fresh_login_in_is_confirmed_by_one_call() -> None:
    host = GuardedHost()
    outcome = confirmed(host, ["rescue"])
    assert (outcome.state, outcome.tried, host.state) == ("confirmed", (), "confirmed")
    request = {"state": "confirmed", "run_id": RUN_ID, "break_glass_users": ["rescue"], "watch_next_boot": True}
    assert host.requests == [{**request, "at": 0.0}]
    assert host.slept == []


@pytest.mark.parametrize("wanted", [True, False])
def test_the_host_is_told_whether_to_look_after_its_next_boot(wanted: bool) -> None:
    host = GuardedHost()
    fresh_login.confirm(reach(host), host.guard(), [], watch_next_boot=wanted)
    assert [request["watch_next_boot"] for request in host.requests] == [wanted]


def test_a_slow_login_is_given_all_the_time_that_is_left() -> None:
    host, connection = GuardedHost([Login(25)]), FakeConnection(timeout=10)
    outcome = fresh_login.confirm(reach(host, connection), host.guard(), [])
    assert outcome.state == "confirmed"
    assert connection.timeouts == [120, 10]  # raised for the login, and put back


@pytest.mark.parametrize(
    ("first", "tried"),
    [
        pytest.param(Login(stale=True), "This login is older than the change.", id="stale-multiplexed-login"),
        pytest.param(Login(error=TIMED_OUT), str(TIMED_OUT), id="not-reachable"),
        pytest.param(Login(error=REFUSED), str(REFUSED), id="refused"),
        pytest.param(Login(error=PROMPT), "Timeout (12s) waiting for privilege escalation prompt:", id="no-prompt"),
        pytest.param(Login(error=OSError("no ssh")), "no ssh", id="no-program"),
        pytest.param(Login(answer=NO_BECOME), "MODULE FAILURE: sudo: account expired", id="no-become"),
        pytest.param(Login(error=ODD_LINE), "ssh: no route to portal-01", id="a-line-ends-at-a-newline-alone"),
        pytest.param(Login(swallowed=RESET), "Connection reset by peer", id="answer-lost"),
        pytest.param(Login(answer={"guard": {"state": "none"}}), "the guard is none", id="no-such-guard"),
        pytest.param(
            Login(answer={"guard": {"state": "confirmed", "run_id": "another"}}),
            "the guard is confirmed",
            id="another-guard",
        ),
    ],
)
def test_what_settles_nothing_is_tried_again(first: Login, tried: str) -> None:
    host = GuardedHost([first, Login()])
    outcome = confirmed(host)
    assert (outcome.state, outcome.tried) == ("confirmed", (tried,))
    assert len(host.requests) == 2


def test_pauses_grow_to_eight_seconds() -> None:
    host = GuardedHost([*(Login(0, error=TIMED_OUT) for _n in range(6)), Login()])
    assert confirmed(host).state == "confirmed"
    assert host.slept == [1, 2, 4, 8, 8, 8]


def test_refused_logins_are_few_because_hosts_count_them() -> None:
    host = GuardedHost([Login(error=REFUSED)])
    outcome = confirmed(host)
    assert outcome.state == "unknown"
    assert len(host.requests) <= 6


def test_a_host_that_refuses_logins_says_that_it_reverted() -> None:
    """Until the deadline every login is refused; after the revert they work again."""
    host = GuardedHost([*(Login(error=REFUSED) for _n in range(4)), Login()])
    outcome = confirmed(host)
    assert (outcome.state, outcome.guard["why"]) == ("reverted", "nobody confirmed it in time")
    assert outcome.tried == (str(REFUSED),) * 4
    assert [asked["state"] for asked in host.requests] == ["confirmed"] * 4 + ["status"]
    told = fresh_login.describe_outcome(outcome, "portal-01")
    assert told == (
        f"portal-01 took back run {RUN_ID} at 2026-11-22T15:02:02Z and is as it was: nobody confirmed it in time. "
        "A fresh login was tried 4 times in vain: "
        "Failed to connect to the host via ssh: deploy@portal-01: Permission denied (publickey) (4 times)."
    )


def test_a_host_that_is_reverting_is_waited_for() -> None:
    host = GuardedHost([Login(130, error=TIMED_OUT), Login()], reverting=30)
    outcome = confirmed(host)
    assert outcome.state == "reverted"
    assert host.now >= 150
    assert outcome.tried == (str(TIMED_OUT),)


def test_a_break_glass_account_that_cannot_get_in_ends_it_at_once() -> None:
    host = GuardedHost(refuses="rescue could not log in: its shell is missing")
    outcome = confirmed(host, ["rescue"])
    assert (outcome.state, outcome.tried, len(host.requests)) == ("reverted", (), 1)
    assert "is as it was: rescue could not log in: its shell is missing." in fresh_login.describe_outcome(
        outcome, "portal-01"
    )


def test_a_late_controller_learns_that_the_host_reverted() -> None:
    host = GuardedHost()
    guard = host.guard()
    host.now = 500.0
    outcome = fresh_login.confirm(reach(host), guard, [])
    assert (outcome.state, host.requests[0]["state"], outcome.tried) == ("reverted", "confirmed", ())
    host = GuardedHost()
    host.now = 500.0
    assert fresh_login.confirm(reach(host), {**guard, "seconds_left": 0}, []).state == "reverted"
    assert host.requests[0]["state"] == "status"


def test_a_confirmation_whose_answer_came_too_late_counts() -> None:
    host = GuardedHost([Login(30, swallowed=RESET), *(Login(40, error=TIMED_OUT) for _n in range(3)), Login()])
    outcome = confirmed(host)
    assert (outcome.state, host.requests[-1]["state"]) == ("confirmed", "status")


@pytest.mark.parametrize("survives", [True, False])
def test_a_host_that_never_comes_back_is_unknown(survives: bool) -> None:
    host = GuardedHost([Login(10, error=TIMED_OUT)])
    outcome = fresh_login.confirm(reach(host), {**host.guard(), "survives_reboot": survives}, [])
    assert (outcome.state, outcome.guard["state"], outcome.guard["run_id"]) == ("unknown", "unknown", RUN_ID)
    assert 180 <= host.now < 200
    told = fresh_login.describe_outcome(outcome, "portal-01")
    assert "It takes it back by itself at 2026-11-22T15:02:00Z" in told
    assert ("and at its next boot" in told) is survives
    assert "docs/when-a-host-takes-a-change-back.md" in told
    assert "Connection timed out" in told


def test_a_host_that_stays_armed_beyond_its_time_is_not_confirmed() -> None:
    host = GuardedHost([Login(stale=True)], stuck=True)
    assert confirmed(host).state == "unknown"


def test_the_hosts_own_count_outweighs_the_controllers_clock() -> None:
    """A task that does not know the guard believes in a time that is too short."""
    host = GuardedHost([Login(stale=True), *(Login(20, error=TIMED_OUT) for _n in range(5)), Login()], within=300)
    outcome = fresh_login.confirm(reach(host), {**fresh_login.NO_GUARD, "seconds_left": 60}, [])
    assert (outcome.state, host.now > 60) == ("confirmed", True)


# --- a fresh login ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", [None, Failed("cannot"), Lost("gone")], ids=["works", "fails", "lost"])
def test_what_is_open_is_closed_before_the_login(broken: Exception | None) -> None:
    connection = FakeConnection(broken_reset=broken)
    with fresh_login.fresh(connection, 33.2, (Lost, Failed)):
        assert connection.calls == ["close", "reset", "close"]
        assert connection.timeout == 34
    assert connection.timeout == 10


def test_a_connection_without_reset_or_timeout_is_closed() -> None:
    class Plain:
        closed = 0

        def close(self) -> None:
            self.closed += 1

    plain = Plain()
    with fresh_login.fresh(plain, 5, (Lost,)):
        assert plain.closed == 2
    connection = FakeConnection(timeout=None)
    with fresh_login.fresh(connection, 5, (Lost,)):
        assert connection.timeouts == []


def test_a_timeout_is_only_ever_raised_and_put_back_after_an_error_too() -> None:
    connection = FakeConnection(timeout=300)
    with contextlib.suppress(Lost), fresh_login.fresh(connection, 5, (Lost,)):
        raise Lost
    assert connection.timeouts == [300, 300]
    connection = FakeConnection(timeout=10)
    with contextlib.suppress(Lost), fresh_login.fresh(connection, 60, (Lost,)):
        raise Lost
    assert connection.timeouts == [60, 10]


@pytest.mark.parametrize(("error", "kept"), [(TIMED_OUT, True), (Failed("failed to transfer file"), False)])
def test_a_directory_that_a_reboot_may_have_taken_is_made_anew(error: Exception, kept: bool) -> None:
    host, connection = GuardedHost([Login(error=error), Login()]), FakeConnection()
    assert fresh_login.confirm(reach(host, connection), host.guard(), []).state == "confirmed"
    assert (connection._shell.tmpdir is not None) is kept


def test_what_happens_is_told_as_it_happens() -> None:
    lines: List[str] = []
    host = GuardedHost([Login(130, error=TIMED_OUT), Login()])
    fresh_login.confirm(reach(host, tell=lines.append), host.guard(), [])
    assert lines[0] == f"Confirming run {RUN_ID} on portal-01 by a fresh login"
    assert "portal-01 has not settled it yet" in lines[1]
    assert "asking portal-01 what became of it" in lines[2]


# --- a call that was cut ----------------------------------------------------------------------------------------------


def cut(host: GuardedHost, error: Exception = TIMED_OUT) -> Dict[str, Any]:
    def send() -> Dict[str, Any]:
        raise error

    return fresh_login.sent(reach(host), RUN_ID, 120, send)


@pytest.mark.parametrize("seconds", [0.0, 500.0], ids=["armed", "reverted-by-itself"])
def test_a_cut_call_is_taken_back(seconds: float) -> None:
    host = GuardedHost([Login(error=TIMED_OUT), Login()])
    host.now = seconds
    result = cut(host)
    assert (result["failed"], result["changed"], result["run_id"], host.state) == (True, False, RUN_ID, "reverted")
    # Only reverting waits for a call that is at work yet; how it stands says nothing before that has ended.
    assert [asked["state"] for asked in host.requests] == ["reverted"] * 2
    assert result["guard"]["state"] == "reverted"
    assert result["msg"].startswith("The connection to portal-01 was lost before the result came (Failed to connect")
    assert f"portal-01 took back run {RUN_ID}" in result["msg"]


def test_a_cut_call_is_taken_back_once_the_host_is_done_with_it() -> None:
    busy = {"failed": True, "msg": "Another run is at work.", "guard": GuardedHost().guard()}
    host = GuardedHost([Login(answer=busy), Login(error=TIMED_OUT), Login()])
    assert cut(host)["guard"]["state"] == "reverted"


def test_a_cut_call_that_stays_armed_and_silent_is_unknown() -> None:
    busy = {"failed": True, "msg": "Another run is at work.", "guard": GuardedHost().guard()}
    result = cut(GuardedHost([Login(answer=busy), Login(9, error=TIMED_OUT)]))
    assert (result["failed"], result["changed"], result["guard"]["state"]) == (True, True, "unknown")
    assert "Nobody knows whether portal-01 took back" in result["msg"]


def test_a_cut_call_that_somebody_confirmed_says_so() -> None:
    host = GuardedHost()
    host._end("confirmed", "by hand")
    result = cut(host)
    assert (result["failed"], result["changed"]) == (True, True)
    assert f"portal-01 keeps run {RUN_ID}, which somebody confirmed" in result["msg"]


def test_a_call_that_was_cut_before_the_guard_was_armed_fails_as_it_failed() -> None:
    with pytest.raises(Lost) as caught:
        cut(GuardedHost(armed=False))
    assert caught.value is TIMED_OUT


@pytest.mark.parametrize(("seconds", "tries"), [pytest.param(1, 3, id="down"), pytest.param(12, 1, id="silent")])
def test_a_host_that_stays_away_after_a_cut_call_is_left_after_about_ten_seconds(seconds: float, tries: int) -> None:
    host = GuardedHost([Login(seconds, error=TIMED_OUT)])
    with pytest.raises(Lost, match=r"timed out Should the run have begun .*portal-01 takes it back.* 120 seconds\."):
        cut(host)
    assert len(host.requests) == tries
    assert host.now < 15


def test_a_refused_login_is_not_tried_again_after_a_cut_call() -> None:
    host = GuardedHost([Login(error=REFUSED)])
    with pytest.raises(Lost, match="Should the run have begun"):
        cut(host, REFUSED)
    assert host.requests == []


@pytest.mark.parametrize(
    ("host", "told"),
    [
        pytest.param(GuardedHost(), f"took back run {RUN_ID}", id="armed"),
        pytest.param(GuardedHost(armed=False), "MODULE FAILURE", id="none"),
        pytest.param(GuardedHost([Login(error=TIMED_OUT)]), "MODULE FAILURE Should the run", id="away"),
    ],
)
def test_a_module_that_was_killed_is_a_cut_call(host: GuardedHost, told: str) -> None:
    killed = {"failed": True, "msg": "MODULE FAILURE", "module_stderr": "Killed\n", "rc": 137}
    result = fresh_login.sent(reach(host), RUN_ID, 120, lambda: killed)
    assert result["failed"]
    assert told in result["msg"]


@pytest.mark.parametrize("result", [{"run_id": "r1"}, {"failed": True, "run_id": "r1", "msg": "The disk is full."}])
def test_an_answer_is_left_as_it_is(result: Dict[str, Any]) -> None:
    host = GuardedHost()
    assert fresh_login.sent(reach(host), RUN_ID, 120, lambda: result) == result
    assert host.requests == []


# --- small things -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transport", "skipped"),
    [
        ("local", True),
        ("ansible.builtin.local", True),
        ("docker", True),
        ("community.docker.docker_api", True),
        ("community.docker.nsenter", True),
        ("containers.podman.podman", True),
        ("containers.podman.buildah", True),
        ("kubernetes.core.kubectl", True),
        ("community.okd.oc", True),
        ("community.general.lxd", True),
        ("community.general.incus", True),
        ("chroot", True),
        ("ssh", False),
        ("ansible.builtin.ssh", False),
        ("paramiko", False),
        ("ansible.netcommon.libssh", False),
        ("acme.remote.localnet", False),
        ("", False),
    ],
)
def test_only_connections_without_a_login_are_skipped(transport: str, skipped: bool) -> None:
    why = fresh_login.why_skipped(transport)
    assert bool(why) is skipped
    assert why == "" or (transport in why and why.endswith("so no login is at stake."))


def test_options_are_read_as_modules_read_them() -> None:
    assert [fresh_login.whole_number(value, 120) for value in (0, "0", "30", "soon", None)] == [0, 0, 30, 120, 120]
    assert fresh_login.names(None) == fresh_login.names("") == fresh_login.names([]) == []
    assert fresh_login.names("rescue, root") == fresh_login.names(["rescue", "root"]) == ["rescue", "root"]


def test_the_last_distinct_attempts_are_told() -> None:
    tried = ("one.", "two.", "one.", "three.", "four.", "four.")
    told = fresh_login.describe_outcome(fresh_login.GuardOutcome("unknown", fresh_login.NO_GUARD, tried), "portal-01")
    assert told.endswith("A fresh login was tried 6 times in vain: one (2 times); three; four (2 times).")
    assert "took back the change" in told


def test_a_reason_for_taking_back_reaches_the_host() -> None:
    host = GuardedHost()
    outcome = fresh_login.take_back(reach(host), host.guard(), why="tcp 80 is gone")
    assert outcome.state == "reverted"
    assert host.requests[0]["why"] == "tcp 80 is gone"


def test_a_run_that_nothing_guards_is_asked_for_by_its_own_name() -> None:
    assert fresh_login.guard_or_run({"run_id": "r1", "guard": {"state": "none"}})["run_id"] == "r1"
    assert fresh_login.guard_or_run({"run_id": "r1"})["seconds_left"] > 0
    armed = GuardedHost().guard()
    assert fresh_login.guard_or_run({"run_id": "r1", "guard": armed}) == armed
