# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back up the data of an imaging archive into a folder of this host, and restore them from it.

    plan-backup FOLDER               what a backup would hold; refuses, and writes nothing
    backup FOLDER                    the copy of the index, the images that it names, and the manifest as the last
    check FOLDER ARCHIVE REPLACED    verify the folder and this archive; refuses, and writes nothing
    stage FOLDER                     copy the data beside those of the archive
    exchange FOLDER ARCHIVE REPLACED stop Orthanc, exchange the data, start it, and compare its counts with the manifest
    tidy FOLDER                      remove what was staged and not exchanged

Each prints one line of JSON: counts, sizes and digests, nothing of a patient. Refusals are words on stderr.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import IO, Any, Callable, Iterator

ETC = Path("/etc/imaging-archive")
REST = "http://127.0.0.1:8042"
ORTHANC = "orthanc.service"
SNAPSHOT = "imaging-archive-snapshot.service"
#: Where the snapshot leaves its copy of the index.
SNAPSHOTS = Path("/var/lib/imaging-archive")
COPIES = {"sqlite": "index", "postgresql": "index.pgdump"}
#: What an index calls a level: SQLite counts from 1, PostgreSQL from 0.
LEVELS = ("patients", "studies", "series", "instances")
STATISTICS = {
    "patients": "CountPatients",
    "studies": "CountStudies",
    "series": "CountSeries",
    "instances": "CountInstances",
}
MANIFEST, FILES, IMAGES = "manifest.json", "files", "images"
FORMAT = 1
IMAGE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
HEX = re.compile(r"[0-9a-f]{2}")
#: Beside the data themselves, for folders and lists.
SPARE = 16 << 20
CHUNK = 1 << 20
STAGED = ".restore-staged"
#: TimeoutStartSec of orthanc.service.
STARTING = 120.0


class Index:
    """The index of this archive, as Orthanc's configuration has it."""

    def __init__(self) -> None:
        lines = (ETC / "orthanc.json").read_text("utf-8").splitlines()
        settings = json.loads("\n".join(line for line in lines if not line.startswith("//")))
        self.storage = Path(settings["StorageDirectory"])
        self.folder = Path(settings["IndexDirectory"])
        self.postgresql = settings.get("PostgreSQL", {})
        self.kind = "postgresql" if self.postgresql else "sqlite"

    def size(self) -> int:
        """Return how many bytes a copy needs at most."""
        if self.kind == "postgresql":
            return int(self.query("select pg_database_size(current_database())"))
        return sum(path.stat().st_size for path in self.folder.glob("index*") if path.is_file())

    def version(self) -> str:
        return self.query("show server_version").split()[0] if self.kind == "postgresql" else sqlite3.sqlite_version

    def query(self, statement: str) -> str:
        return run(*self.psql("--tuples-only", "--no-align", "--command", statement), env=self.environment()).strip()

    def environment(self) -> dict[str, str]:
        given = re.search(r'^IMAGING_ARCHIVE_DATABASE_SECRET="?(.*?)"?$', environment(), re.MULTILINE)
        return {**os.environ, "PGPASSWORD": given.group(1) if given else ""}

    def psql(self, *words: str) -> list[str]:
        """Return the words of psql as the account that Orthanc has; its errors are numbers and never quote a row."""
        where = [f"--{key.lower()}={self.postgresql[key]}" for key in ("Host", "Port", "Username")]
        account = ["setpriv", "--reuid=orthanc", "--regid=orthanc", "--clear-groups"]
        settings = ["--set=ON_ERROR_STOP=1", "--set=VERBOSITY=sqlstate", "--set=SHOW_CONTEXT=never"]
        base = ["psql", "--no-psqlrc", "--quiet", "--no-password", *settings, *where]
        return [*account, *base, f"--dbname={self.postgresql['Database']}", *words]


def run(*argv: str, **more: Any) -> str:
    done = subprocess.run(argv, check=False, capture_output=True, text=True, **more)
    if done.returncode:
        raise SystemExit(f"{argv[0]} failed: {last_line(done.stderr)}")
    printed: str = done.stdout
    return printed


def last_line(text: str) -> str:
    return (text.strip().split("\n") or [""])[-1] or "it said nothing"


def environment() -> str:
    return (ETC / "environment").read_text("utf-8")


