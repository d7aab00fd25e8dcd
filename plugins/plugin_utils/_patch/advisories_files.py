# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The three files that tell of vulnerabilities, as people carry them in: each is read row by row.

- the security tracker of Debian as JSON: which version of a source package fixes which CVE in which release;
- the catalogue of CISA of what is known to be exploited, as JSON, with the day on which it is due;
- the scores of EPSS as CSV: how likely it is that a CVE is exploited soon.

Each may be compressed with gzip. Nothing is fetched from anywhere. A file that was cut on its way, or is another than
its option says, is refused with what was seen: half of the advisories would look like fewer vulnerabilities.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import stamp_of
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.advisories_json import Broken, Cut, Reader

#: The option that names a file -> what people call it.
NAMES = {
    "debian_tracker": "the Debian security tracker's data",
    "cisa_kev": "the CISA KEV catalogue",
    "epss": "the EPSS scores",
}
CARRY_AGAIN = "Carry the file in again and compare its size and checksum with those at its origin."
#: What the tracker says where a release was never affected, or a fix has no version.
NO_FIX = ("", "0")

_CVE = re.compile(r"(?:CVE-\d{4}-\d{4,}|TEMP-[0-9A-F-]+)")
_GZIP = b"\x1f\x8b"


@dataclass
class About:
    """What a file says of itself; complete once all its rows were taken. ``as_of`` is a time in UTC."""

    as_of: str = ""
    rows: int = 0
    told_by: str = ""
    releases: set[str] = field(default_factory=set)


Fix = tuple[str, str, str, str, str]  # release, source package, CVE, the version that fixes it, urgency
Exploited = tuple[str, str]  # CVE, due
Score = tuple[str, float]  # CVE, EPSS


def fixes(path: Path, about: About) -> Iterator[Fix]:
    """Yield every fix that the tracker knows. It has no date of its own, so that of the file counts and is named."""
    with _reading("debian_tracker", path), _text(path) as stream:
        about.as_of, about.told_by = _changed(path), "the file's own date"
        reader = Reader(stream)
        for package in reader.members():
            if reader.peek() != "{":
                raise Broken(f"{package!r} is no package: it holds {_what(reader.peek())}{_hint(package)}")
            for cve in reader.members():
                entry = reader.value()
                if not (_CVE.fullmatch(cve) and isinstance(entry, dict) and isinstance(entry.get("releases"), dict)):
                    raise Broken(f"the entry {cve!r} of {package!r} is no CVE with its releases")
                yield from _fixes_of(package, cve, entry["releases"], about)
        reader.finish()
        if not about.rows:
            raise Broken("it tells of no fix at all")


def _fixes_of(package: str, cve: str, releases: Mapping[str, Any], about: About) -> Iterator[Fix]:
    for release, entry in releases.items():
        if not isinstance(entry, dict) or not isinstance(entry.get("status"), str):
            raise Broken(f"{cve} of {package!r} has no status in {release!r}")
        fixed = entry.get("fixed_version")
        if entry["status"] != "resolved" or fixed is None or fixed in NO_FIX:
            continue
        if not isinstance(fixed, str):
            raise Broken(f"{cve} of {package!r} is fixed in {release!r} by {fixed!r}, which is no version")
        about.rows += 1
        about.releases.add(release)
        yield release, package, cve, fixed, str(entry.get("urgency") or "")


def exploited(path: Path, about: About) -> Iterator[Exploited]:
    """Yield every CVE that is known to be exploited, with the day on which CISA wants it closed."""
    with _reading("cisa_kev", path), _text(path) as stream:
        reader, count, seen = Reader(stream), None, False
        for name in reader.members():
            if name != "vulnerabilities":
                value = reader.value()
                if name == "count":
                    count = value
                if name == "dateReleased" and isinstance(value, str):
                    about.as_of, about.told_by = _utc(value), "the catalogue"
                continue
            seen = True
            for _item in reader.items():
                entry = reader.value()
                if not (isinstance(entry, dict) and _CVE.fullmatch(str(entry.get("cveID")))):
                    raise Broken(f"vulnerability {about.rows + 1} has no cveID")
                about.rows += 1
                yield entry["cveID"], _due(entry)
        reader.finish()
        if not seen:
            raise Broken("it has no list of vulnerabilities")
        if count != about.rows:
            raise Cut(f"it says that it has {count!r} entries, and has {about.rows}")


