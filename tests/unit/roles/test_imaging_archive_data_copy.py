# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup of an archive is whole or not there; a restore is verified first, and taken back where it is not well."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rooms import ROOT

PROGRAM = ROOT / "roles" / "imaging_archive" / "files" / "data_copy.py"
COUNTS = {"patients": 1, "studies": 1, "series": 1, "instances": 3}
NAMES = [f"{number:02x}ab0000-0000-4000-8000-00000000000{number}" for number in range(1, 4)]


def loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("data_copy", PROGRAM)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Archive:
    """An archive with a SQLite index in a folder of the test, and a systemd that only takes notes."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.program: Any = loaded()
        self.storage, self.snapshots, self.calls = folder / "storage", folder / "snapshots", []
        self.starts, self.counts = True, dict(COUNTS)
        for made in (folder / "etc", self.storage, self.snapshots, folder / "backups"):
            made.mkdir(parents=True)
        self.backup = folder / "backups" / "monday"
        settings = {"StorageDirectory": str(self.storage), "IndexDirectory": str(self.storage)}
        (folder / "etc" / "orthanc.json").write_text("// Written by a test\n" + json.dumps(settings))
        monkeypatch.setattr(self.program, "ETC", folder / "etc")
        monkeypatch.setattr(self.program, "SNAPSHOTS", self.snapshots)
        monkeypatch.setattr(self.program, "STARTING", 0.0)
        monkeypatch.setattr(self.program, "orthanc_version", lambda: "1.12.7")
        monkeypatch.setattr(self.program, "answered_counts", self.answered)
        monkeypatch.setattr(self.program, "run", self.run)
        monkeypatch.setattr(self.program, "take_snapshot", self.snapshot)
        monkeypatch.setattr(self.program.subprocess, "run", lambda argv, **_more: self.run(*argv))
        monkeypatch.setattr(self.program.time, "sleep", lambda _seconds: None)
        monkeypatch.setattr(self.program.signal, "signal", lambda *_words: None)

    def fill(self) -> None:
        with contextlib.closing(sqlite3.connect(self.storage / "index")) as index:
            index.execute("CREATE TABLE Resources(internalId INTEGER, resourceType INTEGER)")
            index.execute("CREATE TABLE AttachedFiles(id INTEGER, uuid TEXT, compressedSize INTEGER)")
            index.executemany("INSERT INTO Resources VALUES (?, ?)", enumerate([1, 2, 3, 4, 4, 4]))
            index.executemany("INSERT INTO AttachedFiles VALUES (0, ?, 100)", [(name,) for name in NAMES])
            index.commit()
        for number, name in enumerate(NAMES):
            self.image(name).parent.mkdir(parents=True)
            self.image(name).write_bytes(bytes([number]) * 100)
        # One that no index names, as somebody is sending it.
        (self.image(NAMES[0]).parent / NAMES[1]).write_bytes(b"half")

    def image(self, name: str) -> Path:
        return self.storage / name[:2] / name[2:4] / name

    def answered(self) -> dict[str, int] | None:
        return self.counts if self.starts else None

    def run(self, *argv: str, **_more: Any) -> SimpleNamespace:
        self.calls.append(" ".join(argv))
        return SimpleNamespace(returncode=0, stdout="", stderr="")

    def snapshot(self) -> None:
        self.program.copied(self.storage / "index", self.snapshots / "index")

    def call(self, action: str, *words: str) -> dict[str, Any]:
        index = self.program.Index()
        return dict(getattr(self.program, action)(self.backup, *words, index))

    def files(self) -> dict[str, bytes]:
        found = [path for path in sorted(self.storage.rglob("*")) if path.is_file()]
        return {str(path.relative_to(self.storage)): path.read_bytes() for path in found}

    def refused(self, action: str, *words: str) -> str:
        with pytest.raises(SystemExit) as raised:
            self.call(action, *words)
        return str(raised.value)

    def empty(self) -> None:
        for path in sorted(self.storage.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()


@pytest.fixture(name="archive")
def fixture_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Archive]:
    archive = Archive(tmp_path, monkeypatch)
    archive.fill()
    before = os.umask(0o022)
    yield archive
    os.umask(before)


def test_a_backup_has_what_the_index_names_and_a_manifest_of_it(archive: Archive) -> None:
    made = archive.call("backup")
    assert (made["counts"], made["bytes"]) == (COUNTS, 300 + (archive.storage / "index").stat().st_size)
    manifest = json.loads((archive.backup / "manifest.json").read_text())
    assert manifest["versions"] == {"orthanc": "1.12.7", "database": sqlite3.sqlite_version}
    lines = [line.split(" ") for line in (archive.backup / "files").read_text().split("\n")[:-1]]
    assert [line[2] for line in lines] == ["index", *(f"images/{name[:2]}/{name[2:4]}/{name}" for name in NAMES)]
    for digest, size, path in lines:
        assert archive.program.copied(archive.backup / path, None) == (int(size), digest)
    assert stat.S_IMODE(archive.backup.stat().st_mode) == 0o700
    assert not [path for path in archive.backup.rglob("*") if path.stat().st_mode & 0o077]


def test_what_is_said_of_a_backup_is_counts_sizes_and_digests(archive: Archive) -> None:
    assert set(archive.call("backup")) == {"folder", "counts", "bytes", "digest", "versions", "made"}


def test_a_backup_is_never_overwritten(archive: Archive) -> None:
    archive.call("backup")
    before = {path: path.stat().st_mtime_ns for path in archive.backup.rglob("*")}
    assert "is there already, and is never overwritten" in archive.refused("backup")
    assert {path: path.stat().st_mtime_ns for path in archive.backup.rglob("*")} == before
    (archive.backup / "manifest.json").unlink()
    assert "without a manifest: it is no backup" in archive.refused("plan_backup")


def test_too_little_room_is_refused_before_anything_is_written(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive.program, "free", lambda _folder: 1 << 20)
    for action in ("plan_backup", "backup"):
        assert "has 1 MiB free" in archive.refused(action)
    assert not archive.backup.exists()
    assert not (archive.snapshots / "index").exists()


@pytest.mark.parametrize(
    ("folder", "words"),
    [("backups", "has to be an absolute path"), ("storage/b", "is within"), ("none/b", "is not there")],
)
def test_a_place_that_is_none_is_refused(archive: Archive, folder: str, words: str) -> None:
    parent = archive.storage.parent
    archive.backup = Path(folder) if folder == "backups" else parent / folder
    assert words in archive.refused("plan_backup")


@pytest.mark.parametrize("how", ["gone", "cut"])
def test_of_a_backup_that_is_not_whole_nothing_is_left(archive: Archive, how: str) -> None:
    archive.image(NAMES[1]).unlink()
    if how == "cut":
        archive.image(NAMES[1]).write_bytes(b"x" * 99)
    assert "1 files that the index names" in archive.refused("backup")
    assert not archive.backup.exists()


def drop(path: Path) -> None:
    path.unlink()


def spoil(path: Path) -> None:
    path.write_bytes(b"\xff" * path.stat().st_size)


@pytest.mark.parametrize("how", [drop, spoil])
@pytest.mark.parametrize(
    "path", ["index", f"images/{NAMES[2][:2]}/{NAMES[2][2:4]}/{NAMES[2]}", "files", "manifest.json"]
)
def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    archive: Archive, how: Callable[[Path], None], path: str
) -> None:
    archive.call("backup")
    how(archive.backup / path)
    before, archive.calls = archive.files(), []
    assert "Name " in archive.refused("check", "pacs", "pacs")
    assert (archive.files(), archive.calls) == (before, [])


def test_a_list_that_leads_elsewhere_is_refused(archive: Archive) -> None:
    archive.call("backup")
    listed = archive.backup / "files"
    listed.write_text(listed.read_text().replace(f"images/{NAMES[0][:2]}/", "images/../"))
    manifest = json.loads((archive.backup / "manifest.json").read_text())
    size, digest = archive.program.copied(listed, None)
    manifest["files"] |= {"list_bytes": size, "list_sha256": digest}
    (archive.backup / "manifest.json").write_text(json.dumps(manifest))
    assert "is not what the manifest says" in archive.refused("check", "pacs", "pacs")


def test_an_archive_that_holds_images_has_to_be_named(archive: Archive) -> None:
    archive.call("backup")
    for replaced in ("", "other"):
        words = archive.refused("check", "pacs", replaced)
        assert "pacs is not empty: it holds 3 instances in the index, 4 files in the storage" in words
        assert "set imaging_archive_restore_replaces: pacs" in words
    assert archive.call("check", "pacs", "pacs")["counts"] == COUNTS


def test_a_backup_that_this_host_cannot_read_is_refused(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.call("backup")
    monkeypatch.setattr(archive.program, "orthanc_version", lambda: "1.10.1")
    assert "Upgrade this host first" in archive.refused("check", "pacs", "pacs")
    monkeypatch.setattr(archive.program, "orthanc_version", lambda: "1.12.10")
    archive.call("check", "pacs", "pacs")
    manifest = json.loads((archive.backup / "manifest.json").read_text())
    (archive.backup / "manifest.json").write_text(json.dumps({**manifest, "index": "postgresql"}))
    assert "there is no conversion" in archive.refused("check", "pacs", "pacs")


def test_a_backup_that_others_can_write_is_refused(archive: Archive) -> None:
    archive.call("backup")
    archive.backup.chmod(0o777)
    assert "can be written by others" in archive.refused("check", "pacs", "pacs")


def test_a_restore_puts_back_what_was_backed_up_and_keeps_what_was_there(archive: Archive) -> None:
    before = archive.files()
    archive.call("backup")
    archive.image(NAMES[0]).write_bytes(b"another image")
    (archive.storage / "index-wal").write_bytes(b"log of another index")
    archive.call("stage")
    assert archive.image(NAMES[0]).read_bytes() == b"another image"
    archive.calls = []
    done = archive.call("exchange", "pacs", "pacs")
    (kept,) = done["earlier"]
    found = {path: text for path, text in archive.files().items() if not path.startswith(".")}
    unnamed = f"{NAMES[0][:2]}/{NAMES[0][2:4]}/{NAMES[1]}"
    assert found == {path: text for path, text in before.items() if path != unnamed}
    assert (Path(kept) / archive.image(NAMES[0]).relative_to(archive.storage)).read_bytes() == b"another image"
    assert (Path(kept) / "index-wal").exists()
    assert archive.calls == ["systemctl stop orthanc.service", "systemctl start orthanc.service"]


def test_a_restore_to_an_empty_archive_leaves_nothing_else(archive: Archive) -> None:
    archive.call("backup")
    archive.empty()
    archive.counts = dict.fromkeys(COUNTS, 0)
    assert archive.call("check", "pacs", "")["holds"] == ""
    archive.call("stage")
    (archive.storage / "index").write_bytes(b"of an empty archive")
    real, archive.counts = archive.program.require_counts, dict.fromkeys(COUNTS, 0)
    archive.program.require_counts = lambda wanted: archive.counts.update(COUNTS) or real(wanted)
    assert archive.call("exchange", "pacs", "")["earlier"] == []
    assert not [path for path in archive.files() if path.startswith(".")]


@pytest.mark.parametrize("how", ["counts", "start"])
def test_an_archive_that_is_not_well_with_it_has_back_what_it_held(
    archive: Archive, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.call("backup")
    (archive.storage / "index-wal").write_bytes(b"the log of the index")
    before = archive.files()
    archive.call("stage")
    archive.counts["instances"] = 2
    real = archive.program.require_counts

    def started(wanted: dict[str, int]) -> None:
        """Orthanc writes a log of its own beside the restored index."""
        (archive.storage / "index-wal").write_bytes(b"of the restored index")
        (archive.storage / "index-shm").write_bytes(b"of the restored index")
        archive.starts = how == "counts"
        real(wanted)

    monkeypatch.setattr(archive.program, "require_counts", started)
    words = archive.refused("exchange", "pacs", "pacs")
    assert ("and the manifest says" if how == "counts" else "does not answer") in words
    assert "has what it held before" in words
    archive.program.tidy(archive.program.Index())
    assert archive.files() == before
    assert archive.calls[-2:] == ["systemctl stop orthanc.service", "systemctl start orthanc.service"]


def test_nothing_is_exchanged_that_was_not_staged(archive: Archive) -> None:
    archive.call("backup")
    archive.calls = []
    assert "Nothing is staged" in archive.refused("exchange", "pacs", "pacs")
    assert archive.calls == []


#: As pg_restore 15 prints it of an archive's dump, shortened.
ROWS = """--
-- PostgreSQL database dump
--
SET client_encoding = 'UTF8';
COPY public.attachedfiles (id, filetype, uuid, compressedsize, uncompressedsize, compressiontype) FROM stdin;
1\t1\t01ab0000-0000-4000-8000-000000000001\t100\t100\t1
\\.