def ask(path: str) -> Any:
    """Return an answer of Orthanc, over the loopback as the proxy does it."""
    secret = environment().split("IMAGING_ARCHIVE_SECRET=")[1].split()[0]
    login = base64.b64encode(f"proxy:{secret}".encode()).decode()
    request = urllib.request.Request(REST + path, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def answered_counts() -> dict[str, int] | None:
    """Return how many of each level Orthanc counts; None where it does not answer."""
    try:
        statistics = ask("/statistics")
        return {level: int(statistics[key]) for level, key in STATISTICS.items()}
    except (OSError, ValueError, LookupError):
        return None


def orthanc_version() -> str:
    return run("/usr/sbin/Orthanc", "--version").split("\n")[0].split()[-1]


def numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)[:3]]


# What a copy of the index says of itself


class Contents:
    """What a copy of the index names: counts of its levels, and its files with their sizes."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(LEVELS, 0)
        self.files: dict[str, int] = {}

    def add_file(self, name: str, size: str | int) -> None:
        if not IMAGE.fullmatch(name):
            raise SystemExit("The copy of the index names a file in a way that is not Orthanc's.")
        self.files[name] = int(size)


def contents(copy: Path, kind: str) -> Contents:
    return contents_of_sqlite(copy) if kind == "sqlite" else contents_of_dump(copy)


def contents_of_sqlite(copy: Path) -> Contents:
    named = Contents()
    with contextlib.closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as index:
        (verdict,) = index.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise SystemExit("The copy of the index is not sound: sqlite's integrity_check fails.")
        for level, count in index.execute("SELECT resourceType, COUNT(*) FROM Resources GROUP BY resourceType"):
            named.counts[LEVELS[level - 1]] = count
        for name, size in index.execute("SELECT uuid, compressedSize FROM AttachedFiles"):
            named.add_file(name, size)
    return named


def contents_of_dump(copy: Path) -> Contents:
    """Return what a dump of PostgreSQL names, in the words of pg_restore; no table with a patient's data is read."""
    argv = ["pg_restore", "--data-only", "--table=resources", "--table=attachedfiles", "--file=-", str(copy)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        named = contents_of_rows(process.stdout)
        said = process.stderr.read()
    if process.returncode:
        raise SystemExit(f"The copy of the index cannot be read: {last_line(said)}")
    return named


def contents_of_rows(lines: Iterator[str] | IO[str]) -> Contents:
    named = Contents()
    table, columns = "", []
    for line in lines:
        begin = re.match(r"COPY (?:\w+\.)?(\w+) \((.*)\) FROM stdin;", line)
        if begin:
            table, columns = begin.group(1), [name.strip(' "') for name in begin.group(2).split(",")]
        elif line == "\\.\n":
            table = ""
        elif table:
            row = dict(zip(columns, line.rstrip("\n").split("\t")))
            if table == "resources":
                named.counts[LEVELS[int(row["resourcetype"])]] += 1
            elif table == "attachedfiles":
                named.add_file(row["uuid"], row["compressedsize"])
    return named


# Copying


def place(name: str) -> Path:
    """Return where Orthanc keeps a file of this name, below its storage."""
    return Path(name[:2], name[2:4], name)


def copied(source: Path, target: Path | None) -> tuple[int, str]:
    """Copy a file, or only read it; return its size in bytes and its SHA-256."""
    digest, size = hashlib.sha256(), 0
    with contextlib.ExitStack() as stack:
        reader = stack.enter_context(source.open("rb"))
        writer = stack.enter_context(target.open("xb")) if target else None
        while chunk := reader.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if writer:
                writer.write(chunk)
    return size, digest.hexdigest()


def images_below(storage: Path) -> Iterator[os.DirEntry[str]]:
    """Yield the files that Orthanc keeps there."""
    for first in sorted(storage.glob("[0-9a-f][0-9a-f]")):
        for second in sorted(first.glob("[0-9a-f][0-9a-f]")):
            with os.scandir(second) as entries:
                yield from (entry for entry in entries if entry.is_file(follow_symlinks=False))


def free(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_bavail * state.f_frsize


def require_space(folder: Path, wanted: int) -> None:
    if free(folder) < wanted:
        raise SystemExit(
            f"{folder} has {free(folder) >> 20} MiB free, and {wanted >> 20} MiB are needed. Make room there, or name "
            "a folder of another disk. Nothing was written."
        )


# Backup


def plan_backup(folder: Path, index: Index) -> dict[str, Any]:
    """Return what a backup would hold. Raises SystemExit where it cannot be made; nothing is written."""
    if not folder.is_absolute() or ".." in folder.parts:
        raise SystemExit(f"imaging_archive_backup_directory has to be an absolute path on the host, and is '{folder}'.")
    if folder.exists() or folder.is_symlink():
        finished = "and is never overwritten" if (folder / MANIFEST).exists() else "without a manifest: it is no backup"
        raise SystemExit(f"{folder} is there already, {finished}. Name a new folder, or take this one away.")
    if not folder.parent.is_dir():
        raise SystemExit(f"{folder.parent} is not there: make it, or mount it, before a backup goes there.")
    for data in (index.storage, index.folder):
        if data.resolve() in (folder.parent.resolve(), *folder.parent.resolve().parents):
            raise SystemExit(f"{folder} is within {data}, which it is to be the backup of. Name another folder.")
    sizes = [entry.stat(follow_symlinks=False).st_size for entry in images_below(index.storage)]
    copy = index.size()
    together = SNAPSHOTS.is_dir() and SNAPSHOTS.stat().st_dev == folder.parent.stat().st_dev
    if SNAPSHOTS.is_dir() and not together:
        require_space(SNAPSHOTS, copy + SPARE)
    # Files take whole blocks, and the list a line each.
    blocks = os.statvfs(folder.parent).f_frsize + 128
    require_space(folder.parent, sum(sizes) + len(sizes) * blocks + copy * (2 if together else 1) + SPARE)
    return {"folder": str(folder), "files": len(sizes), "bytes": sum(sizes) + copy}


def backup(folder: Path, index: Index) -> dict[str, Any]:
    """Make a backup; where it fails, nothing of it is left."""
    plan_backup(folder, index)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("The backup was ended from outside; nothing of it is left."))
    os.umask(0o077)
    folder.mkdir(mode=0o700)
    try:
        return made_backup(folder, index)
    except BaseException:
        shutil.rmtree(folder)
        raise


def take_snapshot() -> None:
    """Have the host copy the index, as it does every night; fails with what that said."""
    done = subprocess.run(["systemctl", "start", SNAPSHOT], check=False, capture_output=True)
    if done.returncode:
        own = f"_SYSTEMD_UNIT={SNAPSHOT}"
        said = run("journalctl", "--quiet", "--no-pager", "--output=cat", "--lines=1", own)
        raise SystemExit(f"The index could not be copied: {last_line(said)}")


def made_backup(folder: Path, index: Index) -> dict[str, Any]:
    # The index first: every image that it names was on the disk by then.
    take_snapshot()
    name = COPIES[index.kind]
    copied(SNAPSHOTS / name, folder / name)
    named = contents(folder / name, index.kind)
    total, absent = 0, 0
    with (folder / FILES).open("x", encoding="ascii") as listed:
        for path in [name, *(f"{IMAGES}/{place(image)}" for image in sorted(named.files))]:
            target = folder / path
            if path == name:
                size, digest = copied(target, None)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                try:
                    size, digest = copied(index.storage / place(target.name), target)
                except FileNotFoundError:
                    absent += 1
                    continue
                absent += size != named.files[target.name]
            total += size
            listed.write(f"{digest} {size} {path}\n")
    if absent:
        raise SystemExit(
            f"{absent} files that the index names are not in {index.storage}, or have another size: the backup would "
            "not be whole, and nothing of it was kept. Where somebody deletes studies now, run it again afterwards."
        )
    size, digest = copied(folder / FILES, None)
    manifest = {
        "format": FORMAT,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "index": index.kind,
        "versions": {"orthanc": orthanc_version(), "database": index.version()},
        "counts": named.counts,
        "files": {"count": len(named.files) + 1, "bytes": total, "list_bytes": size, "list_sha256": digest},
    }
    # What is listed is on the disk before the manifest says so.
    os.sync()
    unfinished = folder / f"{MANIFEST}.new"
    unfinished.write_text(json.dumps(manifest, indent=2) + "\n", encoding="ascii")
    os.sync()
    unfinished.replace(folder / MANIFEST)
    return summary(folder, manifest)


def summary(folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "counts": manifest["counts"],
        "bytes": manifest["files"]["bytes"],
        "digest": copied(folder / MANIFEST, None)[1],
        "versions": manifest["versions"],
        "made": manifest["made"],
    }


# Restore


def read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text("ascii"))
        # Whoever can write there decides what is restored.
        for path in (folder, folder / MANIFEST):
            state = path.stat()
            if state.st_uid not in (0, os.getuid()) or state.st_mode & 0o022:
                raise SystemExit(f"{path} can be written by others than root: chown it to root, and chmod go-w.")
    except FileNotFoundError:
        raise SystemExit(f"{folder} has no {MANIFEST}: it is no finished backup. Name the folder of one.") from None
    except ValueError:
        raise SystemExit(f"{folder / MANIFEST} is damaged. Name another backup.") from None
    if manifest.get("format") != FORMAT:
        raise SystemExit(f"{folder} was made by another release of the role, whose form this one does not know.")
    return manifest


