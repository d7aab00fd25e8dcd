# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifying: each kind of tampering is found and named, and an honest run never looks like one."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain, record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.chains import RUNS, keep, manifest, run, told
from unit_tests.plugin_utils._evidence.stored_runs import report, write_record


def test_an_honest_chain_has_no_problem(fleet: Path) -> None:
    made = verify(fleet)
    assert (made["problems"], made["bundles"], made["manifests"], made["signed"]) == ([], 4, 4, 0)
    assert told(fleet, head=made["heads"]["fleet"]) == []


def test_a_changed_file_is_named(fleet: Path) -> None:
    path = fleet / RUNS[1] / "hosts" / f"{samples.host_name(0)}.json"
    path.write_bytes(path.read_bytes().replace(b'"fail"', b'"pass"', 1))
    assert told(fleet) == [
        f"run {RUNS[1]}, number 2, hosts/{path.name}: changed: its content is not what was written",
    ]


@pytest.mark.parametrize("name", ["run.json", "report.html", "findings.csv"])
def test_each_file_of_a_bundle_counts(fleet: Path, name: str) -> None:
    path = fleet / RUNS[2] / name
    path.write_bytes(path.read_bytes() + b" ")
    assert [(each["what"], each["run_id"], each["file"]) for each in verify(fleet)["problems"]] == [
        ("changed", RUNS[2], name)
    ]


def test_a_missing_and_an_added_file_are_named(fleet: Path) -> None:
    os.rename(fleet / RUNS[0] / "findings.csv", fleet / RUNS[0] / "other.csv")
    assert [(each["what"], each["file"]) for each in verify(fleet)["problems"]] == [
        ("missing", "findings.csv"),
        ("added", "other.csv"),
    ]


def test_a_link_in_the_place_of_a_file_is_named(fleet: Path) -> None:
    path = fleet / RUNS[0] / "run.json"
    path.rename(fleet / "copy.json")
    path.symlink_to(fleet / "copy.json")
    assert [(each["what"], each["saw"]) for each in verify(fleet)["problems"]] == [("changed", "it is a link")]


def test_a_missing_bundle_is_named_by_its_successor(fleet: Path) -> None:
    shutil.rmtree(fleet / RUNS[1])
    assert told(fleet) == [f"run {RUNS[1]}, number 2: missing: the bundle is not here"]


def test_a_missing_first_bundle_is_named(fleet: Path) -> None:
    shutil.rmtree(fleet / RUNS[0])
    assert told(fleet) == [f"run {RUNS[0]}, number 1: missing: the bundle is not here"]


def test_an_added_bundle_is_named(fleet: Path) -> None:
    shutil.copytree(fleet / RUNS[1], fleet / "20261122T160000Z-beef")
    made = verify(fleet)["problems"]
    assert ("reordered", "20261122T160000Z-beef") in [(each["what"], each["run_id"]) for each in made]
    assert ("forked", 2) in [(each["what"], each["number"]) for each in made]


def test_a_bundle_that_was_never_sealed_is_named(fleet: Path) -> None:
    keep(fleet, "20261122T160000Z-beef")
    (made,) = verify(fleet)["problems"]
    assert (made["what"], made["run_id"]) == ("unsealed", "20261122T160000Z-beef")


def test_two_bundles_that_changed_places_are_named(fleet: Path) -> None:
    os.rename(fleet / RUNS[1], fleet / "aside")
    os.rename(fleet / RUNS[2], fleet / RUNS[1])
    os.rename(fleet / "aside", fleet / RUNS[2])
    made = verify(fleet)["problems"]
    assert {(each["what"], each["run_id"], each["saw"]) for each in made} == {
        ("reordered", RUNS[1], f"it is of run {RUNS[2]}"),
        ("reordered", RUNS[2], f"it is of run {RUNS[1]}"),
    }


def renumber(path: Path, number: int) -> None:
    data = json.loads(path.read_bytes())
    data["sequence"] = number
    path.unlink()
    path.with_name(chain.file_name("fleet", number)).write_bytes(chain.canonical(data))


def test_two_bundles_that_were_given_each_others_number_are_named(fleet: Path) -> None:
    two, three = manifest(fleet, 2), manifest(fleet, 3)
    renumber(two, 3)
    renumber(three, 2)
    changed = {each["number"] for each in verify(fleet)["problems"] if each["what"] == "changed"}
    assert changed == {1, 2, 3}


