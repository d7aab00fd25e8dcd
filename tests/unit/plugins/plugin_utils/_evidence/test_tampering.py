# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An evidence store in the hands of a liar, who writes whatever they like and has a key that nobody allowed.

Each attempt on a signed store is found by verifying, at once and after whatever honest people do next: another run,
another format of any run, a new batch of the same run.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import typing as t
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import sha256
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.chains import RUNS, keep, manifest, run
from unit_tests.plugin_utils._evidence.stored_runs import own, report, write_record

LATER = "20261201T000000Z-0001"
FORGED = "20261125T150000Z-f0f0"
Attempt = Callable[[Path, Path], None]


def record_of(root: Path, run_id: str = RUNS[1]) -> Path:
    return root / run_id / "hosts" / f"{samples.host_name(0)}.json"


def flip(path: Path) -> None:
    data = path.read_bytes()
    assert b'"fail"' in data
    path.write_bytes(data.replace(b'"fail"', b'"pass"'))


def rewrite(path: Path, **keys: t.Any) -> None:
    path.write_bytes(chain.canonical({**json.loads(path.read_bytes()), **keys}))


def forged_manifest(root: Path, run_id: str, number: int, before: int, fleet: str = "fleet", **keys: t.Any) -> Path:
    """A manifest of all that lies in a bundle, as only its writer could know better."""
    bundle = root / run_id
    earlier = manifest(root, before)
    previous = {"sequence": before, "run_id": earlier.parent.parent.name, "sha256": sha256(earlier.read_bytes())}
    files = {name: sha256(path.read_bytes()) for name, path in chain.contents(bundle).items()}
    made = {"schema": chain.MANIFEST_SCHEMA, "fleet": fleet, "sequence": number, "run_id": run_id, "signer": ""}
    path = bundle / "chain" / chain.file_name(fleet, number)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(chain.canonical({**made, "previous": previous, "files": files, **keys}))
    note = {"sequence": number, "run_id": run_id, "sha256": sha256(path.read_bytes())}
    (root / ".chain" / f"{fleet}.json").write_bytes(chain.canonical(note))
    return path


def sign_as(key: Path, path: Path) -> None:
    signature = subprocess.run(
        ["ssh-keygen", "-q", "-Y", "sign", "-n", "healthops.clinical", "-f", str(key)],
        input=path.read_bytes(),
        capture_output=True,
        check=True,
    )
    path.with_suffix(".sig").write_bytes(signature.stdout)


def edit_a_record(root: Path, _keys: Path) -> None:
    flip(record_of(root))


def edit_a_record_of_the_newest_run(root: Path, _keys: Path) -> None:
    flip(record_of(root, RUNS[3]))


def edit_the_bundle(root: Path, _keys: Path) -> None:
    rewrite(root / RUNS[1] / "run.json", missing=[])


def edit_the_report(root: Path, _keys: Path) -> None:
    (root / RUNS[1] / "report.html").write_text("all is well", encoding="utf-8")


def edit_a_record_and_its_manifest(root: Path, _keys: Path) -> None:
    flip(record_of(root))
    path = manifest(root, 2)
    files = {
        **json.loads(path.read_bytes())["files"],
        f"hosts/{record_of(root).name}": sha256(record_of(root).read_bytes()),
    }
    rewrite(path, files=files)


def delete_a_record(root: Path, _keys: Path) -> None:
    record_of(root).unlink()


def delete_a_host_without_result(root: Path, _keys: Path) -> None:
    edit_the_bundle(root, _keys)
    edit_the_report(root, _keys)


def delete_a_bundle(root: Path, _keys: Path) -> None:
    shutil.rmtree(root / RUNS[1])


def delete_the_newest_bundle_and_the_note(root: Path, _keys: Path) -> None:
    shutil.rmtree(root / RUNS[3])
    (root / ".chain" / "fleet.json").unlink()


def delete_a_signature(root: Path, _keys: Path) -> None:
    manifest(root, 2).with_suffix(".sig").unlink()


