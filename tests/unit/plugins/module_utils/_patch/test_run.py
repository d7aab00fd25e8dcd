# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned, staged, applied, rolled back; and what becomes of each when it is cut at any point."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from typing import Callable, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import ledger, stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import Answer, Stopped, Wish
from ansible_collections.healthops.clinical.plugins.module_utils._patch.roll_back import rolled_back
from fake_host import FakeHost, Killed
from fake_programs import FakeUnit
from patched_host import CONF, EDITED, NOW, FakeManager, patched_host, wish

OLD = {"a": "1", "b": "1", "service": "1", "gone": "1"}
NEW = {"a": "2", "b": "2", "service": "2", "new": "2"}


def machine(**more: object) -> tuple[FakeHost, FakeManager]:
    host = patched_host(**more)  # type: ignore[arg-type]
    return host, FakeManager(host)


def digest(manager: FakeManager) -> str:
    return str(patch_run.planned(manager.host, manager, wish(check=True)).plan["digest"])


def apply(manager: FakeManager, run_id: str = "run", **more: object) -> Answer:
    wanted = more.pop("digest", None) or digest(manager)
    return patch_run.applied(manager.host, manager, wish(run_id, digest=wanted, **more))


def stage_of(host: FakeHost, run_id: str = "run") -> str:
    return stages.find(host, run_id).stage


def noted(host: FakeHost, what: str) -> list[str]:
    return sorted(str(entry["name"]) for entry in ledger.read(host).entries if entry["what"] == what)


# --- the four states ---


def test_a_plan_writes_down_what_is_seen_and_nothing_else() -> None:
    host, manager = machine()
    before = host.state()
    answer = patch_run.planned(host, manager, wish())
    assert (answer.changed, answer.plan["verdict"]) == (False, "updates")
    assert noted(host, "seen") == ["a", "b", "new", "service"]
    assert host.state() == before


def test_a_plan_in_check_mode_writes_nothing_at_all() -> None:
    host, manager = machine()
    patch_run.planned(host, manager, wish(check=True))
    assert host.operations == []


def test_a_mirror_that_does_not_answer_makes_the_verdict_unknown() -> None:
    host, manager = machine()
    manager.mirror = False
    wanted = wish()
    answer = patch_run.planned(host, manager, replace(wanted, question=replace(wanted.question, refresh=True)))
    assert answer.plan["verdict"] == "unknown"
    assert "Failed to fetch" in answer.plan["unknown_because"][0]


def test_a_deadline_begins_when_the_update_was_first_seen_and_not_anew_with_the_next_version() -> None:
    host, manager = machine()
    patch_run.planned(host, manager, wish())
    manager.wanted["a"] = "3"
    later = NOW + timedelta(days=20)
    change = patch_run.planned(host, manager, wish(now=later)).plan["changes"][0]
    assert (change["first_seen"], change["days_left"]) == ("2026-11-25T08:00:00Z", -6)


@pytest.mark.parametrize("state", [patch_run.staged, patch_run.applied], ids=["staged", "applied"])
def test_the_four_shots(state: Callable[[FakeHost, FakeManager, Wish], Answer]) -> None:
    host, manager = machine()
    wanted = digest(manager)
    shots = [state(host, manager, wish(f"run{n}", digest=wanted, check=n % 2 == 0)) for n in range(4)]
    assert [shot.changed for shot in shots] == [True, True, False, False]
    assert shots[0].done == shots[1].done


def test_check_mode_touches_nothing() -> None:
    host, manager = machine()
    apply(manager, check=True)
    patch_run.staged(host, manager, wish(check=True))
    assert host.operations == []


def test_staging_leaves_the_packages_as_they_are_and_has_everything_on_the_host() -> None:
    host, manager = machine()
    answer = patch_run.staged(host, manager, wish())
    assert manager.there == OLD
    assert stage_of(host) == "staged"
    assert [kept["name"] for kept in answer.kept] == ["a", "b", "gone", "service"]
    manager.mirror = False
    assert apply(manager).changed


def test_another_plan_takes_the_place_of_what_is_staged() -> None:
    host, manager = machine()
    patch_run.staged(host, manager, wish("one"))
    manager.wanted["a"] = "3"
    patch_run.staged(host, manager, wish("two"))
    assert [stage_of(host, name) for name in ("one", "two")] == ["dropped", "staged"]


