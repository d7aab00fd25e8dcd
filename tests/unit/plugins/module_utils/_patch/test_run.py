# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planned, staged, applied; and what becomes of each when it is cut at any point."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch import stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import (
    InstalledPackage,
    PackageChange,
    earlier_digest_of,
)
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import (
    PatchFailed,
    PatchRequest,
    PatchResult,
)
from ansible_collections.healthops.clinical.plugins.module_utils._patch.roll_back import roll_back
from fake_host import FakeHost
from fake_programs import FakeUnit
from patched_host import (
    ALL_OF_APPLY,
    NEW,
    OLD,
    WANTED,
    FakeManager,
    applied_with,
    apply,
    cut,
    digest,
    machine,
    noted,
    request,
    stage_of,
)


@pytest.mark.parametrize("state", [patch_run.stage, patch_run.apply], ids=["staged", "applied"])
def test_the_four_shots(state: Callable[[FakeHost, FakeManager, PatchRequest], PatchResult]) -> None:
    host, manager = machine()
    wanted = digest(manager)
    shots = [state(host, manager, request(f"run{n}", digest=wanted, check=n % 2 == 0)) for n in range(4)]
    assert [shot.changed for shot in shots] == [True, True, False, False]
    assert shots[0].done == shots[1].done


def test_check_mode_touches_nothing() -> None:
    host, manager = machine()
    apply(manager, check=True)
    patch_run.stage(host, manager, request(check=True))
    assert host.operations == []


def test_staging_leaves_the_packages_as_they_are_and_has_everything_on_the_host() -> None:
    host, manager = machine()
    answer = patch_run.stage(host, manager, request())
    assert manager.there == OLD
    assert stage_of(host) == "staged"
    assert [kept["name"] for kept in answer.kept] == ["a", "b", "gone", "service"]
    manager.mirror = False
    assert apply(manager).changed


def test_another_plan_takes_the_place_of_what_is_staged() -> None:
    host, manager = machine()
    patch_run.stage(host, manager, request("one"))
    manager.wanted["a"] = "3"
    patch_run.stage(host, manager, request("two"))
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


def test_a_digest_of_another_day_is_refused_with_the_difference() -> None:
    host, manager = machine()
    wanted = digest(manager)
    patch_run.stage(host, manager, request(digest=wanted))
    manager.wanted["a"] = "3"
    manager.held.add("b")
    with pytest.raises(ClinicalError, match=r"b no longer comes \(it is on hold\); a would go from 1 to 3"):
        apply(manager, digest=wanted)
    assert manager.there == OLD


@pytest.mark.parametrize(
    ("what", "value", "words"),
    [
        pytest.param(
            "origin", "Theirs:1/stable", "a 2 would come from Theirs:1/stable, not from Lab:1/stable", id="origin"
        ),
        pytest.param("built", "elsewhere", "a 2 would be another file: sha256:a-2-elsewhere", id="bytes"),
    ],
)
def test_the_same_version_of_another_origin_or_with_other_bytes_is_refused(what: str, value: str, words: str) -> None:
    host, manager = machine()
    wanted = digest(manager)
    patch_run.stage(host, manager, request(digest=wanted))
    setattr(manager, what, value)
    with pytest.raises(ClinicalError, match=words):
        apply(manager, digest=wanted)
    assert manager.there == OLD


@pytest.mark.parametrize("act", [patch_run.stage, patch_run.apply])
def test_a_digest_of_an_earlier_release_is_refused_with_the_advice_to_plan_again(act: Callable[..., object]) -> None:
    host, manager = machine()
    earlier = earlier_digest_of(manager.observe().changes)
    with pytest.raises(ClinicalError, match=r"of an earlier release.*Plan again and have that approved"):
        act(host, manager, request(digest=earlier))
    assert manager.there == OLD


def kernel(*versions: str) -> dict[str, InstalledPackage]:
    latest, *earlier = versions
    package = InstalledPackage(
        "kernel-core", "noarch", latest, "kernel", latest, side_by_side=True, earlier=tuple(earlier)
    )
    return {"kernel-core": package}


COMES = PackageChange("kernel-core", "noarch", "install", "", "5.4")
GOES = PackageChange("kernel-core", "noarch", "remove", "5.1", "")


@pytest.mark.parametrize(
    ("packages", "incomplete", "present"),
    [
        pytest.param(kernel("5.3", "5.2", "5.1"), [COMES, GOES], [], id="before"),
        pytest.param(kernel("5.4", "5.3", "5.2", "5.1"), [GOES], [COMES], id="in the middle"),
        pytest.param(kernel("5.4", "5.3", "5.2"), [], [COMES], id="after"),
        pytest.param(kernel("5.3", "5.2"), [COMES], [], id="taken back"),
    ],
)
def test_of_kernels_that_stand_beside_each_other_one_comes_and_one_goes(
    packages: dict[str, InstalledPackage], incomplete: list[PackageChange], present: list[PackageChange]
) -> None:
    assert patch_run.incomplete_changes(packages, [COMES, GOES]) == incomplete
    assert patch_run.present_changes(packages, [COMES, GOES]) == present