def delete_the_manifest_of_a_changed_bundle(root: Path, _keys: Path) -> None:
    flip(record_of(root))
    shutil.rmtree(root / RUNS[1] / "chain")


def add_a_record(root: Path, _keys: Path) -> None:
    data = record_of(root).read_bytes().replace(samples.host_name(0).encode(), b"ghost")
    record_of(root).with_name("ghost.json").write_bytes(data)


def add_a_bundle(root: Path, _keys: Path) -> None:
    keep(root.parent / "elsewhere", FORGED)
    shutil.copytree(root.parent / "elsewhere" / FORGED, root / FORGED)


def add_an_unsigned_bundle_to_the_chain(root: Path, keys: Path) -> None:
    add_a_bundle(root, keys)
    forged_manifest(root, FORGED, 5, 4)


def add_an_unsigned_manifest_to_a_changed_bundle(root: Path, _keys: Path) -> None:
    flip(record_of(root))
    forged_manifest(root, RUNS[1], 5, 4)


def add_a_bundle_with_a_foreign_signature(root: Path, keys: Path) -> None:
    add_an_unsigned_bundle_to_the_chain(root, keys)
    signer = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(keys / "theirs")], capture_output=True, check=True, encoding="ascii"
    )
    path = manifest(root, 5)
    rewrite(path, signer=signer.stdout.split()[1])
    sign_as(keys / "theirs", path)
    note = {"sequence": 5, "run_id": FORGED, "sha256": sha256(path.read_bytes())}
    (root / ".chain" / "fleet.json").write_bytes(chain.canonical(note))


def add_a_changed_bundle_to_a_second_fleet(root: Path, _keys: Path) -> None:
    flip(record_of(root))
    forged_manifest(root, RUNS[1], 1, 2, fleet="annex", previous=None)


def move_a_bundle_to_a_second_fleet(root: Path, _keys: Path) -> None:
    flip(record_of(root))
    shutil.rmtree(root / RUNS[1] / "chain")
    forged_manifest(root, RUNS[1], 1, 1, fleet="annex", previous=None)


def exchange_two_bundles(root: Path, _keys: Path) -> None:
    os.rename(root / RUNS[1], root / "aside")
    os.rename(root / RUNS[2], root / RUNS[1])
    os.rename(root / "aside", root / RUNS[2])


def exchange_two_manifests(root: Path, _keys: Path) -> None:
    two, three = manifest(root, 2), manifest(root, 3)
    first, second = two.read_bytes(), three.read_bytes()
    two.write_bytes(second)
    three.write_bytes(first)


def replace_a_record_by_an_earlier_one_of_its_own(root: Path, keys: Path) -> None:
    """The bytes were sealed once, and have been written again since."""
    path = record_of(root, RUNS[3])
    old = path.read_bytes()
    path_result = json.loads(old)["result"]
    run(root, RUNS[3], hosts=3, key=keys / "ours")
    keep_again(root, RUNS[3], {**path_result, "msg": "looked at again"})
    report(root, run_id=RUNS[3], key=keys / "ours")
    path.write_bytes(old)


def keep_again(root: Path, run_id: str, result: t.Dict[str, t.Any]) -> None:
    assert result["run_id"] == run_id
    write_record(root, samples.host_name(0), result)


def replace_a_file_by_a_folder_link(root: Path, _keys: Path) -> None:
    path = record_of(root)
    path.unlink()
    path.symlink_to(root / RUNS[2], target_is_directory=True)


def replace_a_file_by_a_pipe(root: Path, _keys: Path) -> None:
    path = record_of(root)
    path.unlink()
    os.mkfifo(path)


def replace_a_bundle_by_a_link(root: Path, _keys: Path) -> None:
    os.rename(root / RUNS[1], root.parent / "aside")
    (root / RUNS[1]).symlink_to(root.parent / "aside", target_is_directory=True)