def listed_files(folder: Path, manifest: dict[str, Any]) -> list[tuple[str, int, str]]:
    """Return digest, size and path of what is in a backup, whose list is as the manifest says."""
    damaged = SystemExit(f"{folder / FILES} is not what the manifest says. Name another backup; nothing was touched.")
    wanted = manifest["files"]["list_bytes"], manifest["files"]["list_sha256"]
    if not (folder / FILES).is_file() or copied(folder / FILES, None) != wanted:
        raise damaged
    lines = [line.split(" ") for line in (folder / FILES).read_text("ascii").strip().split("\n")]
    copy = COPIES[manifest["index"]]
    for _digest, _size, path in lines:
        name = path.rpartition("/")[2]
        if path != copy and (not IMAGE.fullmatch(name) or path != f"{IMAGES}/{place(name)}"):
            raise damaged
    return [(digest, int(size), path) for digest, size, path in lines]


def check(folder: Path, archive: str, replaced: str, index: Index) -> dict[str, Any]:
    """Return what a restore would bring. Raises SystemExit where it must not be; nothing is touched."""
    manifest = read_manifest(folder)
    require_same_kind(folder, manifest, index)
    holding = require_consent(archive, replaced, index)
    files = listed_files(folder, manifest)
    wrong = sum(differs(folder / path, size, digest) for digest, size, path in files)
    if wrong:
        raise SystemExit(
            f"{wrong} of {len(files)} files in {folder} are missing or are not what the manifest says. Name another "
            "backup; nothing was touched."
        )
    blocks = os.statvfs(index.storage).f_frsize
    require_space(index.storage, manifest["files"]["bytes"] + len(files) * blocks + SPARE)
    return {**summary(folder, manifest), "holds": holding}


