# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier code wrote on hosts and control nodes is still read: journals, guards, evidence and its chain."""

from __future__ import annotations

import html
import subprocess
import tarfile
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, revert
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import record
from ansible_collections.healthops.clinical.plugins.module_utils._patch import configuration, ledger, stages
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS, exported
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.report import Sealing, report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import load_records, load_run
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.approvals import approved
from fake_host import FakeHost

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "tests" / "fixtures" / "released"
TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")
HARDENED = "20261130T103528Z-eec2"
PATCHED = "20261130T114203Z-2b48"
DIGEST = "sha256:31fdd8e954d2cbe435b81841ea163ffef128073b1d46676ef176dc38aae1795b"
#: Archive -> run -> its mode.
RUNS = {
    "evidence.tar.xz": {
        "20261130T103421Z-a8aa": "audit",
        HARDENED: "harden",
        "20261130T104221Z-1ded": "harden",
        "20261130T104409Z-e43f": "rollback",
    },
    "evidence_patching.tar.xz": {
        "20261130T114136Z-0f19": "patch_plan",
        "20261130T114202Z-5e10": "patch_plan",
        "20261130T114217Z-954e": "patch_apply",
        "20261130T114238Z-d9af": "patch_rollback",
        "20261130T114257Z-0cd8": "harden",
        "20261130T114322Z-b470": "rollback",
    },
}


def unpacked(archive: str, below: str = "") -> FakeHost:
    """Return a host that has the files of an archive, and nothing else of the one that they were written on."""
    host = FakeHost("debian-13")
    with tarfile.open(RELEASED / archive) as files:
        for member in files:
            file = files.extractfile(member)
            if file is not None and member.name.startswith(below):
                path = Path("/") / Path(member.name).relative_to(below)
                host.add_dir(str(path.parent), 0o700)
                host.add_file(str(path), file.read(), 0o600)
    return host


@pytest.fixture
def host() -> FakeHost:
    return unpacked("journal.tar.xz")


def evidence_of(archive: str, folder: Path) -> Path:
    """Return the evidence of an archive, in a folder where it may be changed."""
    with tarfile.open(RELEASED / archive) as files:
        files.extractall(folder)  # our own file, and the Python of Debian 12 knows no filter
    return folder / "evidence"


def test_a_journal_is_read_whole(host: FakeHost) -> None:
    (run,) = journal.runs(host)
    assert (run.run_id, run.progress, run.made_by, run.sequence) == (HARDENED, "complete", "baseline", 1)
    loaded = journal.load(host, run)
    assert (loaded.damaged, len(loaded.groups) + len(loaded.entries)) == (0, run.entries)
    types = {entry.step.subject.type for entry in loaded.entries}
    assert {"awaited file", "file", "packages", "tree"} < types
    assert all(entry.step.subject.type in journal.SUBJECTS for entry in loaded.entries)
    assert {journal.key(entry.step.subject) for entry in loaded.entries} <= set(loaded.after)


def test_a_journal_names_its_way_back(host: FakeHost) -> None:
    run = revert.choose_run(host, "")
    assert run.run_id == HARDENED
    plan = revert.plan_revert(host, run)
    assert plan.groups


def test_a_guard_is_read_as_it_ended(host: FakeHost) -> None:
    guard = record.load(host, HARDENED)
    assert guard is not None
    assert record.newest(host) == guard
    result = record.as_result(host, guard)
    assert (result["state"], result["why"], result["within"]) == ("confirmed", "a fresh login worked", 120)
    assert record.unsettled(host) is None


@pytest.mark.parametrize(
    ("archive", "bundles", "manifests"), [("evidence.tar.xz", 4, 8), ("evidence_patching.tar.xz", 6, 6)]
)
def test_the_chain_holds_and_its_signature_is_good(archive: str, bundles: int, manifests: int, tmp_path: Path) -> None:
    verified = verify(evidence_of(archive, tmp_path), allowed_signers=RELEASED / "allowed_signers")
    assert verified["told"] == []
    assert (verified["bundles"], verified["manifests"], verified["signed"]) == (bundles, manifests, 1)
    assert [head.partition(":")[0] for head in verified["heads"].values()] == [str(manifests)]


