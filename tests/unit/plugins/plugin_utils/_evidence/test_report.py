# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report: the same bytes again, everybody who is missing, whatever is damaged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import typing as t
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, store
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import canonical
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.stored_runs import RUN, keep, mode_of, own, report, write_record


def test_a_report_twice_is_the_same_bytes_and_no_change(tmp_path: Path) -> None:
    names = keep(tmp_path)
    first = report(tmp_path, run_id=RUN, hosts=names)
    before = {name: Path(first[name]).read_bytes() for name in ("json", "html")}
    again = report(tmp_path)
    assert (first["changed"], again["changed"]) == (True, False)
    assert {name: Path(again[name]).read_bytes() for name in ("json", "html")} == before
    assert os.readlink(tmp_path / "latest") == RUN
    assert again["unknown_hosts"] == {}
    assert sum(again["summary"].values()) == sum(sum(each.values()) for each in again["per_host"].values()) == 18


def test_the_same_records_elsewhere_make_the_same_bytes(tmp_path: Path) -> None:
    made = [report(tmp_path / place, run_id=RUN, hosts=keep(tmp_path / place)) for place in ("a", "b")]
    assert Path(made[0]["json"]).read_bytes() == Path(made[1]["json"]).read_bytes()
    assert Path(made[0]["html"]).read_bytes() == Path(made[1]["html"]).read_bytes()


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"schema": "healthops.clinical/record/1"}', None],
    ids=["empty", "half", "no-text", "list", "no-name", "cut"],
)
def test_a_damaged_record_is_named_and_the_others_are_reported(tmp_path: Path, damage: t.Optional[bytes]) -> None:
    names = keep(tmp_path)
    path = store.record_path(tmp_path, RUN, names[1])
    path.write_bytes(path.read_bytes()[:-400] if damage is None else damage)
    made = report(tmp_path, run_id=RUN, hosts=names)
    assert list(made["unknown_hosts"]) == [names[1]]
    assert str(path) in made["unknown_hosts"][names[1]]
    assert sorted(made["per_host"]) == sorted([names[0], names[2]])
    assert len(made["warnings"]) == 1
    html = Path(made["html"]).read_text(encoding="utf-8")
    assert "record unreadable" in html
    assert str(path) in html


def test_missing_hosts_are_remembered_until_they_leave_a_record(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    late = samples.host_name(1)
    assert list(report(tmp_path, run_id=RUN, hosts=[late])["unknown_hosts"]) == [late]
    assert list(report(tmp_path)["unknown_hosts"]) == [late]
    keep(tmp_path, 2)
    assert report(tmp_path)["unknown_hosts"] == {}


def test_a_host_whose_name_can_name_no_file_is_told_in_every_format(tmp_path: Path) -> None:
    names = keep(tmp_path, 1)
    formats = ["csv", "hdf", "junit", "ocsf", "oscal", "prometheus"]
    made = report(tmp_path, run_id=RUN, hosts=[*names, "../away", "two\nlines"], formats=formats)
    assert sorted(made["unknown_hosts"]) == ["../away", "two\nlines"]
    assert verify(tmp_path)["problems"] == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [".chain", RUN, "latest"]


def test_a_run_that_no_host_answered_is_reported(tmp_path: Path) -> None:
    made = report(tmp_path, run_id=RUN, hosts=["a", "b"], mode="harden")
    assert (made["mode"], sorted(made["unknown_hosts"])) == ("harden", ["a", "b"])
    assert made["headline"] == "2 hosts: nothing is known; 2 hosts gave no result"
    assert report(tmp_path)["mode"] == "harden"


def test_an_old_run_rendered_again_is_not_the_latest(tmp_path: Path) -> None:
    newer = "20261123T000000Z-0001"
    result = samples.result(0, 6, run_id=newer)
    result["started"] = "2026-11-23T00:00:00Z"
    keep(tmp_path, 1)
    report(tmp_path, run_id=RUN)
    write_record(tmp_path, "a", record.clean_result(result, "a"))
    report(tmp_path, run_id=newer)
    assert store.latest_run(tmp_path) == newer
    report(tmp_path, run_id=RUN)
    assert store.latest_run(tmp_path) == newer


def test_the_formats_asked_for_are_written_and_stay(tmp_path: Path) -> None:
    keep(tmp_path)
    made = report(tmp_path, run_id=RUN, formats=["csv"])
    assert made["files"] == ["findings.csv", "report.html", "run.json"]
    again = report(tmp_path, run_id=RUN, formats=["hdf"])
    hosts = [f"hdf/{samples.host_name(number)}.json" for number in range(3)]
    assert again["files"] == sorted(["findings.csv", "report.html", "run.json", *hosts])
    assert mode_of(tmp_path / RUN / "hdf") == 0o750
    keep(tmp_path, 4)
    before = (tmp_path / RUN / "findings.csv").read_bytes()
    report(tmp_path, run_id=RUN)
    assert (tmp_path / RUN / "findings.csv").read_bytes() != before


def test_a_run_that_nobody_recorded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="nothing was recorded of it"):
        report(tmp_path, run_id="never")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_bundle_is_made_anew_from_its_manifest(tmp_path: Path) -> None:
    names = keep(tmp_path, 1)
    path = Path(report(tmp_path, run_id=RUN, hosts=[*names, "down"])["json"])
    before = path.read_bytes()
    path.write_bytes(before[:100])
    made = report(tmp_path)
    assert (list(made["unknown_hosts"]), path.read_bytes()) == (["down"], before)
    assert made["warnings"][-1] == "run.json was not as number 1 has sealed it; it was made anew"
    again, verified = report(tmp_path), verify(tmp_path)
    assert (again["changed"], len(again["warnings"]), verified["problems"]) == (False, 1, [])
    assert [note.partition(": ")[0] for note in verified["notes"]] == [f"run {RUN}, number 2, run.json"]


