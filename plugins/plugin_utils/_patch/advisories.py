# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of vulnerabilities, indexed once on the control node; a host gets the little that it needs.

The files that were carried in (``advisories_files``) become one SQLite file in the control node's cache. Its name is
made of their checksums, so that other files make another index and the same ones none. A host is asked for its source
packages first; it is then given the fixes that are newer than what it has, and nothing else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.versions import DebianVersion
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import parse_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_files as files

Json = dict[str, Any]

#: A new number makes every index anew.
SCHEMA = 1
#: How many indexes stay in the cache; each is some ten megabytes, and old files are not asked for again.
KEPT = 3
BATCH = 400  # SQLite takes 999 parameters at least

_TABLES = """
CREATE TABLE fixes (
  release TEXT, source TEXT, fixed TEXT, cves TEXT, PRIMARY KEY (release, source, fixed)
) WITHOUT ROWID;
CREATE TABLE exploited (cve TEXT PRIMARY KEY, due TEXT) WITHOUT ROWID;
CREATE TABLE scores (cve TEXT PRIMARY KEY, epss REAL) WITHOUT ROWID;
CREATE TABLE about (option TEXT PRIMARY KEY, told TEXT) WITHOUT ROWID;
"""

#: Most hosts of a fleet have most versions in common.
_version = lru_cache(maxsize=1 << 16)(DebianVersion)


@dataclass(frozen=True)
class AdvisoryIndex:
    """An index that is complete: it got its name only then."""

    path: Path

    def about(self) -> dict[str, Json]:
        """Return option -> sha256, as_of, told_by and rows of its file; of the tracker also its releases."""
        with self._open() as base:
            return {option: json.loads(text) for option, text in base.execute("SELECT option, told FROM about")}

    def for_packages(self, release: str, sources: Mapping[str, str]) -> Json:
        """Return, by source package, the fixes that a host of a release needs.

        ``sources`` is its source packages with the versions that it has of them. Of one whose version is not known, the
        empty text, all fixes are returned.
        """
        with self._open() as base:
            newer = [
                (source, fixed)
                for source, fixed in _rows(base, _FIXES, sorted(sources), release)
                if not sources[source] or _version(sources[source]) < _version(fixed)
            ]
            fixes: dict[str, list[Json]] = {}
            for source, fixed in newer:
                (cves,) = base.execute(_CVES, (release, source, fixed)).fetchone()
                fixes.setdefault(source, []).extend(
                    {"cve": cve, "fixed": fixed, "urgency": urgency, "dsa": None} for cve, urgency in json.loads(cves)
                )
            known = _of_cves(base, _cves_in(fixes))
        return {source: [{**fix, **known[fix["cve"]]} for fix in rows] for source, rows in fixes.items()}

    def for_cves(self, cves: Iterable[str]) -> dict[str, Json]:
        """Return, of CVEs that a host named itself, on which day CISA wants them closed, and their EPSS."""
        with self._open() as base:
            return _of_cves(base, set(cves))

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            yield base


_FIXES = "SELECT source, fixed FROM fixes WHERE release = ? AND source IN ({})"
_CVES = "SELECT cves FROM fixes WHERE release = ? AND source = ? AND fixed = ?"
_DUE = "SELECT cve, due FROM exploited WHERE cve IN ({})"
_SCORE = "SELECT cve, epss FROM scores WHERE cve IN ({})"


def _rows(base: sqlite3.Connection, query: str, names: Sequence[str], *before: str) -> Iterator[Any]:
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        yield from base.execute(query.format(",".join("?" * len(batch))), (*before, *batch))


def _cves_in(fixes: Mapping[str, Sequence[Json]]) -> set[str]:
    cves: set[str] = set()
    for rows in fixes.values():
        cves.update(fix["cve"] for fix in rows)
    return cves


def _of_cves(base: sqlite3.Connection, cves: set[str]) -> dict[str, Json]:
    names = sorted(cves)
    due, epss = dict(_rows(base, _DUE, names)), dict(_rows(base, _SCORE, names))
    return {cve: {"kev_due": due.get(cve), "epss": epss.get(cve)} for cve in names}


def index(given: Mapping[str, Path], cache: Path) -> AdvisoryIndex | None:
    """Return the index of these files (option -> path), made now if it is not there yet; None where no file was given.

    Processes that want the same index at the same time wait for the first of them. Raises ClinicalError where a file is
    not what its option says.
    """
    for option in given:
        if option not in files.NAMES:
            raise ClinicalError(
                "Reading", "the advisories", f"unknown file {option!r}", f"Known: {', '.join(files.NAMES)}."
            )
    if not given:
        return None
    with _locked(cache):
        sums = {option: _checksum(option, path, cache) for option, path in sorted(given.items())}
        made = AdvisoryIndex(cache / _name(sums))
        if not _is_complete(made):
            _make(made.path, given, sums)
            _forget(cache, made.path)
        return made


