# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is taken back, with its configuration and its holds; also one that was cut at any point."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import run as patch_run
from ansible_collections.healthops.clinical.plugins.module_utils._patch import stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch.request import PatchFailed
from ansible_collections.healthops.clinical.plugins.module_utils._patch.roll_back import roll_back
from fake_host import FakeHost, FakeUnit
from fake_sockets import hush, listen
from patched_host import (
    ALL_OF_APPLY,
    CONF,
    EDITED,
    NEW,
    NOW,
    OLD,
    WANTED,
    FakeManager,
    applied_with,
    apply,
    cut,
    digest,
    digest_at,
    machine,
    noted,
    operations,
    request,
    stage_of,
)


def test_a_run_is_taken_back_with_its_configuration_and_held() -> None:
    host, manager = machine()
    apply(manager, advisories={"a": [{"cve": "CVE-2026-1", "fixed": "2", "dsa": "DSA-1", "urgency": "high"}]})
    assert host.text(CONF) == "level = 2\n"
    answer = roll_back(host, manager, request("run"))
    assert (manager.there, host.text(CONF), stage_of(host)) == (OLD, "level = 7\n", "rolled_back")
    assert answer.reopened == ({"name": "a", "from": "2", "to": "1", "cves": ["CVE-2026-1"], "advisories": ["DSA-1"]},)
    assert manager.held == {"a", "b", "gone", "service"}
    assert {one["until"] for one in answer.held_until} == {"2026-12-09T08:00:00Z"}
    assert not roll_back(host, manager, request("run")).changed


def test_a_service_that_was_taken_off_the_host_or_switched_off_since_is_not_missed() -> None:
    host, manager = with_page()
    hush(host, 8091)
    with pytest.raises(PatchFailed, match=r"does not work now: tcp 8091 \(page\.service\)"):
        roll_back(host, manager, request("run"))
    for off in (True, False):
        host, manager = with_page()
        hush(host, 8091)
        if off:
            host.units["page.service"].active = False
            host.remove("/etc/systemd/system/multi-user.target.wants/page.service")
        else:
            del host.units["page.service"]
        assert roll_back(host, manager, request("run")).run["stage"] == "rolled_back"


def with_page() -> tuple[FakeHost, FakeManager]:
    """Return a host that was patched while it served a page."""
    host, manager = machine()
    host.units["page.service"] = FakeUnit(active=True)
    host.add_file("/etc/systemd/system/multi-user.target.wants/page.service")
    listen(host, 8091, 300, "page.service", "page")
    apply(manager)
    return host, manager


def test_a_hold_of_ours_is_told_and_ends_by_itself() -> None:
    host, manager = machine()
    wanted = digest(manager)
    apply(manager, digest=wanted)
    roll_back(host, manager, request("run"))
    held = patch_run.report_plan(host, manager, request()).plan["held"]
    assert (held[0]["reason"], held[0]["expires"]) == ("2 was rolled back in run run", "2026-12-09T08:00:00Z")
    later = NOW + timedelta(days=15)
    assert digest_at(manager, later) == wanted
    patch_run.apply(host, manager, request("next", digest=wanted, now=later))
    assert (manager.there, manager.held) == (NEW, set())


def test_a_hold_that_somebody_ended_and_set_anew_is_theirs() -> None:
    host, manager = machine()
    apply(manager)
    roll_back(host, manager, request("run"))
    manager.held.discard("a")
    patch_run.report_plan(host, manager, request())
    manager.held.add("a")
    later = patch_run.report_plan(host, manager, request(now=NOW + timedelta(days=15))).plan
    assert [(out["name"], out["reason"]) for out in later["held"]] == [("a", "it is on hold")]


def test_configuration_comes_back_with_its_acl() -> None:
    host, manager = machine()
    host.nodes[CONF].xattrs = {"system.posix_acl_access": b"acl"}
    apply(manager)
    assert host.xattrs(CONF) == {}, "the package replaced the file"
    roll_back(host, manager, request("run"))
    assert (host.text(CONF), host.xattrs(CONF)) == ("level = 7\n", {"system.posix_acl_access": b"acl"})


def test_configuration_that_somebody_changed_since_stays() -> None:
    host, manager = machine()
    apply(manager)
    host.add_file(CONF, EDITED)
    answer = roll_back(host, manager, request("run"))
    assert (answer.restored, host.text(CONF)) == ((), EDITED)
    assert "was changed since" in answer.warnings[0]


