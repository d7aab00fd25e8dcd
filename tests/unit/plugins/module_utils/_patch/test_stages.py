# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a run came, on disk: which stage may follow, what is read back, what is forgotten."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.run_store import line
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange, Plan
from fake_host import FakeHost
from patched_host import patched_host

AT = "2026-11-25T08:00:00Z"
PLAN = Plan("updates", changes=(PackageChange("lab", "all", "upgrade", "1", "2"),))


def begun(host: FakeHost, run_id: str) -> stages.PatchRun:
    return stages.begin(host, run_id, PLAN, AT)


def applied(host: FakeHost, run_id: str, *packages: KeptPackage) -> stages.PatchRun:
    run = begun(host, run_id)
    stages.note_before(host, run, stages.HostBefore(kept=packages))
    for stage in (stages.STAGED, stages.APPLYING, stages.APPLIED):
        run = stages.move(host, run, stage, AT)
    return run


def kept(host: FakeHost, name: str) -> KeptPackage:
    path = f"{stages.KEPT}/{name}.deb"
    host.add_file(path, "package")
    host.add_file(f"{path}.how", "mirror")
    return KeptPackage(name, "all", "1", path, "mirror")


def test_a_run_is_on_disk_with_its_plan_when_it_begins_and_only_root_may_read_it() -> None:
    host = patched_host()
    run = begun(host, "one")
    assert stages.find(host, "one") == run
    assert stages.read_plan(host, run) == PLAN
    assert host.nodes[f"{stages.RUNS}/one/plan"].mode == 0o600
    assert host.nodes[stages.RUNS].mode == 0o700


def test_a_name_is_used_once_and_must_be_one_of_a_folder() -> None:
    host = patched_host()
    begun(host, "one")
    with pytest.raises(ClinicalError, match="there is one of this name already"):
        begun(host, "one")
    with pytest.raises(ClinicalError, match="letters, digits"):
        begun(host, "../one")


@pytest.mark.parametrize("stage", stages.FOLLOWS)
@pytest.mark.parametrize("following", stages.FOLLOWS)
def test_only_what_may_follow_follows(stage: str, following: str) -> None:
    host = patched_host()
    run = stages.PatchRun("one", 1, stage, PLAN.digest, AT, AT)
    host.add_dir(run.folder)
    if following in stages.FOLLOWS[stage]:
        assert stages.move(host, run, following, AT, "why").stage == following
        assert stages.find(host, "one").why == "why"
    else:
        with pytest.raises(ClinicalError, match=f"it is {stage}, and cannot become {following}"):
            stages.move(host, run, following, AT)


def test_runs_are_in_the_order_in_which_they_began_and_what_was_dropped_is_not_the_newest() -> None:
    host = patched_host()
    names = ["b", "a", "c"]
    runs = [begun(host, name) for name in names]
    assert [run.run_id for run in stages.runs(host)] == names
    stages.move(host, runs[2], stages.DROPPED, AT)
    newest = stages.newest(host)
    assert newest is not None
    assert newest.run_id == "a"


def test_a_run_that_nobody_knows_is_told_with_those_that_are_known() -> None:
    host = patched_host()
    begun(host, "one")
    with pytest.raises(ClinicalError, match="two: this host knows: one"):
        stages.find(host, "two")


@pytest.mark.parametrize("name", ["run", "before"])
def test_a_damaged_record_stops_everything(name: str) -> None:
    host = patched_host()
    run = applied(host, "one")
    host.add_file(f"{run.folder}/{name}", "0123456789abcdef {}\n")
    with pytest.raises(ClinicalError, match="damaged"):
        stages.read_before(host, stages.find(host, "one"))


@pytest.mark.parametrize(
    ("name", "record"),
    [
        pytest.param("run", {"run_id": "one", "lane": 7}, id="run"),
        pytest.param("before", {"holds": [], "lane": 7}, id="before"),
        pytest.param("before", {**asdict(stages.HostBefore()), "kept": [{"lane": 7}]}, id="kept package"),
    ],
)
def test_a_record_of_another_release_is_refused_with_its_parts(name: str, record: dict[str, Any]) -> None:
    host = patched_host()
    run = applied(host, "one")
    host.add_file(f"{run.folder}/{name}", line(record))
    with pytest.raises(ClinicalError, match=r"has the parts .*Use the release of the collection that wrote it"):
        stages.read_before(host, stages.find(host, "one"))


def test_what_the_host_was_is_read_back_as_it_was() -> None:
    host = patched_host()
    before = stages.HostBefore(
        holds=("a",),
        marks="marks",
        kept=(kept(host, "lab"),),
        files={"/etc/lab.conf": {"kind": "file", "content": "", "mode": 420, "uid": 0, "gid": 0, "xattrs": {}}},
        units=("lab.service",),
        listeners=({"protocol": "tcp", "address": "0.0.0.0", "port": 80, "inode": 1},),
        boot="boot-1 ",
    )
    run = begun(host, "one")
    assert not stages.has_before(host, run)
    stages.note_before(host, run, before)
    assert stages.read_before(host, run) == before
    assert stages.read_after(host, run) == {}


def test_an_earlier_run_is_forgotten_with_the_packages_that_no_other_needs() -> None:
    host = patched_host()
    shared, alone = kept(host, "shared"), kept(host, "alone")
    applied(host, "one", shared, alone)
    applied(host, "two", shared)
    host.add_dir(f"{stages.RUNS}/never-begun")
    assert stages.prune(host, keep=1) == ("one",)
    assert host.listdir(stages.RUNS) == ["two"]
    assert host.listdir(stages.KEPT) == ["shared.deb", "shared.deb.how"]


def test_runs_that_were_only_staged_push_out_none_that_can_be_rolled_back() -> None:
    """As on a host that is staged every night and patched once a month."""
    host = patched_host()
    alone = kept(host, "alone")
    applied(host, "one", alone)
    for number in range(12):
        stages.move(host, begun(host, f"night-{number}"), stages.DROPPED, AT)
    applied(host, "two")
    assert stages.prune(host, keep=10) == tuple(sorted(f"night-{number}" for number in range(12)))
    assert [run.run_id for run in stages.runs(host)] == ["one", "two"]
    assert host.stat(alone.path) is not None


def test_a_run_that_was_cut_is_never_forgotten() -> None:
    host = patched_host()
    begun(host, "cut")
    applied(host, "two")
    assert stages.prune(host, keep=1) == ()
    assert [run.run_id for run in stages.runs(host)] == ["cut", "two"]


def test_the_room_of_downloads_is_given_back() -> None:
    host = patched_host()
    run = begun(host, "one")
    host.add_file(f"{run.archives}/lab.deb", "package")
    host.add_file(f"{run.archives}/partial/other.deb", "half")
    stages.drop_archives(host, run)
    assert host.stat(run.archives) is None