def require_consent(archive: str, replaced: str, index: Index) -> str:
    """Return what the archive holds; fails where it holds something and was not named."""
    holding = held_now(index)
    if holding and replaced != archive:
        raise SystemExit(
            f"{archive} is not empty: it holds {holding}. To have the backup instead, set "
            f"imaging_archive_restore_replaces: {archive}. What it holds now is kept beside it. Nothing was touched."
        )
    return holding


def require_same_kind(folder: Path, manifest: dict[str, Any], index: Index) -> None:
    if manifest["index"] != index.kind:
        raise SystemExit(
            f"{folder} has an index of {manifest['index']}, and this archive one of {index.kind}: there is no "
            "conversion. Restore it to an archive with the same imaging_archive_index."
        )
    ours = {"orthanc": orthanc_version()}
    if index.kind == "postgresql":
        ours["database"] = index_version_of_server(index)
    for program, version in ours.items():
        made_with = manifest["versions"][program]
        parts = 1 if program == "database" else 3
        if numbers(made_with)[:parts] > numbers(version)[:parts]:
            raise SystemExit(
                f"{folder} was made with {program} {made_with}, and this host has {version}, which cannot read what a "
                "newer one wrote. Upgrade this host first."
            )


def index_version_of_server(index: Index) -> str:
    """Return the version of the server, also where the database of the index is gone."""
    if is_socket(index) and not has_database(index):
        return as_postgres("psql", "--no-psqlrc", "-tAc", "show server_version").split()[0]
    return index.version()


