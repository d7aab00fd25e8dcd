# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of bundles: each kind of tampering is found and named, and an honest run never looks like one."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain, record, store
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.report import report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from unit_tests.plugin_utils._evidence import samples

ROOT = Path(__file__).resolve().parents[5]
TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")
Json = t.Dict[str, t.Any]
RUNS = [f"2026112{number}T150000Z-000{number}" for number in range(1, 5)]


def keep(root: Path, run_id: str, hosts: int = 2, controls: int = 3) -> None:
    for number in range(hosts):
        name = samples.host_name(number)
        result = samples.result(number, controls, "harden", run_id)
        result["started"] = f"{run_id[:4]}-{run_id[4:6]}-{run_id[6:8]}T15:00:00Z"
        store.write_record(root, name, record.clean_result(result, name))


def run(root: Path, run_id: str, hosts: int = 2, **more: t.Any) -> Json:
    keep(root, run_id, hosts)
    return report(root, TEMPLATE, run_id=run_id, formats=["csv"], **more)


def snapshot(root: Path) -> t.Dict[str, bytes]:
    """All files but the lock, which says who held it last."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def told(root: Path, **more: t.Any) -> t.List[str]:
    made: t.List[str] = verify(root, **more)["told"]
    return made


def four_runs(root: Path, **more: t.Any) -> Path:
    for run_id in RUNS:
        run(root, run_id, **more)
    return root


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return four_runs(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def fleet(honest: Path, tmp_path: Path) -> Path:
    """Four runs, not signed."""
    return Path(shutil.copytree(honest, tmp_path / "evidence", symlinks=True))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys "ours", "next" and "theirs", and a list of signers that allows the first two."""
    folder = tmp_path_factory.mktemp("keys")
    lines = []
    for name in ("ours", "next", "theirs"):
        path = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        if name != "theirs":
            public = path.with_suffix(".pub").read_text(encoding="utf-8").split()
            lines.append(f'{name}@hospital.example namespaces="healthops.clinical" {public[0]} {public[1]}\n')
    (folder / "allowed").write_text("".join(lines), encoding="utf-8")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-C", "locked", "-f", str(folder / "locked")],
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def honest_and_signed(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    return four_runs(tmp_path_factory.mktemp("signed"), key=keys / "ours")


@pytest.fixture
def signed(honest_and_signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest_and_signed, tmp_path / "evidence", symlinks=True))


def manifest(root: Path, number: int) -> Path:
    (path,) = root.glob(f"2*/chain/fleet-{number:06d}.json")
    return path


# An honest directory


def test_an_honest_chain_has_no_problem(fleet: Path) -> None:
    made = verify(fleet)
    assert (made["problems"], made["bundles"], made["manifests"], made["signed"]) == ([], 4, 4, 0)
    assert told(fleet, head=made["heads"]["fleet"]) == []


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
        made = report(fleet, TEMPLATE, run_id=RUNS[1], key=key)
        assert (made["changed"], made["sequence"], made["signer"]) == (False, 2, "")
    assert snapshot(fleet) == before
    assert told(fleet) == []


def test_a_later_batch_of_an_older_run_is_added_at_the_end(fleet: Path) -> None:
    made = run(fleet, RUNS[1], hosts=3)
    assert (made["sequence"], made["changed"]) == (5, True)
    assert told(fleet) == []
    assert verify(fleet)["manifests"] == 5
    assert report(fleet, TEMPLATE, run_id=RUNS[1])["changed"] is False


def test_another_format_later_is_added_at_the_end(fleet: Path) -> None:
    assert report(fleet, TEMPLATE, run_id=RUNS[0], formats=["oscal"])["sequence"] == 5
    assert told(fleet) == []


def test_fleets_have_chains_of_their_own(fleet: Path) -> None:
    made = run(fleet, "20261201T000000Z-0001", fleet="annex")
    assert (made["fleet"], made["sequence"]) == ("annex", 1)
    assert told(fleet) == []
    assert sorted(verify(fleet)["heads"]) == ["annex", "fleet"]
    assert report(fleet, TEMPLATE, run_id="20261201T000000Z-0001", fleet="other")["fleet"] == "annex"


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
        report(fleet, TEMPLATE, run_id=RUNS[3])
    made = verify(fleet)
    assert (made["problems"], made["manifests"]) == ([], 5)