def _due(entry: Mapping[str, Any]) -> str:
    due = entry.get("dueDate")
    if not (isinstance(due, str) and re.fullmatch(r"\d{4}-\d{2}-\d{2}", due)):
        raise Broken(f"{entry['cveID']} is due on {due!r}, which is no day")
    return due


def scores(path: Path, about: About) -> Iterator[Score]:
    """Yield every CVE with the share of which EPSS thinks that it is exploited within 30 days."""
    with _reading("epss", path), _text(path) as stream:
        first = stream.readline()
        dated = re.match(r"#.*\bscore_date:([^\s,]+)", first)
        if dated:
            about.as_of, about.told_by = _utc(dated.group(1)), "the file"
            first = stream.readline()
        else:
            about.as_of, about.told_by = _changed(path), "the file's own date"
        if first.strip().lower().split(",")[:2] != ["cve", "epss"]:
            raise Broken(f"its first line is {first.strip()[:60]!r}; wanted is cve,epss,percentile")
        for number, line in enumerate(stream, 3 if dated else 2):
            if not line.endswith("\n"):
                raise Cut(f"it ends in the middle of line {number}")
            yield _score(line, number)
            about.rows += 1
        if not about.rows:
            raise Cut("it has no score at all")


def _score(line: str, number: int) -> Score:
    cve, _comma, columns = line.partition(",")
    try:
        share = float(columns.partition(",")[0])
    except ValueError as error:
        raise Broken(f"line {number} is {line.strip()[:60]!r}, no score") from error
    if not (_CVE.fullmatch(cve) and 0 <= share <= 1):
        raise Broken(f"line {number} is {line.strip()[:60]!r}, no score of a CVE")
    return cve, share


@contextlib.contextmanager
def _reading(option: str, path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into a ClinicalError for the person who carried it in."""
    doing, subject = "Reading", f"{NAMES[option]} in {path}"
    hint = f"Give the file that {option} is for: {NAMES[option]}."
    try:
        yield
    except Cut as error:
        raise ClinicalError(doing, subject, str(error), CARRY_AGAIN) from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ClinicalError(
            doing, subject, f"its compressed data end too early or are damaged ({error})", CARRY_AGAIN
        ) from error
    except UnicodeDecodeError as error:
        raise ClinicalError(doing, subject, f"it is no UTF-8 text (byte {error.start} of a piece)", hint) from error
    except Broken as error:
        raise ClinicalError(doing, subject, str(error), hint) from error
    except OSError as error:
        raise ClinicalError(
            doing, subject, error.strerror or str(error), "Check the path on the control node."
        ) from error


@contextlib.contextmanager
def _text(path: Path) -> Iterator[TextIO]:
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        source = cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw
        yield io.TextIOWrapper(source, encoding="utf-8-sig", newline="\n")


def _what(first: str) -> str:
    return {'"': "a text", "[": "a list"}.get(first, "a number or a word")


def _hint(name: str) -> str:
    if name in ("title", "catalogVersion"):
        return "; this looks like the KEV catalogue"
    return ""


def _changed(path: Path) -> str:
    return stamp_of(path.stat().st_mtime)


def _utc(stamp: str) -> str:
    """Return 2026-11-24T15:00:00.0000Z, 2026-11-24T00:00:00+0000 or 2026-11-24 in the one spelling."""
    match = re.match(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}:\d{2}))?", stamp)
    if not match:
        raise Broken(f"it is dated {stamp!r:.40}, which is no time")
    return f"{match.group(1)}T{match.group(2) or '00:00:00'}Z"