class Liar(FakeManager):
    """A package manager that answers that all is well and has done nothing."""

    def put_back(self, *_arguments: object) -> CommandResult:
        return CommandResult((), 0, "0 upgraded, 0 newly installed, 0 to remove.", "")


class Cutter(FakeManager):
    """One that puts everything back, and leaves another package half installed."""

    def put_back(self, *arguments: Any) -> CommandResult:
        done = super().put_back(*arguments)
        self.there["bystander"] = "1"
        self.half.add("bystander")
        return replace(done, rc=0)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        pytest.param(Liar, r"a is 2, .*gone is not there, .*: 0 upgraded.* lab --audit says more", id="nothing done"),
        pytest.param(Cutter, r"run: bystander is 1, installed only in part: ", id="half installed"),
    ],
)
def test_what_is_not_back_is_named_whatever_the_package_manager_answered(kind: type[FakeManager], words: str) -> None:
    host, manager = machine()
    apply(manager)
    other = kind(**{field.name: getattr(manager, field.name) for field in fields(manager)})
    with pytest.raises(ClinicalError, match=words):
        roll_back(host, other, request("run"))
    assert stage_of(host) == "rolling_back"
    manager.there.pop("bystander", None)
    manager.half.discard("bystander")
    roll_back(host, manager, request("run"))
    assert (manager.there, stage_of(host)) == (OLD, "rolled_back")


def test_configuration_that_is_not_back_is_named_and_the_rest_of_the_way_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host, manager = machine()
    apply(manager)
    with monkeypatch.context() as patched:
        patched.setattr(File, "put", lambda *_arguments: None)
        with pytest.raises(PatchFailed, match=rf"{CONF}: it was written, and is not what it was") as failed:
            roll_back(host, manager, request("run"))
    assert failed.value.result.restored == ()
    assert (manager.there, manager.held, stage_of(host)) == (OLD, {"a", "b", "gone", "service"}, "rolling_back")
    again = roll_back(host, manager, request("run"))
    assert (again.restored, host.text(CONF), stage_of(host)) == ((CONF,), "level = 7\n", "rolled_back")


def test_what_was_changed_since_is_not_taken_back() -> None:
    host, manager = machine()
    apply(manager)
    manager.there["a"] = "3"
    with pytest.raises(ClinicalError, match="a is 3"):
        roll_back(host, manager, request("run"))


def test_a_kept_package_that_is_damaged_is_told_before_anything_goes_back() -> None:
    host, manager = machine()
    apply(manager)
    host.add_file(f"{stages.KEPT}/a_1.deb", "something else")
    with pytest.raises(ClinicalError, match=r"not whole: .*a_1\.deb"):
        roll_back(host, manager, request("run"))
    assert manager.there == NEW


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_a_run_that_was_killed_at_any_point_can_be_taken_back(how: str) -> None:
    for at in range(1, ALL_OF_APPLY + 1):
        manager = cut(at, how, applied_with(WANTED), lambda _manager: None)
        runs = {run.run_id: run.stage for run in stages.runs(manager.host)}
        if runs.get("run") not in ("applying", "applied", "broken"):
            assert manager.there == OLD, at
            continue
        roll_back(manager.host, manager, request("run", hold_days=0))
        assert (manager.there, manager.half) == (OLD, set()), at
        assert (manager.host.text(CONF), stage_of(manager.host)) == ("level = 7\n", "rolled_back"), at


@pytest.mark.parametrize("how", ["killed", "killed_after"])
def test_going_back_that_was_killed_at_any_point_is_finished_by_the_same_call(how: str) -> None:
    def back(manager: FakeManager) -> object:
        return roll_back(manager.host, manager, request("run"))

    for at in range(1, operations(back, applied_with(WANTED)) + 1):
        manager = cut(at, how, back, applied_with(WANTED))
        back(manager)
        assert (manager.there, manager.half, manager.host.text(CONF)) == (OLD, set(), "level = 7\n"), at
        assert noted(manager.host, "rolled_back") == ["a", "b", "gone", "new", "service"], at
        assert noted(manager.host, "held") == ["a", "b", "gone", "service"], at
        assert manager.held == {"a", "b", "gone", "service"}, at