def test_without_a_digest_nothing_is_applied() -> None:
    host, manager = machine()
    with pytest.raises(ClinicalError, match="no digest"):
        patch_run.apply(host, manager, request())


def test_half_configured_is_refused_and_repaired_when_asked() -> None:
    _host, manager = machine()
    manager.half.add("a")
    with pytest.raises(ClinicalError, match=r"a is installed only in part.*With repair"):
        apply(manager)
    answer = apply(manager, repair=True)
    assert (manager.there, manager.half) == (NEW, set())
    assert "repaired" in answer.warnings[0]


def test_what_cannot_be_repaired_is_left_to_a_person_with_the_command_of_its_own_manager() -> None:
    _host, manager = machine()
    manager.half.add("a")
    manager.fails.add("a")
    with pytest.raises(ClinicalError, match=r"a is installed only in part.*A person has to look at it: lab --audit"):
        apply(manager, repair=True)


def test_too_little_room_is_refused_before_anything_is_downloaded() -> None:
    host, manager = machine(free=1000)
    with pytest.raises(ClinicalError, match="/ has 0 MiB free"):
        patch_run.stage(host, manager, request())
    assert manager.fetched == {}


def test_a_lock_that_somebody_has_leaves_everything_as_it_was() -> None:
    host, manager = machine()
    manager.lock = "42 (unattended-upgr)"
    with pytest.raises(ClinicalError, match=r"held by process 42 \(unattended-upgr\).*staged still"):
        apply(manager)
    assert (manager.there, stage_of(host)) == (OLD, "staged")
    manager.lock = ""
    assert apply(manager).changed


def test_a_package_that_fails_is_told_and_nothing_else_is_begun() -> None:
    host, manager = machine()
    wanted = digest(manager)
    manager.fails.add("a")
    with pytest.raises(PatchFailed, match="a: E: a failed") as stopped:
        apply(manager, digest=wanted)
    assert stopped.value.result.run["stage"] == "broken"
    assert noted(host, "installed") == ["b", "gone", "new", "service"]
    with pytest.raises(ClinicalError, match="roll the run back"):
        patch_run.stage(host, manager, request("next"))
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
    with pytest.raises(PatchFailed, match="worked before does not work now") as stopped:
        apply(manager)
    assert stopped.value.result.down == ("service.service",)
    assert stopped.value.result.run["stage"] == "applied"
    del host.answers[("systemctl", "--no-ask-password", "restart", "service.service")]
    assert roll_back(host, manager, request("run")).restarted == ("service.service",)
    assert host.units["service.service"].active


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_a_run_that_was_killed_at_any_point_is_finished_by_the_same_call(how: str) -> None:
    for at in range(1, ALL_OF_APPLY + 1):
        manager = cut(at, how, applied_with(WANTED), lambda _manager: None)
        apply(manager, "again", digest=WANTED)
        assert (manager.there, manager.half, manager.held) == (NEW, set(), set()), at
        assert (manager.marked, manager.suspended) == ("marks", False), at
        assert noted(manager.host, "installed") == ["a", "b", "gone", "new", "service"], at
        assert [run.stage for run in stages.runs(manager.host)][-1] == "applied", at


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
    before = stages.HostBefore(units=("once.service", "runs.service"), boot=patch_run.boot_identity(host))
    assert patch_run.working_before(host, before).units == {"once.service", "runs.service"}
    host.kernel["kernel.random.boot_id"] = "boot-2"
    assert patch_run.working_before(host, before).units == {"runs.service"}


def test_the_next_plan_says_what_a_cut_run_left() -> None:
    middle = next(at for at in range(1, ALL_OF_APPLY) if _cut_in_the_middle(at))
    manager = cut(middle, "killed", applied_with(WANTED), lambda _manager: None)
    run = patch_run.report_plan(manager.host, manager, request(check=True)).plan["run"]
    assert (run["stage"], run["left"]) == ("applying", stages.STAGE_ADVICE["applying"])


def _cut_in_the_middle(at: int) -> bool:
    manager = cut(at, "killed", applied_with(WANTED), lambda _manager: None)
    return bool(manager.half)


def test_a_copy_of_a_host_is_a_host_of_its_own() -> None:
    host, _manager = machine()
    other = deepcopy(host)
    other.append("/var/lib/healthops/x", b"y")
    assert host.read("/var/lib/healthops/x") is None
