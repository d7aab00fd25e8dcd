# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that dnf's own Python runs, with as much of dnf as it asks for."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import helper
from fake_dnf import FakeBase, FakePkg, modules


def test_versions_are_put_together_as_rpm_tells_them() -> None:
    class Pkg:
        def __init__(self, epoch: int, sourcerpm: str | None) -> None:
            self.name, self.epoch, self.version, self.release, self.sourcerpm = "lib", epoch, "1.0", "2", sourcerpm

    assert helper.evr(Pkg(0, None)) == "1.0-2"
    assert helper.evr(Pkg(3, None)) == "3:1.0-2"
    assert helper.source_of(Pkg(3, "src-pkg-1.1-4.src.rpm")) == ("src-pkg", "3:1.1-4")
    assert helper.source_of(Pkg(0, None)) == ("lib", "1.0-2")


HOLDS = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print('held'); sys.stdin.read()"


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert helper.holder_of(str(path)) == 0
    path.touch()
    assert helper.holder_of(str(path)) == 0
    argv = [sys.executable, "-uc", HOLDS, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        assert helper.holder_of(str(path)) == other.pid
        assert "python" in helper.name_of(other.pid)


class Locked(Exception):
    """dnf.exceptions.ProcessLockError, which is there only where dnf is."""

    pid = 1


@pytest.mark.parametrize(("times", "wait", "asked", "rc"), [(2, 60, 3, 0), (99, 0, 1, 1)], ids=["freed", "kept"])
def test_a_lock_is_waited_for_as_long_as_the_site_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    times: int,
    wait: int,
    asked: int,
    rc: int,
) -> None:
    requests: list[Any] = []

    def answer(request: Any) -> int:
        requests.append(request)
        if len(requests) <= times:
            raise Locked("RPMDB already locked by 1")
        return 0

    monkeypatch.setattr(
        helper, "import_module", lambda _name: SimpleNamespace(exceptions=SimpleNamespace(ProcessLockError=Locked))
    )
    monkeypatch.setattr(helper, "answer", answer)
    monkeypatch.setattr(helper, "PAUSE", 0.0)
    assert (helper.answer_patiently({"lock_wait": wait}), len(requests)) == (rc, asked)
    assert ("It is held by process 1 (" in capsys.readouterr().err) == bool(rc)


# --- what it asks of dnf ---

OLD, NEW = FakePkg("lab", "1.0"), FakePkg("lab", "1.1")
EXTRA = FakePkg("extra", "1.0")