def test_a_rewritten_manifest_is_named(fleet: Path) -> None:
    path, record_path = manifest(fleet, 2), fleet / RUNS[1] / "hosts" / f"{samples.host_name(0)}.json"
    record_path.write_bytes(record_path.read_bytes().replace(b'"fail"', b'"pass"', 1))
    data = json.loads(path.read_bytes())
    data["files"][f"hosts/{record_path.name}"] = hashlib.sha256(record_path.read_bytes()).hexdigest()
    path.write_bytes(chain.canonical(data))
    assert told(fleet) == [
        f"run {RUNS[1]}, number 2, chain/{path.name}: changed: its manifest is not the one that number 3 names"
    ]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"schema": "healthops.clinical/manifest/1"}'])
def test_a_manifest_that_is_none_is_named(fleet: Path, damage: bytes) -> None:
    path = manifest(fleet, 2)
    path.write_bytes(damage)
    made = [(each["what"], each["file"]) for each in verify(fleet)["problems"]]
    assert ("changed", f"chain/{path.name}") in made
    assert ("missing", "") in made


def test_a_record_that_a_later_manifest_does_not_have_is_named(fleet: Path) -> None:
    path = fleet / RUNS[3] / "hosts" / f"{samples.host_name(1)}.json"
    report(fleet, run_id=RUNS[3], formats=["junit"])
    later = manifest(fleet, 5)
    data = json.loads(later.read_bytes())
    del data["files"][f"hosts/{path.name}"]
    path.unlink()
    later.write_bytes(chain.canonical(data))
    (fleet / ".chain" / "fleet.json").unlink()
    (made,) = verify(fleet)["problems"]
    assert (made["what"], made["file"]) == ("withdrawn", f"hosts/{path.name}")


def test_a_record_that_was_written_again_is_noted(fleet: Path) -> None:
    name = samples.host_name(1)
    result = samples.result(1, 3, "harden", RUNS[3])
    result["msg"] = "again"
    write_record(fleet, name, record.clean_result(result, name))
    report(fleet, run_id=RUNS[3])
    made = verify(fleet)
    assert made["problems"] == []
    assert made["notes"] == [f"run {RUNS[3]}, number 5, hosts/{name}.json: it was written again after number 4"]


def test_a_cut_end_is_found_with_a_remembered_head_or_by_the_note(fleet: Path) -> None:
    head = verify(fleet)["heads"]["fleet"]
    for run_id in RUNS[2:]:
        shutil.rmtree(fleet / run_id)
    assert [each["what"] for each in verify(fleet)["problems"]] == ["truncated"]
    (fleet / ".chain" / "fleet.json").unlink()
    assert told(fleet) == []  # nobody who sees only this directory can tell
    assert told(fleet, head=head) == [
        f"number 4: truncated: the remembered head is number 4, but the chain ends with number 2 of run {RUNS[1]}"
    ]


def test_a_chain_that_was_made_anew_is_found_with_a_remembered_head(fleet: Path) -> None:
    head = verify(fleet)["heads"]["fleet"]
    shutil.rmtree(fleet)
    for run_id in RUNS:
        keep(fleet, run_id, 1)
        report(fleet, run_id=run_id)
    assert told(fleet) == []
    assert told(fleet, head=head) == [
        f"run {RUNS[3]}, number 4: changed: it is not the manifest of the remembered head"
    ]


@pytest.mark.parametrize("head", ["4", "four:00", "4:abc", ":", f"\u00b2:{'0' * 64}", f"\u0661:{'0' * 64}"])
def test_a_head_that_is_none_is_refused(fleet: Path, head: str) -> None:
    with pytest.raises(ClinicalError, match="it is not like 12:0123"):
        verify(fleet, head=head)


def test_a_signed_chain_is_verified(signed: Path, keys: Path) -> None:
    made = verify(signed, allowed_signers=keys / "allowed")
    assert (made["problems"], made["signed"]) == ([], 4)
    assert told(signed) == []


def test_a_rewritten_signed_manifest_is_broken(signed: Path, keys: Path) -> None:
    path = manifest(signed, 4)
    data = json.loads(path.read_bytes())
    data["files"].popitem()
    path.write_bytes(chain.canonical(data))
    (signed / ".chain" / "fleet.json").unlink()
    for more in ({}, {"allowed_signers": keys / "allowed"}):
        problems = verify(signed, **more)["problems"]
        assert ("signature", RUNS[3], f"chain/{path.stem}.sig") in [
            (each["what"], each["run_id"], each["file"]) for each in problems
        ]