def without_names(root: Path) -> None:
    """Make the manifest one of before it named the hosts without result."""
    (path,) = root.glob("2*/chain/*.json")
    data = json.loads(path.read_bytes())
    for key in ("silent", "mode", "sealed"):
        del data[key]
    path.write_bytes(canonical(data))
    (root / ".chain" / "fleet.json").unlink()


def test_a_damaged_bundle_of_an_older_manifest_is_replaced_only_if_the_hosts_are_named(tmp_path: Path) -> None:
    names = keep(tmp_path, 1)
    path = Path(report(tmp_path, run_id=RUN, hosts=[*names, "down"])["json"])
    without_names(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"down"', b""))
    with pytest.raises(ClinicalError, match=r"run\.json.*name the hosts"):
        report(tmp_path)
    assert list(report(tmp_path, run_id=RUN, hosts=[*names, "down"])["unknown_hosts"]) == ["down"]


def test_what_nobody_vouches_for_is_not_sealed_unless_it_is_taken_over(tmp_path: Path) -> None:
    """As where another job wrote the records and was cut before its report."""
    names = keep(tmp_path, 2)
    shutil.rmtree(own(tmp_path).folder)
    made = report(tmp_path, run_id=RUN)
    assert sorted(made["unknown_hosts"]) == sorted(names)
    assert "no manifest names it, and this account did not write it" in made["warnings"][0]
    assert "evidence_take_over=true" in made["warnings"][0]
    made = report(tmp_path, run_id=RUN, take_over=True)
    assert made["unknown_hosts"] == {}
    verified = verify(tmp_path)
    assert verified["problems"] == []
    taken = [f"run {RUN}, number 2, hosts/{name}.json: it was taken over on request" for name in sorted(names)]
    assert [note.rpartition(",")[0] for note in verified["notes"]] == taken


def test_a_host_whose_record_was_changed_does_not_stop_the_report_of_others(tmp_path: Path) -> None:
    names = keep(tmp_path, 3)
    report(tmp_path, run_id=RUN)
    path = store.record_path(tmp_path, RUN, names[0])
    path.write_bytes(path.read_bytes().replace(b'"fail"', b'"pass"', 1))
    made = report(tmp_path, run_id=RUN)
    assert list(made["unknown_hosts"]) == [names[0]]
    assert sorted(made["per_host"]) == sorted(names[1:])
    with pytest.raises(ClinicalError, match=r"Adding to the record .*: it is not what number 2 has sealed"):
        keep(tmp_path, 1)


def test_the_file_of_approvals_is_kept_under_its_hash(tmp_path: Path) -> None:
    approved = b"approver: A. Person\n"
    digest = hashlib.sha256(approved).hexdigest()
    planned = patch_samples.plan(patch_samples.change("curl", "1", "2"))
    result = patch_samples.result(planned, "applied")
    result["approval"] = {"digest": planned["digest"], "approver": "A. Person", "sha256": digest}
    run_id, name = result["run_id"], f"approvals/{digest}.yml"
    write_record(tmp_path, "a", record.clean_result(result, "a"))
    made = report(tmp_path, run_id=run_id, approvals=b"approver: somebody else\n")
    assert (made["warnings"][0].partition(" could")[0], (tmp_path / run_id / "approvals").exists()) == (name, False)
    made = report(tmp_path, run_id=run_id, approvals=approved)
    assert (made["warnings"], name in made["files"]) == ([], True)
    assert (tmp_path / run_id / name).read_bytes() == approved
    assert report(tmp_path, run_id=run_id)["warnings"] == []
    (tmp_path / run_id / name).write_bytes(b"approver: B. Person\n")
    assert [problem["file"] for problem in verify(tmp_path)["problems"]] == [name]


def test_a_host_that_took_its_change_back_is_warned_of(tmp_path: Path) -> None:
    for number, state in enumerate(("confirmed", "reverted")):
        write_record(tmp_path, state, record.clean_result(samples.guarded(state, number, 20), state))
    made = report(tmp_path, run_id=RUN)
    assert (made["unknown_hosts"], len(made["warnings"])) == ({}, 1)
    assert made["warnings"][0].startswith("reverted: ")
    assert samples.TRIED in made["warnings"][0]