def replace_the_whole_store_by_an_older_one(root: Path, keys: Path) -> None:
    """As from a snapshot: all of it was honest, and the newest runs never were."""
    copy = root.parent / "snapshot"
    shutil.copytree(root, copy, symlinks=True)
    run(root, "20261126T150000Z-0005", key=keys / "ours")
    shutil.rmtree(root)
    os.rename(copy, root)


def roll_back_the_clock(root: Path, keys: Path) -> None:
    run(root, "20261126T150000Z-0005", key=keys / "ours", now=datetime(2025, 1, 1, tzinfo=timezone.utc))


ATTEMPTS: t.List[Attempt] = [
    edit_a_record,
    edit_a_record_of_the_newest_run,
    edit_the_bundle,
    edit_the_report,
    edit_a_record_and_its_manifest,
    delete_a_record,
    delete_a_host_without_result,
    delete_a_bundle,
    delete_the_newest_bundle_and_the_note,
    delete_a_signature,
    delete_the_manifest_of_a_changed_bundle,
    add_a_record,
    add_a_bundle,
    add_an_unsigned_bundle_to_the_chain,
    add_an_unsigned_manifest_to_a_changed_bundle,
    add_a_bundle_with_a_foreign_signature,
    add_a_changed_bundle_to_a_second_fleet,
    move_a_bundle_to_a_second_fleet,
    exchange_two_bundles,
    exchange_two_manifests,
    replace_a_record_by_an_earlier_one_of_its_own,
    replace_a_file_by_a_folder_link,
    replace_a_file_by_a_pipe,
    replace_a_bundle_by_a_link,
    replace_the_whole_store_by_an_older_one,
    roll_back_the_clock,
]


def nothing(_root: Path, _key: Path) -> None:
    """Verify at once."""


def a_later_run(root: Path, key: Path) -> None:
    run(root, LATER, key=key)


def another_format_of_every_run(root: Path, key: Path) -> None:
    """What cannot be sealed is refused, and that is right as well."""
    for run_id in [*RUNS, FORGED]:
        try:
            report(root, run_id=run_id, formats=["junit"], key=key)
        except ClinicalError:
            continue


def another_batch_of_the_same_run(root: Path, key: Path) -> None:
    """The host whose record was changed is looked at again."""
    for run_id in (RUNS[1], RUNS[3]):
        try:
            run(root, run_id, hosts=3, key=key)
        except ClinicalError:
            continue


def all_of_it(root: Path, key: Path) -> None:
    another_format_of_every_run(root, key)
    another_batch_of_the_same_run(root, key)
    a_later_run(root, key)


HONEST = [nothing, a_later_run, another_format_of_every_run, all_of_it]


@pytest.fixture(scope="module")
def honest_store(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    """Four signed runs of this account; one host of each gave no result."""
    root = tmp_path_factory.mktemp("store") / "evidence"
    for run_id in RUNS:
        keep(root, run_id)
        report(root, run_id=run_id, hosts=["down"], formats=["csv"], key=keys / "ours")
    return root


@pytest.fixture
def store(honest_store: Path, tmp_path: Path) -> Path:
    root = tmp_path / "evidence"
    shutil.copytree(honest_store, root, symlinks=True)
    shutil.copytree(own(honest_store).folder, own(root).folder)
    return root


@pytest.mark.parametrize("honest", HONEST, ids=lambda function: function.__name__)
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda function: function.__name__)
def test_an_attempt_is_found(store: Path, keys: Path, attempt: Attempt, honest: Attempt) -> None:
    attempt(store, keys)
    honest(store, keys / "ours")
    made = verify(store, allowed_signers=keys / "allowed", own_writes=own(store))
    assert made["told"] or made["notes"]


@pytest.mark.parametrize("honest", HONEST, ids=lambda function: function.__name__)
def test_honest_people_are_no_liars(store: Path, keys: Path, honest: Attempt) -> None:
    honest(store, keys / "ours")
    made = verify(store, allowed_signers=keys / "allowed", own_writes=own(store))
    assert made["told"] == []