def test_exactly_the_set_is_changed_and_written_down() -> None:
    host, manager = machine()
    answer = apply(manager)
    assert (manager.there, stage_of(host)) == (NEW, "applied")
    assert noted(host, "installed") == ["a", "b", "gone", "new", "service"]
    assert answer.restarted == ("service.service",)
    assert (manager.held, manager.marked, manager.suspended) == (set(), "marks", False)


def test_with_ask_nothing_is_restarted() -> None:
    _host, manager = machine()
    answer = apply(manager, restart="ask")
    assert (answer.restarted, answer.to_restart) == ((), ("service.service",))


def test_holds_are_the_same_afterwards() -> None:
    _host, manager = machine()
    manager.held = {"b"}
    apply(manager)
    assert (manager.held, manager.there["b"]) == ({"b"}, "1")


# --- refusals ---


def test_a_digest_of_another_day_is_refused_with_the_difference() -> None:
    host, manager = machine()
    wanted = digest(manager)
    patch_run.staged(host, manager, wish(digest=wanted))
    manager.wanted["a"] = "3"
    manager.held.add("b")
    with pytest.raises(ClinicalError, match=r"b no longer comes \(it is on hold\); a would go from 1 to 3"):
        apply(manager, digest=wanted)
    assert manager.there == OLD


def test_without_a_digest_nothing_is_applied() -> None:
    host, manager = machine()
    with pytest.raises(ClinicalError, match="no digest"):
        patch_run.applied(host, manager, wish())


def test_half_configured_is_refused_and_repaired_when_asked() -> None:
    _host, manager = machine()
    manager.half.add("a")
    with pytest.raises(ClinicalError, match=r"a is installed only in part.*With repair"):
        apply(manager)
    answer = apply(manager, repair=True)
    assert (manager.there, manager.half) == (NEW, set())
    assert "repaired" in answer.warnings[0]


def test_too_little_room_is_refused_before_anything_is_downloaded() -> None:
    host, manager = machine(free=1000)
    with pytest.raises(ClinicalError, match="/ has 0 MiB free"):
        patch_run.staged(host, manager, wish())
    assert manager.fetched == {}


def test_a_lock_that_somebody_has_leaves_everything_as_it_was() -> None:
    host, manager = machine()
    manager.lock = "42 (unattended-upgr)"
    with pytest.raises(ClinicalError, match=r"held by process 42 \(unattended-upgr\).*staged still"):
        apply(manager)
    assert (manager.there, stage_of(host)) == (OLD, "staged")
    manager.lock = ""
    assert apply(manager).changed


# --- failures, and the way back ---


def test_a_package_that_fails_is_told_and_nothing_else_is_begun() -> None:
    host, manager = machine()
    wanted = digest(manager)
    manager.fails.add("a")
    with pytest.raises(Stopped, match="a: E: a failed") as stopped:
        apply(manager, digest=wanted)
    assert stopped.value.answer.run["stage"] == "broken"
    assert noted(host, "installed") == ["b", "gone", "new", "service"]
    with pytest.raises(ClinicalError, match="roll the run back"):
        patch_run.staged(host, manager, wish("next"))
    with pytest.raises(ClinicalError, match="with repair"):
        apply(manager, digest=wanted)
    manager.fails.clear()
    assert apply(manager, digest=wanted, repair=True).run["stage"] == "applied"
    assert noted(host, "installed") == ["a", "b", "gone", "new", "service"]


def test_a_service_that_does_not_come_back_fails_the_run() -> None:
    host, manager = machine()
    host.add_file("/etc/systemd/system/multi-user.target.wants/service.service")

    def fails(_host: FakeHost, argv: Sequence[str]) -> CommandResult:
        host.units["service.service"].active = False
        return CommandResult(tuple(argv), 1, "", "Job for service.service failed.")

    host.answers[("systemctl", "--no-ask-password", "restart", "service.service")] = fails
    with pytest.raises(Stopped, match="worked before does not work now") as stopped:
        apply(manager)
    assert stopped.value.answer.down == ("service.service",)
    assert stopped.value.answer.run["stage"] == "applied"
    del host.answers[("systemctl", "--no-ask-password", "restart", "service.service")]
    assert rolled_back(host, manager, wish("run")).restarted == ("service.service",)
    assert host.units["service.service"].active