@pytest.mark.parametrize("archive", RUNS)
def test_a_bundle_is_what_its_records_make_today(archive: str, tmp_path: Path) -> None:
    evidence = evidence_of(archive, tmp_path)
    for run_id, mode in RUNS[archive].items():
        run = load_run(evidence, run_id)
        assert run is not None
        records = load_records(evidence, run_id)
        assert records.unreadable == {}
        again = bundle(run_id, records.results, [*run["hosts"], *run["missing"]], {}, run["mode"])
        assert (again["mode"], again["summary"]) == (mode, run["summary"])
        page = (evidence / run_id / "report.html").read_text(encoding="utf-8")
        assert f"<h1>{html.escape(headline(again))}.</h1>" in page
        assert {"findings.csv", "junit.xml", "metrics.prom", "oscal.json"} <= set(exported(again, list(FORMATS)))


def test_a_report_is_made_again_and_the_chain_goes_on_with_a_key(tmp_path: Path) -> None:
    evidence, key = evidence_of("evidence.tar.xz", tmp_path), tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    own = OwnWrites.of(tmp_path / "home", evidence)
    with pytest.raises(ClinicalError, match="number 8 is signed, and no key is named"):
        report(evidence, TEMPLATE, Sealing(own_writes=own), run_id=HARDENED, formats=["oscal"])
    made = report(evidence, TEMPLATE, Sealing(own_writes=own, key=key), run_id=HARDENED, formats=["oscal"])
    assert (made["mode"], made["sequence"], made["changed"], made["warnings"]) == ("harden", 9, True, [])
    assert verify(evidence)["told"] == []


@pytest.mark.parametrize("stage", ["staged", "applied", "rolled_back"])
def test_a_patch_run_is_read_with_its_plan_and_what_was_before(stage: str) -> None:
    host = unpacked("patch.tar.xz", stage.replace("_", ""))
    (run,) = stages.runs(host)
    assert (run.run_id, run.stage, run.cut) == (PATCHED, stage, False)
    assert stages.newest(host) == stages.find(host, PATCHED) == run
    plan = stages.read_plan(host, run)
    assert (plan.digest, len(plan.changes)) == (DIGEST, 11)
    before = stages.read_before(host, run)
    assert before == stages.read_before(host, run)
    if stage != "staged":
        assert stages.read_after(host, run)
    if stage == "rolled_back":
        assert stages.read_drift(host, run) == ()


def test_configuration_that_a_patch_run_left_alone_is_known_again() -> None:
    """Else every file would count as changed by somebody since, and none would come back."""
    host = unpacked("patch.tar.xz", "applied")
    (run,) = stages.runs(host)
    before, after = stages.read_before(host, run), stages.read_after(host, run)
    images = {path: image for path, image in before.files.items() if image is not None}
    for path, image in images.items():
        host.add_dir(str(Path(path).parent))
        File(path).put(host, {"kind": "file", **image})
    first, *_more = images
    assert configuration.changed_since(host, {path: after[path] for path in images}) == ()
    host.add_file(first, "changed since")
    assert configuration.changed_since(host, {path: after[path] for path in images}) == (first,)


def test_a_ledger_is_read_with_what_it_holds_back() -> None:
    before, after = (ledger.read(unpacked("patch.tar.xz", name)) for name in ("staged", "rolledback"))
    assert before.holds() == {}
    assert (before.damaged, after.damaged, len(after.holds())) == (0, 0, 10)
    assert {hold["until"][:10] for hold in after.holds().values()} == {"2026-12-14"}
    assert set(after.expired("2099-01-01T00:00:00Z")) == set(after.holds())


def test_an_approval_lets_the_same_set_through() -> None:
    approval = approved(
        RELEASED / "approvals.yml", "patch1", datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
    ).as_result()
    assert (approval["digest"], approval["approver"]) == (DIGEST, "Dr. A. Example")