def is_socket(index: Index) -> bool:
    return str(index.postgresql.get("Host", "")).startswith("/")


def has_database(index: Index) -> bool:
    names = as_postgres("psql", "--no-psqlrc", "-tAc", "select datname from pg_database").split("\n")
    return index.postgresql["Database"] in names


def as_postgres(*argv: str) -> str:
    return run("runuser", "-u", "postgres", "--", *argv, cwd="/")


def held_now(index: Index) -> str:
    """Return in words what this archive holds, '' where it is empty."""
    files = sum(1 for _entry in images_below(index.storage))
    counts = answered_counts() or {}
    if files or counts.get("instances"):
        return f"{counts.get('instances', 'an unknown number of')} instances in the index, {files} files in the storage"
    return ""


def differs(path: Path, size: int, digest: str) -> bool:
    return path.is_symlink() or not path.is_file() or copied(path, None) != (size, digest)


def staged_folders(index: Index) -> list[Path]:
    return sorted({index.storage / STAGED, index.folder / STAGED})


def tidy(index: Index) -> dict[str, Any]:
    for staged in staged_folders(index):
        if staged.exists():
            shutil.rmtree(staged)
    return {}


def stage(folder: Path, index: Index) -> dict[str, Any]:
    """Copy what is in the backup beside what Orthanc has, with its owner; what was read is as the manifest says."""
    manifest = read_manifest(folder)
    tidy(index)
    os.umask(0o027)
    for staged in staged_folders(index):
        staged.mkdir(mode=0o700)
    try:
        owner = index.storage.stat()
        for digest, size, path in listed_files(folder, manifest):
            name = path.rpartition("/")[2]
            if path == COPIES[index.kind]:
                target = index.folder / STAGED / name
            else:
                target = index.storage / STAGED / place(name)
                for made in (target.parent.parent, target.parent):
                    if not made.exists():
                        made.mkdir()
                        os.chown(made, owner.st_uid, owner.st_gid)
            if copied(folder / path, target) != (size, digest):
                raise SystemExit(
                    f"A file in {folder} has become another one since it was verified. Nothing was exchanged."
                )
            os.chown(target, owner.st_uid, owner.st_gid)
        os.sync()
    except BaseException:
        tidy(index)
        raise
    return summary(folder, manifest)


def data_in(folder: Path, index: Index) -> list[str]:
    """Return the names of what Orthanc keeps in a folder: the folders of images, and the index in SQLite."""
    names = [name for name in os.listdir(folder) if folder == index.storage and HEX.fullmatch(name)]
    if folder == index.folder and index.kind == "sqlite":
        names += [path.name for path in folder.glob("index*")]
    return sorted(names)


def exchange(folder: Path, archive: str, replaced: str, index: Index) -> dict[str, Any]:
    """Put what is staged into the place of what is there; where Orthanc is not well with it, the earlier is back."""
    manifest = read_manifest(folder)
    earlier = f".restore-earlier-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    places = sorted({index.storage, index.folder})
    if not all((place_ / STAGED).is_dir() for place_ in places):
        raise SystemExit("Nothing is staged here: run the restore from its beginning.")
    # Something may have come until it was drained.
    holding = require_consent(archive, replaced, index)
    run("systemctl", "stop", ORTHANC)
    undo: list[Callable[[], object]] = []
    try:
        for data in places:
            (data / earlier).mkdir(mode=0o700)
            for name in data_in(data, index):
                move(data / name, data / earlier / name, undo)
        if index.kind == "postgresql":
            exchange_database(index, places[0] / earlier / "index.pgdump", undo)
        for data in places:
            for name in sorted(os.listdir(data / STAGED)):
                if name != COPIES["postgresql"]:
                    move(data / STAGED / name, data / name, undo)
        os.sync()
        run("systemctl", "start", ORTHANC)
        require_counts(manifest["counts"])
    except BaseException as error:
        try:
            put_back(undo, [data / earlier for data in places])
        except (OSError, SystemExit) as failure:
            kept = ", ".join(str(data / earlier) for data in places)
            problem = (
                f"What the archive held before could not be put back whole ({failure}); what was not is in {kept}."
            )
            raise SystemExit(f"{error} {problem} Orthanc may be stopped: see docs/imaging-archive.md.") from error
        raise SystemExit(f"{error} This archive has what it held before, and takes images.") from error
    tidy(index)
    return {**summary(folder, manifest), "earlier": kept_earlier([data / earlier for data in places], holding)}