def test_a_run_is_taken_back_with_its_configuration_and_held() -> None:
    host, manager = machine()
    apply(manager, advisories={"a": [{"cve": "CVE-2026-1", "fixed": "2", "dsa": "DSA-1", "urgency": "high"}]})
    assert host.text(CONF) == "level = 2\n"
    answer = rolled_back(host, manager, wish("run"))
    assert (manager.there, host.text(CONF), stage_of(host)) == (OLD, "level = 7\n", "rolled_back")
    assert answer.reopened == ({"name": "a", "from": "2", "to": "1", "cves": ["CVE-2026-1"], "advisories": ["DSA-1"]},)
    assert manager.held == {"a", "b", "gone", "service"}
    assert {one["until"] for one in answer.held_until} == {"2026-12-09T08:00:00Z"}
    assert not rolled_back(host, manager, wish("run")).changed


def test_a_hold_of_ours_is_told_and_ends_by_itself() -> None:
    host, manager = machine()
    wanted = digest(manager)
    apply(manager, digest=wanted)
    rolled_back(host, manager, wish("run"))
    held = patch_run.planned(host, manager, wish()).plan["held"]
    assert (held[0]["reason"], held[0]["expires"]) == ("2 was rolled back in run run", "2026-12-09T08:00:00Z")
    later = NOW + timedelta(days=15)
    assert digest_at(manager, later) == wanted
    patch_run.applied(host, manager, wish("next", digest=wanted, now=later))
    assert (manager.there, manager.held) == (NEW, set())


def test_a_hold_that_somebody_ended_and_set_anew_is_theirs() -> None:
    host, manager = machine()
    apply(manager)
    rolled_back(host, manager, wish("run"))
    manager.held.discard("a")
    patch_run.planned(host, manager, wish())
    manager.held.add("a")
    later = patch_run.planned(host, manager, wish(now=NOW + timedelta(days=15))).plan
    assert [(out["name"], out["reason"]) for out in later["held"]] == [("a", "it is on hold")]


def digest_at(manager: FakeManager, now: object) -> str:
    return str(patch_run.planned(manager.host, manager, wish(check=True, now=now)).plan["digest"])


def test_configuration_comes_back_with_its_acl() -> None:
    host, manager = machine()
    host.nodes[CONF].xattrs = {"system.posix_acl_access": b"acl"}
    apply(manager)
    assert host.xattrs(CONF) == {}, "the package replaced the file"
    rolled_back(host, manager, wish("run"))
    assert (host.text(CONF), host.xattrs(CONF)) == ("level = 7\n", {"system.posix_acl_access": b"acl"})


def test_configuration_that_somebody_changed_since_stays() -> None:
    host, manager = machine()
    apply(manager)
    host.add_file(CONF, EDITED)
    answer = rolled_back(host, manager, wish("run"))
    assert (answer.restored, host.text(CONF)) == ((), EDITED)
    assert "was changed since" in answer.warnings[0]


def test_what_was_changed_since_is_not_taken_back() -> None:
    host, manager = machine()
    apply(manager)
    manager.there["a"] = "3"
    with pytest.raises(ClinicalError, match="a is 3"):
        rolled_back(host, manager, wish("run"))


def test_a_kept_package_that_is_damaged_is_told_before_anything_goes_back() -> None:
    host, manager = machine()
    apply(manager)
    host.add_file(f"{stages.KEPT}/a_1.deb", "something else")
    with pytest.raises(ClinicalError, match=r"not whole: .*a_1\.deb"):
        rolled_back(host, manager, wish("run"))
    assert manager.there == NEW


# --- cut at every point ---


def operations(act: Callable[[FakeManager], object], prepare: Callable[[FakeManager], object] = lambda _m: None) -> int:
    host, manager = machine()
    prepare(manager)
    before = len(host.operations)
    act(manager)
    return len(host.operations) - before


def cut(
    at: int, how: str, act: Callable[[FakeManager], object], prepare: Callable[[FakeManager], object]
) -> FakeManager:
    """A host on which the act was cut at that operation."""
    host, manager = machine()
    prepare(manager)
    host.strike(at, how)
    with pytest.raises(Killed):
        act(manager)
    host.fault = None
    return manager


