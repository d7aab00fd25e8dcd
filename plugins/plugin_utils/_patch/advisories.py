# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of vulnerabilities, indexed once on the control node; a host gets the little that it needs. Private.

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
import typing as t
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.versions import DebianVersion
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import parse_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_files as files

Json = t.Dict[str, t.Any]

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
class Index:
    """An index that is complete: it got its name only then."""

    path: Path

    def about(self) -> t.Dict[str, Json]:
        """Option -> its file's ``sha256``, ``as_of``, ``told_by``, ``rows`` and, for the tracker, ``releases``."""
        with self._open() as base:
            return {option: json.loads(told) for option, told in base.execute("SELECT option, told FROM about")}

    def for_packages(self, release: str, sources: t.Mapping[str, str]) -> Json:
        """What a host of a release needs; ``sources`` is its source packages with the versions that it has of them.

        A version that is not known is the empty text: then all fixes of that source are told.
        """
        with self._open() as base:
            newer = [
                (source, fixed)
                for source, fixed in _rows(base, _FIXES, sorted(sources), release)
                if not sources[source] or _version(sources[source]) < _version(fixed)
            ]
            found: t.Dict[str, t.List[Json]] = {}
            for source, fixed in newer:
                (told,) = base.execute(_CVES, (release, source, fixed)).fetchone()
                found.setdefault(source, []).extend(
                    {"cve": cve, "fixed": fixed, "urgency": urgency, "dsa": None} for cve, urgency in json.loads(told)
                )
            of_cves = _of_cves(base, {each["cve"] for several in found.values() for each in several})
        return {source: [{**each, **of_cves[each["cve"]]} for each in several] for source, several in found.items()}

    def for_cves(self, cves: t.Iterable[str]) -> t.Dict[str, Json]:
        """Of CVEs that a host named itself: on which day CISA wants them closed, and their EPSS."""
        with self._open() as base:
            return _of_cves(base, set(cves))

    @contextlib.contextmanager
    def _open(self) -> t.Iterator[sqlite3.Connection]:
        with contextlib.closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro&immutable=1", uri=True)) as base:
            yield base


_FIXES = "SELECT source, fixed FROM fixes WHERE release = ? AND source IN ({})"
_CVES = "SELECT cves FROM fixes WHERE release = ? AND source = ? AND fixed = ?"
_DUE = "SELECT cve, due FROM exploited WHERE cve IN ({})"
_SCORE = "SELECT cve, epss FROM scores WHERE cve IN ({})"


def _rows(base: sqlite3.Connection, query: str, names: t.Sequence[str], *before: str) -> t.Iterator[t.Any]:
    for start in range(0, len(names), BATCH):
        batch = names[start : start + BATCH]
        yield from base.execute(query.format(",".join("?" * len(batch))), (*before, *batch))


def _of_cves(base: sqlite3.Connection, cves: t.AbstractSet[str]) -> t.Dict[str, Json]:
    names = sorted(cves)
    due, epss = dict(_rows(base, _DUE, names)), dict(_rows(base, _SCORE, names))
    return {cve: {"kev_due": due.get(cve), "epss": epss.get(cve)} for cve in names}


def index(given: t.Mapping[str, Path], cache: Path) -> t.Optional[Index]:
    """The index of these files (option -> path); made now where it is not there yet. None where no file was given.

    Processes that want the same index at the same time wait for the first of them.
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
        made = Index(cache / _name(sums))
        if not _is_whole(made):
            _make(made.path, given, sums)
            _forget(cache, made.path)
        return made


def _name(sums: t.Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps([SCHEMA, sums]).encode()).hexdigest()[:32] + ".sqlite3"


def too_old(about: t.Mapping[str, Json], most_days: int, now: datetime) -> t.List[str]:
    """A sentence for each file that is older than it should be: what is newer than it is in no plan."""
    told = []
    for option, each in sorted(about.items()):
        as_of = parse_stamp(each["as_of"])
        age = (now - as_of).days
        if age > most_days:
            subject = files.NAMES[option]
            told.append(f"{subject} are of {each['as_of']}, {age} days old: severities and deadlines may be too mild")
    return told


def _is_whole(made: Index) -> bool:
    """Whether it is there and can be read; a cache that somebody cut or changed is made anew."""
    try:
        return made.path.is_file() and set(made.about()) != set()
    except sqlite3.DatabaseError:
        return False


def _make(path: Path, given: t.Mapping[str, Path], sums: t.Mapping[str, str]) -> None:
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
        saw = "a file names one package in two places"
        raise ClinicalError("Indexing", "the advisories", saw, files.CARRY_AGAIN) from error
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
    told = {**asdict(about), "releases": sorted(about.releases), "sha256": checksum}
    base.execute("INSERT INTO about VALUES (?, ?)", (option, json.dumps(told)))


def _by_version(fixes: t.Iterable[files.Fix]) -> t.Iterator[t.Tuple[str, str, str, str]]:
    """A row for each version that fixes anything, with the CVEs and their urgencies: what a host has is asked once."""
    for source, rows in groupby(fixes, key=lambda fix: fix[1]):
        found: t.Dict[t.Tuple[str, str], t.List[t.Tuple[str, str]]] = {}
        for release, _source, cve, fixed, urgency in rows:
            found.setdefault((release, fixed), []).append((cve, urgency))
        for (release, fixed), cves in found.items():
            yield release, source, fixed, json.dumps(cves, separators=(",", ":"))


@contextlib.contextmanager
def _locked(cache: Path) -> t.Iterator[None]:
    try:
        cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(cache / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        saw, try_this = error.strerror or str(error), "Name another directory for the cache."
        raise ClinicalError("Keeping", f"the index of the advisories in {cache}", saw, try_this) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _forget(cache: Path, newest: Path) -> None:
    """Old indexes go; a process that still reads one keeps it open until it is done."""
    others = sorted((path for path in cache.glob("*.sqlite3") if path != newest), key=lambda path: path.stat().st_mtime)
    for path in others[: max(0, len(others) - KEPT + 1)]:
        path.unlink(missing_ok=True)
    for path in cache.glob("*.half"):
        path.unlink(missing_ok=True)


def _checksum(option: str, path: Path, cache: Path) -> str:
    """The SHA-256 of a file; what it was is remembered with size and times, since every host's task asks for it.

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
        subject, saw = f"{files.NAMES[option]} in {path}", error.strerror or str(error)
        raise ClinicalError("Reading", subject, saw, "Check the path on the control node.") from error


def _remembered(cache: Path) -> t.Dict[str, str]:
    try:
        known = json.loads((cache / "checksums.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(cache: Path, known: t.Dict[str, str]) -> None:
    newest = dict(list(known.items())[-20:])
    half = cache / "checksums.json.half"
    half.write_text(json.dumps(newest), encoding="utf-8")
    os.replace(half, cache / "checksums.json")