def move(source: Path, target: Path, undo: list[Callable[[], object]]) -> None:
    source.rename(target)
    undo.append(lambda: target.rename(source))
    if source.parent.name == STAGED and target.name == COPIES["sqlite"]:
        # What Orthanc has logged beside the new index is not to be read with the earlier one.
        undo.append(lambda: remove_logs(target))


def remove_logs(index: Path) -> None:
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{index}{suffix}").unlink()


def exchange_database(index: Index, earlier: Path, undo: list[Callable[[], object]]) -> None:
    staged = index.folder / STAGED / COPIES["postgresql"]
    if is_socket(index) and not has_database(index):
        made = f"--owner={index.postgresql['Username']}"
        as_postgres("createdb", made, "--encoding=UTF8", "--template=template0", index.postgresql["Database"])
    else:
        take_snapshot()
        copied(SNAPSHOTS / COPIES["postgresql"], earlier)
        undo.append(lambda: load(index, earlier))
    load(index, staged)


def load(index: Index, dump: Path) -> None:
    """Put a dump into the place of what Orthanc has in the database, in one transaction."""
    failed = True
    restored = ["pg_restore", "--no-owner", "--no-privileges", "--file=-", str(dump)]
    with subprocess.Popen(
        index.psql("--output=/dev/null"),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=index.environment(),
        cwd="/",
    ) as database:
        assert database.stdin
        assert database.stderr
        # By a failed dump, nothing is committed; by a failed statement, psql has ended.
        with contextlib.suppress(BrokenPipeError):
            database.stdin.write(b"BEGIN;\nDROP OWNED BY CURRENT_USER CASCADE;\n")
            database.stdin.flush()
            done = subprocess.run(restored, stdout=database.stdin, stderr=subprocess.DEVNULL, check=False)
            failed = done.returncode != 0
            database.stdin.write(b"\nROLLBACK;\n" if failed else b"\nCOMMIT;\n")
            database.stdin.close()
        said = database.stderr.read().decode(errors="replace")
    if database.returncode or failed:
        raise SystemExit(f"PostgreSQL did not take the copy of the index: {last_line(said)}.")


def require_counts(wanted: dict[str, int]) -> None:
    end = time.monotonic() + STARTING
    while (counts := answered_counts()) is None:
        if time.monotonic() > end:
            raise SystemExit("Orthanc does not answer with what was restored.")
        time.sleep(1)
    if counts != wanted:
        raise SystemExit(f"Orthanc counts {counts} of what was restored, and the manifest says {wanted}.")


def put_back(undo: list[Callable[[], object]], earlier: list[Path]) -> None:
    subprocess.run(["systemctl", "stop", ORTHANC], check=False, capture_output=True)
    for step in reversed(undo):
        step()
    for folder in earlier:
        if folder.is_dir():
            shutil.rmtree(folder)
    run("systemctl", "start", ORTHANC)


def kept_earlier(folders: list[Path], holding: str) -> list[str]:
    """Return where the earlier data are; those of an empty archive are removed."""
    for folder in folders:
        if not holding:
            shutil.rmtree(folder)
        elif not os.listdir(folder):
            folder.rmdir()
    return [str(folder) for folder in folders if folder.is_dir()]


def main() -> None:
    action, folder, *words = sys.argv[1:]
    index = Index()
    path = Path(folder)
    actions: dict[str, Callable[[], dict[str, Any]]] = {
        "plan-backup": lambda: plan_backup(path, index),
        "backup": lambda: backup(path, index),
        "check": lambda: check(path, words[0], words[1], index),
        "stage": lambda: stage(path, index),
        "exchange": lambda: exchange(path, words[0], words[1], index),
        "tidy": lambda: tidy(index),
    }
    try:
        print(json.dumps(actions[action](), sort_keys=True))
    except OSError as error:
        raise SystemExit(f"{error.filename or 'The host'}: {error.strerror or type(error).__name__}") from None


if __name__ == "__main__":
    main()