def applied_with(wanted: str) -> Callable[[FakeManager], object]:
    return lambda manager: apply(manager, digest=wanted)


WANTED = digest(machine()[1])
ALL_OF_APPLY = operations(applied_with(WANTED))


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_a_run_that_was_killed_at_any_point_is_finished_by_the_same_call(how: str) -> None:
    for at in range(1, ALL_OF_APPLY + 1):
        manager = cut(at, how, applied_with(WANTED), lambda _manager: None)
        apply(manager, "again", digest=WANTED)
        assert (manager.there, manager.half, manager.held) == (NEW, set(), set()), at
        assert (manager.marked, manager.suspended) == ("marks", False), at
        assert noted(manager.host, "installed") == ["a", "b", "gone", "new", "service"], at
        assert [run.stage for run in stages.runs(manager.host)][-1] == "applied", at


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_a_run_that_was_killed_at_any_point_can_be_taken_back(how: str) -> None:
    for at in range(1, ALL_OF_APPLY + 1):
        manager = cut(at, how, applied_with(WANTED), lambda _manager: None)
        runs = {run.run_id: run.stage for run in stages.runs(manager.host)}
        if runs.get("run") not in ("applying", "applied", "broken"):
            assert manager.there == OLD, at
            continue
        rolled_back(manager.host, manager, wish("run", hold_days=0))
        assert (manager.there, manager.half) == (OLD, set()), at
        assert (manager.host.text(CONF), stage_of(manager.host)) == ("level = 7\n", "rolled_back"), at


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_going_back_that_was_killed_at_any_point_is_finished_by_the_same_call(how: str) -> None:
    def back(manager: FakeManager) -> object:
        return rolled_back(manager.host, manager, wish("run"))

    for at in range(1, operations(back, applied_with(WANTED)) + 1):
        manager = cut(at, how, back, applied_with(WANTED))
        back(manager)
        assert (manager.there, manager.half, manager.host.text(CONF)) == (OLD, set(), "level = 7\n"), at
        assert noted(manager.host, "rolled_back") == ["a", "b", "gone", "new", "service"], at
        assert noted(manager.host, "held") == ["a", "b", "gone", "service"], at
        assert manager.held == {"a", "b", "gone", "service"}, at


def test_a_disk_that_is_full_at_any_point_is_told_and_the_same_call_finishes_later() -> None:
    for at in range(1, ALL_OF_APPLY + 1):
        host, manager = machine()
        host.strike(at, "ENOSPC", lasting=True)
        with pytest.raises(ClinicalError):
            apply(manager, digest=WANTED)
        host.fault = None
        apply(manager, "again", digest=WANTED)
        assert (manager.there, manager.half) == (NEW, set()), at


def test_after_a_power_loss_units_that_only_run_at_a_boot_are_not_missed_and_those_that_failed_are() -> None:
    host, _manager = machine()
    host.units = {"once.service": FakeUnit(active=False), "runs.service": FakeUnit(active=True)}
    before = stages.Before(units=("once.service", "runs.service"), boot=patch_run.boot_of(host))
    assert patch_run.seen_of(host, before).units == {"once.service", "runs.service"}
    host.kernel["kernel.random.boot_id"] = "boot-2"
    assert patch_run.seen_of(host, before).units == {"runs.service"}


def test_the_next_plan_says_what_a_cut_run_left() -> None:
    middle = next(at for at in range(1, ALL_OF_APPLY) if _cut_in_the_middle(at))
    manager = cut(middle, "killed", applied_with(WANTED), lambda _manager: None)
    run = patch_run.planned(manager.host, manager, wish(check=True)).plan["run"]
    assert (run["stage"], run["left"]) == ("applying", stages.LEFT["applying"])


def _cut_in_the_middle(at: int) -> bool:
    manager = cut(at, "killed", applied_with(WANTED), lambda _manager: None)
    return bool(manager.half)


def test_a_copy_of_a_host_is_a_host_of_its_own() -> None:
    host, _manager = machine()
    other = deepcopy(host)
    other.append("/var/lib/healthops/x", b"y")
    assert host.read("/var/lib/healthops/x") is None