def _name(sums: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([SCHEMA, sums]).encode()).hexdigest()[:32] + ".sqlite3"


def too_old(about: Mapping[str, Json], most_days: int, now: datetime) -> list[str]:
    """Return a sentence for each file that is older than ``most_days``: what is newer than it is in no plan."""
    warnings = []
    for option, file in sorted(about.items()):
        age = (now - parse_stamp(file["as_of"])).days
        if age > most_days:
            dated = f"{files.NAMES[option]} are of {file['as_of']}, {age} days old"
            warnings.append(f"{dated}: severities and deadlines may be too mild")
    return warnings


def _is_complete(made: AdvisoryIndex) -> bool:
    """Return whether it is there and can be read; a cache that somebody cut or changed is made anew."""
    try:
        return made.path.is_file() and set(made.about()) != set()
    except sqlite3.DatabaseError:
        return False


def _make(path: Path, given: Mapping[str, Path], sums: Mapping[str, str]) -> None:
    half = path.with_suffix(f".{os.getpid()}.half")
    half.unlink(missing_ok=True)
    try:
        with contextlib.closing(sqlite3.connect(half, isolation_level=None)) as base:
            # Nothing here is worth a sync: what is not whole at the end is thrown away.
            base.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; {_TABLES} BEGIN;")
            for option, source in sorted(given.items()):
                _fill(base, option, source, sums[option])
            base.execute("COMMIT")
        os.replace(half, path)
    except sqlite3.IntegrityError as error:
        problem = "a file names one package in two places"
        raise ClinicalError("Indexing", "the advisories", problem, files.CARRY_AGAIN) from error
    except sqlite3.OperationalError as error:
        raise ClinicalError("Indexing", f"the advisories in {path.parent}", str(error), "Is there room?") from error
    finally:
        half.unlink(missing_ok=True)


def _fill(base: sqlite3.Connection, option: str, path: Path, checksum: str) -> None:
    about = files.About()
    if option == "debian_tracker":
        base.executemany("INSERT INTO fixes VALUES (?, ?, ?, ?)", _by_version(files.fixes(path, about)))
    elif option == "cisa_kev":
        base.executemany("INSERT OR REPLACE INTO exploited VALUES (?, ?)", files.exploited(path, about))
    else:
        base.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?)", files.scores(path, about))
    record = {**asdict(about), "releases": sorted(about.releases), "sha256": checksum}
    base.execute("INSERT INTO about VALUES (?, ?)", (option, json.dumps(record)))


def _by_version(fixes: Iterable[files.Fix]) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row for each version that fixes anything, with the CVEs and their urgencies.

    What a host has is so asked once.
    """
    for source, rows in groupby(fixes, key=lambda fix: fix[1]):
        fixes_by_version: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for release, _source, cve, fixed, urgency in rows:
            fixes_by_version.setdefault((release, fixed), []).append((cve, urgency))
        for (release, fixed), cves in fixes_by_version.items():
            yield release, source, fixed, json.dumps(cves, separators=(",", ":"))


@contextlib.contextmanager
def _locked(cache: Path) -> Iterator[None]:
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        problem, try_this = error.strerror or str(error), "Name another directory for the cache."
        raise ClinicalError("Keeping", f"the index of the advisories in {cache}", problem, try_this) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _forget(cache: Path, newest: Path) -> None:
    """Remove old indexes; a process that still reads one keeps it open until it is done."""
    older = sorted((path for path in cache.glob("*.sqlite3") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in older[: max(0, len(older) - KEPT + 1)]:
        path.unlink(missing_ok=True)
    for path in cache.glob("*.half"):
        path.unlink(missing_ok=True)


def _checksum(option: str, path: Path, cache: Path) -> str:
    """Return the SHA-256 of a file; it is remembered with size and times, since every host's task asks for it.

    A file that changed within the last seconds could change again within the same tick, so it is not remembered.
    """
    try:
        seen = path.stat()
        key = json.dumps([str(path), seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns])
        known = _remembered(cache)
        if key not in known:
            digest = hashlib.sha256()
            with path.open("rb") as stream:
                for piece in iter(lambda: stream.read(1 << 20), b""):
                    digest.update(piece)
            known[key] = digest.hexdigest()
            if time.time() - max(seen.st_mtime, seen.st_ctime) > 2:
                _remember(cache, known)
        return known[key]
    except OSError as error:
        subject, problem = f"{files.NAMES[option]} in {path}", error.strerror or str(error)
        raise ClinicalError("Reading", subject, problem, "Check the path on the control node.") from error


def _remembered(cache: Path) -> dict[str, str]:
    try:
        known = json.loads((cache / "checksums.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if isinstance(known, dict):
        return known
    return {}


def _remember(cache: Path, known: dict[str, str]) -> None:
    newest = dict(list(known.items())[-20:])
    half = cache / "checksums.json.half"
    half.write_text(json.dumps(newest), encoding="utf-8")
    os.replace(half, cache / "checksums.json")