@pytest.fixture
def base(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeBase:
    """One package that can be upgraded, and one that could come with it."""
    made = FakeBase([replace(OLD, folder=tmp_path)], [replace(NEW, folder=tmp_path), replace(EXTRA, folder=tmp_path)])
    monkeypatch.setattr(helper, "import_module", modules(made).__getitem__)
    monkeypatch.setattr(helper, "VERSIONLOCK", str(tmp_path / "versionlock.list"))
    return made


def test_an_upgrade_is_described_with_the_advisories_that_it_closes(base: FakeBase) -> None:
    refs = [SimpleNamespace(id="CVE-2026-2", title=""), SimpleNamespace(id="RHBZ-1", title=None)]
    fixes = [SimpleNamespace(name="lab", arch="noarch", evr=evr) for evr in ("1.1-1",)]
    later = [SimpleNamespace(name="lab", arch="noarch", evr="1.2-1")]
    base.there[0].advisories = [
        SimpleNamespace(id="LAB-1", type=2, severity="Important", packages=fixes, references=refs),
        SimpleNamespace(id="LAB-2", type=2, severity="Low", packages=later, references=[]),
        SimpleNamespace(id="LAB-3", type=1, severity="", packages=fixes, references=[]),
    ]
    answer = helper.observe({})
    (change,) = answer["changes"]
    assert (change["name"], change["from"], change["to"], change["change"]) == ("lab", "1.0-1", "1.1-1", "upgrade")
    assert (change["security"], change["advisories"], change["cves"]) == (True, ["LAB-1"], ["CVE-2026-2"])
    assert (change["severities"], change["source_old"], change["source_new"]) == (["high"], "1.0-1", "1.1-1")
    assert (answer["held"], answer["skipped"], answer["duplicates"], answer["complaint"]) == ([], [], [], "")
    assert answer["sources"] == [
        {
            "id": "lab",
            "uri": "file:///srv/lab",
            "name": "Laboratory",
            "stamp": 1795596466,
            "advisories": True,
            "signed": True,
        }
    ]


@pytest.mark.parametrize(
    ("kind", "reference", "title", "security", "cves"),
    [
        pytest.param(1, "CVE-2026-0003", "", True, ["CVE-2026-0003"], id="a bug fix that closes one"),
        pytest.param(2, "cve-2026-0003", "", True, ["CVE-2026-0003"], id="in small letters"),
        pytest.param(1, " cve-2026-0003 ", None, True, ["CVE-2026-0003"], id="both, with blanks"),
        pytest.param(2, "4711", "CVE-2026-0003 lab: overflow", True, ["CVE-2026-0003"], id="in the title alone"),
        pytest.param(1, "4711", "slower since CVE-2026-0003", False, [], id="a bug fix that only speaks of one"),
    ],
)
def test_every_spelling_of_what_an_advisory_closes(
    base: FakeBase, kind: int, reference: str, title: str, security: bool, cves: list[str]
) -> None:
    fixed = [SimpleNamespace(name="lab", arch="noarch", evr="1.1-1")]
    references = [SimpleNamespace(id=reference, title=title)]
    base.there[0].advisories = [
        SimpleNamespace(id="LAB-1", type=kind, severity="", packages=fixed, references=references)
    ]
    (change,) = helper.observe({})["changes"]
    assert (change["security"], change["cves"]) == (security, cves)


def test_of_two_repositories_the_one_with_the_planned_bytes_is_taken(base: FakeBase) -> None:
    (change,) = helper.observe({})["changes"]
    assert change["checksum"] == f"sha256:{hashlib.sha256(base.offered[0].content).hexdigest()}"
    row = ["lab", "noarch", "1.1-1"]
    assert list(helper.packages_in_lists(base, [[*row, change["checksum"]]])) == [("lab", "noarch", "1.1-1")]
    assert helper.packages_in_lists(base, [[*row, "sha256:of another"]]) == {}


def test_an_item_of_the_transaction_without_a_package_is_passed_over(base: FakeBase) -> None:
    """As there is one where the oldest kernel goes: it only changes a mark, and asked for its package dnf raises."""

    class Mark:
        action = 99

        @property
        def pkg(self) -> object:
            raise KeyError(self)

    resolve = base.resolve
    base.resolve = lambda allow_erasing: (resolve(allow_erasing), base.transaction.append(Mark()))  # type: ignore
    answer = helper.observe({})
    assert ([change["name"] for change in answer["changes"]], answer["skipped"]) == (["lab"], [])


def test_what_is_excluded_is_held_unless_it_is_released(base: FakeBase) -> None:
    base.conf.excludepkgs = ["la*"]
    answer = helper.observe({})
    assert (answer["changes"], [change["name"] for change in answer["held"]]) == ([], ["lab"])
    base.wanted, base.excluded = [], set()
    assert [change["name"] for change in helper.observe({"free": [["lab", "noarch"]]})["changes"]] == ["lab"]


def test_lists_that_do_not_lie_there_are_fetched_unless_it_is_check_mode(base: FakeBase) -> None:
    for ask in (helper.observe, lambda request: helper.missing({"folder": "/nowhere", "wanted": [], **request})):
        ask({})
        assert base.strategies == []
        ask({"cache_only": True})
        assert base.strategies.pop() == 2


def test_what_cannot_be_resolved_or_reached_is_told(base: FakeBase) -> None:
    base.conflict, base.unreachable = "lab conflicts\n with itself", "no route"
    answer = helper.observe({})
    assert (answer["complaint"], answer["changes"]) == ("lab conflicts with itself", [])
    assert answer["failed"] == ["lab: no route"]
    assert helper.refresh({}) == {"failed": ["lab: no route"]}


def test_two_versions_of_one_package_are_a_cut_transaction(base: FakeBase) -> None:
    base.there = [OLD, NEW, FakePkg("kernel", "1"), FakePkg("kernel", "2")]
    assert helper.duplicates(base) == ["lab.noarch 1.0-1", "lab.noarch 1.1-1"]


def test_only_the_chosen_comes_and_nothing_that_is_barred(base: FakeBase) -> None:
    chosen, extra = ["lab", "noarch", "1.1-1"], ["extra", "noarch", "1.0-1"]
    answer = helper.narrow({"chosen": [chosen], "barred": [extra]})
    assert [(change["name"], change["change"]) for change in answer["changes"]] == [("lab", "upgrade")]
    assert EXTRA in base.excluded
    base.wanted, base.excluded = [], set()
    answer = helper.narrow({"chosen": [extra], "barred": [chosen]})
    assert [(change["name"], change["change"], change["from"]) for change in answer["changes"]] == [
        ("extra", "install", "")
    ]


def test_files_are_downloaded_verified_and_found_again(base: FakeBase, tmp_path: Path) -> None:
    wanted = [["lab", "noarch", "1.1-1", ""], ["gone", "noarch", "1-1", ""]]
    request = {"folder": str(tmp_path), "wanted": wanted}
    path = str(tmp_path / "lab-1.1-1.noarch.rpm")
    assert helper.missing(request) == {"missing": [path, "gone-noarch-1-1"]}
    answer = helper.fetch(request)
    assert answer["paths"] == {"lab\tnoarch\t1.1-1": path}
    assert answer["lost"] == ["gone-1-1.noarch: no repository has it as it was approved"]
    assert helper.missing(request) == {"missing": ["gone-noarch-1-1"]}
    Path(path).write_bytes(b"damaged")
    assert helper.missing(request)["missing"][0] == path


def test_a_file_that_nobody_signed_is_not_left_there(base: FakeBase, tmp_path: Path) -> None:
    base.unsigned = {"lab"}
    answer = helper.fetch({"folder": str(tmp_path), "wanted": [["lab", "noarch", "1.1-1", ""]]})
    assert (answer["paths"], answer["lost"]) == ({}, ["lab-1.1-1.noarch is not signed"])
    assert not (tmp_path / "lab-1.1-1.noarch.rpm").exists()


def transact(base: FakeBase, *expected: tuple[str, str, str, str]) -> int:
    files = [base.offered[0].localPkg()]
    remove = [[name, arch, version] for name, arch, kind, version in expected if kind == "remove"]
    return helper.transact({"files": files, "remove": remove, "expected": [list(change) for change in expected]})


def test_exactly_what_is_expected_is_done(base: FakeBase) -> None:
    base.there.append(EXTRA)
    assert transact(base, ("lab", "noarch", "upgrade", "1.1-1"), ("extra", "noarch", "remove", "1.0-1")) == 0
    assert base.done


def test_what_nobody_expects_is_not_begun(base: FakeBase, capsys: pytest.CaptureFixture[str]) -> None:
    assert transact(base) == 1
    assert not base.done
    assert "it would also change lab noarch upgrade 1.1-1; nothing was changed" in capsys.readouterr().err


def test_an_earlier_file_is_a_downgrade(base: FakeBase, tmp_path: Path) -> None:
    base.there, base.offered = [NEW], [replace(OLD, folder=tmp_path)]
    assert transact(base, ("lab", "noarch", "downgrade", "1.0-1")) == 0
    assert base.wanted == [(3, OLD)]