def test_the_chain_goes_on_where_older_bundles_were_archived(fleet: Path) -> None:
    for run_id in RUNS:
        shutil.rmtree(fleet / run_id)
    assert run(fleet, "20261201T000000Z-0001")["sequence"] == 5
    assert told(fleet, oldest=5) == []
    assert [problem["number"] for problem in verify(fleet)["problems"]] == [1, 2, 3, 4]


# Tampering


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
    data["files"] = chain.hashes(fleet / RUNS[1])
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


def test_a_record_that_was_withdrawn_from_a_run_is_named(fleet: Path) -> None:
    path = fleet / RUNS[3] / "hosts" / f"{samples.host_name(1)}.json"
    path.unlink()
    report(fleet, TEMPLATE, run_id=RUNS[3])
    (made,) = verify(fleet)["problems"]
    assert (made["what"], made["file"]) == ("withdrawn", f"hosts/{path.name}")


def test_a_record_that_was_written_again_is_noted(fleet: Path) -> None:
    path = fleet / RUNS[3] / "hosts" / f"{samples.host_name(1)}.json"
    path.write_bytes(path.read_bytes().replace(b'"msg":""', b'"msg":"x"'))
    report(fleet, TEMPLATE, run_id=RUNS[3])
    made = verify(fleet)
    assert made["problems"] == []
    assert made["notes"] == [f"run {RUNS[3]}, number 5, hosts/{path.name}: it was written again after number 4"]


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
        report(fleet, TEMPLATE, run_id=run_id)
    assert told(fleet) == []
    assert told(fleet, head=head) == [
        f"run {RUNS[3]}, number 4: changed: it is not the manifest of the remembered head"
    ]


@pytest.mark.parametrize("head", ["4", "four:00", "4:abc", ":"])
def test_a_head_that_is_none_is_refused(fleet: Path, head: str) -> None:
    with pytest.raises(ClinicalError, match="it is not like 12:0123"):
        verify(fleet, head=head)


# Signatures


def test_a_signed_chain_is_verified(signed: Path, keys: Path) -> None:
    made = verify(signed, allowed_signers=keys / "allowed")
    assert (made["problems"], made["signed"]) == ([], 4)
    assert told(signed) == []


def test_the_report_and_the_result_name_the_key_and_never_hold_it(signed: Path, keys: Path) -> None:
    made = report(signed, TEMPLATE, run_id=RUNS[0])
    assert made["signer"].startswith("SHA256:")
    assert made["signer"] in (signed / RUNS[0] / "report.html").read_text(encoding="utf-8")
    private = "".join((keys / "ours").read_text(encoding="utf-8").splitlines()[1:-1])
    for path, data in snapshot(signed).items():
        assert private[:40].encode() not in data, path
        assert str(keys).encode() not in data, path


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


def test_an_unsigned_end_is_a_problem_where_signers_are_named(signed: Path, keys: Path) -> None:
    run(signed, "20261201T000000Z-0001")
    assert told(signed) == []
    (made,) = verify(signed, allowed_signers=keys / "allowed")["problems"]
    assert (made["what"], made["number"]) == ("signature", 5)
    run(signed, "20261202T000000Z-0001", key=keys / "ours")
    assert told(signed, allowed_signers=keys / "allowed") == []  # the later signature covers the earlier manifest


def test_a_new_key_goes_on_with_the_chain(signed: Path, keys: Path) -> None:
    run(signed, "20261201T000000Z-0001", key=keys / "next")
    assert told(signed, allowed_signers=keys / "allowed") == []


@pytest.mark.parametrize("name", ["absent", "locked"])
def test_a_key_that_cannot_sign_fails_and_leaves_the_bundle_to_be_sealed(tmp_path: Path, keys: Path, name: str) -> None:
    with pytest.raises(ClinicalError, match=r"signing key|Signing with") as raised:
        run(tmp_path, RUNS[0], key=keys / name)
    assert "secret words" not in str(raised.value)
    made = run(tmp_path, RUNS[0], key=keys / "ours")
    assert (made["sequence"], told(tmp_path, allowed_signers=keys / "allowed")) == (1, [])


def test_the_public_half_of_a_key_in_an_agent_signs(
    tmp_path: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        while not socket.exists() and agent.poll() is None:
            pass
        subprocess.run(["ssh-add", "-q", str(keys / "ours")], check=True, capture_output=True)
        public = tmp_path / "only.pub"
        shutil.copy(keys / "ours.pub", public)
        made = run(tmp_path / "e", RUNS[0], key=public)
    finally:
        agent.terminate()
        agent.wait()
    assert made["signer"].startswith("SHA256:")
    assert told(tmp_path / "e", allowed_signers=keys / "allowed") == []