def test_a_foreign_signature_is_named(tmp_path: Path, keys: Path) -> None:
    run(tmp_path, RUNS[0], key=keys / "theirs")
    (made,) = verify(tmp_path, allowed_signers=keys / "allowed")["problems"]
    assert (made["what"], made["number"]) == ("signature", 1)
    assert "does not allow: SHA256:" in made["saw"]
    assert told(tmp_path) == []


def test_a_signature_by_another_allowed_key_than_the_manifest_names_is_named(signed: Path, keys: Path) -> None:
    path = manifest(signed, 2)
    other = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "healthops.clinical", "-f", str(keys / "next")],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    path.with_suffix(".sig").write_bytes(other.stdout)
    (made,) = verify(signed, allowed_signers=keys / "allowed")["problems"]
    assert "signed it, the manifest names" in made["saw"]


def test_a_signature_for_another_purpose_is_broken(signed: Path, keys: Path) -> None:
    path = manifest(signed, 2)
    other = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "file", "-f", str(keys / "ours")],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    path.with_suffix(".sig").write_bytes(other.stdout)
    (made,) = verify(signed)["problems"]
    assert (made["what"], made["number"]) == ("signature", 2)


def test_a_signature_that_was_taken_away_is_named(signed: Path) -> None:
    manifest(signed, 3).with_suffix(".sig").unlink()
    (made,) = verify(signed)["problems"]
    assert (made["what"], made["run_id"]) == ("signature", RUNS[2])
    assert made["saw"].startswith("the signature of SHA256:")


def test_a_signed_chain_is_not_continued_without_a_key(signed: Path, keys: Path) -> None:
    with pytest.raises(ClinicalError, match="number 4 is signed, and no key is named for the next"):
        run(signed, "20261201T000000Z-0001")
    made = run(signed, "20261201T000000Z-0001", key=keys / "ours")
    assert (made["unknown_hosts"], told(signed, allowed_signers=keys / "allowed")) == ({}, [])


def test_a_chain_that_began_unsigned_is_covered_by_its_first_signature(fleet: Path, keys: Path) -> None:
    signers = {"allowed_signers": keys / "allowed"}
    assert {problem["what"] for problem in verify(fleet, **signers)["problems"]} == {"signature"}
    run(fleet, "20261201T000000Z-0001", key=keys / "ours")
    assert told(fleet, **signers) == []


def test_a_clock_that_was_set_back_is_named(tmp_path: Path) -> None:
    days = (20, 22, 21)
    for run_id, day in zip(RUNS, days):
        run(tmp_path, run_id, now=datetime(2026, 11, day, tzinfo=timezone.utc))
    assert told(tmp_path) == [
        f"run {RUNS[2]}, number 3: clock: it was sealed at 2026-11-21T00:00:00Z, after one of 2026-11-22T00:00:00Z: "
        "a clock was set back"
    ]


@pytest.mark.parametrize("name", ["empty", "wrong"])
def test_nothing_to_verify_is_a_problem(tmp_path: Path, name: str) -> None:
    if name == "wrong":
        (tmp_path / "notes.txt").write_text("words", encoding="utf-8")
    assert told(tmp_path) == [f"missing: there is nothing to verify in {tmp_path}"]
    assert told(tmp_path, fleet="typo") == [f"missing: there is nothing to verify in {tmp_path}"]


def test_a_manifest_of_a_far_number_is_told_at_once(fleet: Path) -> None:
    renumber(manifest(fleet, 4), 10**12)
    assert "the bundles of numbers 4 to 999999999999 are not here" in " ".join(told(fleet))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sequence", True),
        ("sequence", 0),
        ("previous", {"sequence": 1, "run_id": "x", "sha256": []}),
        ("files", {"run.json": 1}),
        ("taken_over", [{}]),
        ("sealed", 7),
    ],
)
def test_a_manifest_of_another_shape_is_none(fleet: Path, key: str, value: object) -> None:
    path = manifest(fleet, 2)
    path.write_bytes(chain.canonical({**json.loads(path.read_bytes()), key: value}))
    assert f"chain/{path.name}: changed: " in " ".join(told(fleet))


def test_a_new_key_goes_on_with_the_chain(signed: Path, keys: Path) -> None:
    run(signed, "20261201T000000Z-0001", key=keys / "next")
    assert told(signed, allowed_signers=keys / "allowed") == []
