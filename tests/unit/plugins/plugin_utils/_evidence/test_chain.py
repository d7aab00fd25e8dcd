# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of bundles: what each names, and that no run forks or rewrites it."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import shutil
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.chains import RUNS, manifest, run, snapshot, told
from unit_tests.plugin_utils._evidence.stored_runs import report


def test_each_manifest_names_its_files_and_the_one_before(fleet: Path) -> None:
    made = [json.loads(manifest(fleet, number).read_bytes()) for number in (1, 2)]
    assert made[0]["previous"] is None
    assert made[1]["previous"] == {
        "sequence": 1,
        "run_id": RUNS[0],
        "sha256": hashlib.sha256(manifest(fleet, 1).read_bytes()).hexdigest(),
    }
    hosts = [f"hosts/{samples.host_name(number)}.json" for number in range(2)]
    assert sorted(made[0]["files"]) == sorted([*hosts, "findings.csv", "report.html", "run.json"])
    for name, digest in made[0]["files"].items():
        assert hashlib.sha256((fleet / RUNS[0] / name).read_bytes()).hexdigest() == digest
    assert made[0]["files"]["run.json"] in (fleet / RUNS[0] / "report.html").read_text(encoding="utf-8")


def test_an_old_run_rendered_again_is_the_same_bytes_and_breaks_nothing(fleet: Path, keys: Path) -> None:
    before = snapshot(fleet)
    for key in (None, keys / "ours"):
        made = report(fleet, run_id=RUNS[1], key=key)
        assert (made["changed"], made["sequence"], made["signer"]) == (False, 2, "")
    assert snapshot(fleet) == before
    assert told(fleet) == []


def test_a_later_batch_of_an_older_run_is_added_at_the_end(fleet: Path) -> None:
    made = run(fleet, RUNS[1], hosts=3)
    assert (made["sequence"], made["changed"]) == (5, True)
    assert told(fleet) == []
    assert verify(fleet)["manifests"] == 5
    assert report(fleet, run_id=RUNS[1])["changed"] is False


def test_another_format_later_is_added_at_the_end(fleet: Path) -> None:
    assert report(fleet, run_id=RUNS[0], formats=["oscal"])["sequence"] == 5
    assert told(fleet) == []


def test_fleets_have_chains_of_their_own(fleet: Path) -> None:
    made = run(fleet, "20261201T000000Z-0001", fleet="annex")
    assert (made["fleet"], made["sequence"]) == ("annex", 1)
    assert told(fleet) == []
    assert sorted(verify(fleet)["heads"]) == ["annex", "fleet"]
    assert report(fleet, run_id="20261201T000000Z-0001", fleet="other")["fleet"] == "annex"


def test_a_fleet_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"the fleet name '\.\./x'"):
        run(tmp_path, RUNS[0], fleet="../x")


def _one_run(root: str, run_id: str) -> None:
    run(Path(root), run_id)


def test_runs_that_end_at_once_do_not_fork_the_chain(tmp_path: Path) -> None:
    several = [f"20261122T1500{number:02d}Z-0001" for number in range(8)]
    spawn = multiprocessing.get_context("fork")
    workers = [spawn.Process(target=_one_run, args=(str(tmp_path), run_id)) for run_id in several]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 8
    made = verify(tmp_path)
    assert (made["problems"], made["manifests"], made["bundles"]) == ([], 8, 8)


@pytest.mark.parametrize("kept", ["pending", "manifest", "nothing", "no-note", "broken-note"])
def test_a_run_that_was_cut_while_it_was_sealed_does_not_fork_the_chain(fleet: Path, kept: str) -> None:
    """Cut before the manifest was there, or after it and before the note, or with the note lost."""
    note, last = fleet / ".chain" / "fleet.json", manifest(fleet, 4)
    if kept in ("pending", "manifest"):
        three = manifest(fleet, 3)
        digest = hashlib.sha256(three.read_bytes()).hexdigest()
        pending = {"sequence": 4, "run_id": RUNS[3]}
        note.write_text(json.dumps({"sequence": 3, "run_id": RUNS[2], "sha256": digest, "pending": pending}))
    if kept == "pending":
        last.unlink()
    if kept == "no-note":
        note.unlink()
    if kept == "broken-note":
        note.write_text("{")
    run(fleet, "20261201T000000Z-0001")
    if kept == "pending":
        report(fleet, run_id=RUNS[3], take_over=True)
    made = verify(fleet)
    assert (made["problems"], made["manifests"]) == ([], 5)


def test_the_chain_goes_on_where_older_bundles_were_archived(fleet: Path) -> None:
    for run_id in RUNS:
        shutil.rmtree(fleet / run_id)
    assert run(fleet, "20261201T000000Z-0001")["sequence"] == 5
    assert told(fleet, oldest=5) == []
    assert [problem["number"] for problem in verify(fleet)["problems"]] == [1, 2, 3, 4]