COPY public.resources (internalid, resourcetype, publicid, parentid) FROM stdin;
1\t0\t5d0c\t\\N
2\t1\t6d0c\t1
3\t2\t7d0c\t2
4\t3\t8d0c\t3
\\.
"""


def test_what_a_dump_names_is_counted() -> None:
    named = loaded().contents_of_rows(iter(ROWS.splitlines(keepends=True)))
    assert named.counts == dict.fromkeys(COUNTS, 1)
    assert named.files == {NAMES[0]: 100}


@pytest.mark.parametrize("dump_is_good", [True, False])
@pytest.mark.parametrize("taken", [True, False])
def test_a_dump_is_taken_in_one_transaction(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dump_is_good: bool, taken: bool
) -> None:
    program: Any = loaded()
    programs, statements = tmp_path / "bin", tmp_path / "statements"
    programs.mkdir()
    restored = f"echo 'select 1;'; exit {0 if dump_is_good else 1}"
    database = f"cat > {statements}; echo 'psql:<stdin>:2: ERROR:  23505' >&2; exit {0 if taken else 3}"
    for name, text in (("pg_restore", restored), ("psql", database)):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    index = SimpleNamespace(psql=lambda *_words: ["psql"], environment=lambda: dict(os.environ))
    if dump_is_good and taken:
        program.load(index, tmp_path / "dump")
    else:
        with pytest.raises(SystemExit, match=r"did not take the copy of the index: .*23505"):
            program.load(index, tmp_path / "dump")
    last = "COMMIT;" if dump_is_good else "ROLLBACK;"
    lines = ["BEGIN;", "DROP OWNED BY CURRENT_USER CASCADE;", "select 1;", "", last]
    assert statements.read_text().split("\n") == [*lines, ""]


def test_what_came_to_an_empty_archive_until_it_was_drained_is_not_replaced(archive: Archive) -> None:
    archive.call("backup")
    archive.call("stage")
    before, archive.calls = archive.files(), []
    assert "is not empty" in archive.refused("exchange", "pacs", "")
    assert (archive.files(), archive.calls) == (before, [])


def test_what_cannot_be_put_back_is_kept_and_named(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.call("backup")
    archive.call("stage")
    before = {path: text for path, text in archive.files().items() if not path.startswith(".")}
    archive.counts["instances"] = 2
    monkeypatch.setattr(archive.program, "remove_logs", refuse_to_remove)
    words = archive.refused("exchange", "pacs", "pacs")
    assert "and the manifest says" in words
    assert "could not be put back whole" in words
    (kept,) = archive.storage.glob(".restore-earlier-*")
    assert str(kept) in words
    assert {str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()} == set(before)


def refuse_to_remove(index: Path) -> None:
    raise OSError(30, "Read-only file system", str(index))
