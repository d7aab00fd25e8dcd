# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What earlier code wrote on hosts and control nodes is still read: journals, guards, evidence and its chain."""

from __future__ import annotations

import html
import shutil
import tarfile
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, revert
from ansible_collections.healthops.clinical.plugins.module_utils._guard import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS, exported
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.report import report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import load_records, load_run
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from fake_host import FakeHost

ROOT = Path(__file__).resolve().parents[2]
RELEASED = ROOT / "tests" / "fixtures" / "released"
TEMPLATE = (ROOT / "roles" / "evidence" / "templates" / "report.html.j2").read_text(encoding="utf-8")
HARDENED = "20261130T103528Z-eec2"
#: Run -> its mode.
RUNS = {
    "20261130T103421Z-a8aa": "audit",
    HARDENED: "harden",
    "20261130T104221Z-1ded": "harden",
    "20261130T104409Z-e43f": "rollback",
}


@pytest.fixture
def host() -> FakeHost:
    """Return a host that has the journal, and nothing else of the one that it was written on."""
    host = FakeHost("debian-13")
    with tarfile.open(RELEASED / "journal.tar.xz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            host.add_dir(f"/{Path(member.name).parent}", 0o700)
            host.add_file(f"/{member.name}", file.read(), 0o600)
    return host


@pytest.fixture(scope="module")
def captured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("released")
    with tarfile.open(RELEASED / "evidence.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / "evidence"


@pytest.fixture
def evidence(captured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(captured, tmp_path / "evidence", symlinks=True))


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


def test_the_chain_holds_and_its_signature_is_good(evidence: Path) -> None:
    verified = verify(evidence, allowed_signers=RELEASED / "allowed_signers")
    assert verified["told"] == []
    assert (verified["bundles"], verified["manifests"], verified["signed"]) == (4, 8, 1)
    assert [head.partition(":")[0] for head in verified["heads"].values()] == ["8"]


@pytest.mark.parametrize("run_id", RUNS)
def test_a_bundle_is_what_its_records_make_today(evidence: Path, run_id: str) -> None:
    run = load_run(evidence, run_id)
    assert run is not None
    records, unreadable = load_records(evidence, run_id)
    assert unreadable == {}
    again = bundle(run_id, records, [*run["hosts"], *run["missing"]], {}, run["mode"])
    assert (again["mode"], again["summary"]) == (RUNS[run_id], run["summary"])
    assert f"<h1>{html.escape(headline(again))}.</h1>" in (evidence / run_id / "report.html").read_text(
        encoding="utf-8"
    )
    assert len(exported(again, list(FORMATS))) >= len(FORMATS)


def test_a_report_is_made_again_and_the_chain_goes_on(evidence: Path) -> None:
    made = report(evidence, TEMPLATE, run_id=HARDENED, formats=["oscal"])
    assert (made["mode"], made["sequence"], made["changed"]) == ("harden", 9, True)
    assert verify(evidence)["told"] == []
