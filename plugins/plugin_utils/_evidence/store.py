# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where evidence lies on the control node, written so that a reader never sees half a file. Private to the collection.

``<evidence_dir>/<run_id>/hosts/<host>.json`` are the records, ``run.json`` and ``report.html`` beside ``hosts`` are
made from them, and ``<evidence_dir>/latest`` is a relative link to the newest run.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import (
    failed,
    load_json,
    parse_json,
    read,
    sha256,
    sync_directory,
    write,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.known_files import (
    KnownFiles,
    known_files,
    record_name,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.record import merged, open_record, record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import Shared
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
    check_host_name,
    check_run_id,
)

LATEST = "latest"
#: What to try where a file in the directory is nobody's that can be named.
NOT_OURS = (
    "Run verify_evidence and put the file back from a copy. If another account or job wrote it and you answer for it, "
    "make the report with evidence_take_over=true; the manifest will say so."
)


def run_dir(evidence_dir: Path, run_id: str) -> Path:
    """The directory of a run. A link in its place is refused: evidence stays where the operator said."""
    path = evidence_dir / check_run_id(run_id)
    for folder in (path, path / "hosts"):
        if folder.is_symlink():
            raise ClinicalError(
                "Using", str(folder), "it is a symbolic link", "Move it away; a run has its own directory."
            )
    return path


def record_path(evidence_dir: Path, run_id: str, host: str) -> Path:
    """Return where the record of a host lies. Raises ClinicalError where its name cannot name a file."""
    return run_dir(evidence_dir, run_id) / "hosts" / f"{check_host_name(host)}.json"


def write_record(evidence_dir: Path, host: str, result: Json, own_writes: OwnWrites) -> tuple[Path, bool]:
    """Write one host's checked result, with what this run had kept of it; returns the path and whether it changed."""
    run_id = result["run_id"]
    path, name = record_path(evidence_dir, run_id, host), record_name(host)
    data = canonical(record(host, merged(_earlier(path, host, run_id, own_writes), result)))
    own_writes.note(run_id, name, sha256(data))
    return path, write(path, data)


def _earlier(path: Path, host: str, run_id: str, own_writes: OwnWrites) -> Json | None:
    """Return the record that is there already; one that cannot be read has nothing to give, and is replaced.

    Raises ClinicalError where one was sealed and is gone, or is neither as it was sealed nor as it was written.
    """
    known, name = known_files(path.parent.parent, run_id, own_writes), record_name(host)
    if path.is_symlink() or not path.is_file():
        if name in known.sealed:
            raise ClinicalError(
                "Adding to the record", str(path), f"number {known.number} sealed it; it is gone", NOT_OURS
            )
        return None
    data = read(path)
    try:
        earlier = open_record(parse_json(path, data), host, run_id)
    except ClinicalError:
        if name not in known.sealed:
            return None
        raise
    fault = known.fault(name, data)
    if fault:
        raise ClinicalError("Adding to the record", str(path), fault, NOT_OURS)
    return earlier


@dataclass(frozen=True)
class StoredRecords:
    """What lies in a run's folder: host -> result, host -> why there is none, and the hash of each result's file."""

    results: dict[str, Json]
    unreadable: dict[str, str]
    digests: dict[str, str]


def load_records(evidence_dir: Path, run_id: str, known: KnownFiles | None = None) -> StoredRecords:
    """Return all records of a run. Files that cannot be read as one are told, each with the reason and its name.

    With ``known``, a record that is gone although it is among those is told as well, and one that may not be believed.
    """
    records = StoredRecords(results={}, unreadable={}, digests={})
    shared = Shared()
    for path in record_files(evidence_dir, run_id):
        host = path.stem
        try:
            data = read(path)
            result = open_record(parse_json(path, data), host, run_id)
            fault = known.fault(record_name(host), data) if known else ""
            if fault:
                raise ClinicalError("Reading", str(path), fault, NOT_OURS)
            records.results[host] = shared.of(result)
            records.digests[record_name(host)] = sha256(data)
        except ClinicalError as exc:
            records.unreadable[host] = str(exc) if str(path) in str(exc) else f"{path}: {exc}"
    for host, why in (known.hosts_with_record() if known else {}).items():
        if host not in records.results and host not in records.unreadable:
            path = record_path(evidence_dir, run_id, host)
            records.unreadable[host] = f"{path}: the record is gone, though {why}"
    return records


def record_files(evidence_dir: Path, run_id: str) -> list[Path]:
    """Return the files that are, or should be, records of a run."""
    folder = run_dir(evidence_dir, run_id) / "hosts"
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in paths if path.suffix == ".json" and not path.name.startswith(".") and path.is_file()]


def load_run(evidence_dir: Path, run_id: str) -> Json | None:
    """The run.json of an earlier report of this run; None where there is none, ClinicalError where it is damaged."""
    path = run_dir(evidence_dir, run_id) / "run.json"
    if not path.exists():
        return None
    data = load_json(path)
    lists_names = isinstance(data, dict) and all(
        isinstance(data.get(key), kind) for key, kind in (("hosts", dict), ("missing", list), ("unreadable", dict))
    )
    if not lists_names or data.get("run_id") != run_id:
        raise ClinicalError("Reading", str(path), f"it is not the bundle of run {run_id}", "It was changed by hand.")
    return cast(Json, data)


def latest_run(evidence_dir: Path) -> str:
    """The run id that ``latest`` points to; ClinicalError that lists the runs that there are."""
    link = evidence_dir / LATEST
    if link.is_symlink():
        return check_run_id(os.readlink(link))
    runs = sorted(path.name for path in evidence_dir.iterdir() if path.is_dir()) if evidence_dir.is_dir() else []
    hint = f"Name one of these runs: {', '.join(runs[-5:])}." if runs else "No run was recorded there."
    raise ClinicalError("Finding the latest run in", str(evidence_dir), "there is no link 'latest'", hint)


def point_latest(evidence_dir: Path, run: Json) -> bool:
    """Let ``latest`` name this run, unless it already names a newer one (an old run may be rendered again)."""
    link = evidence_dir / LATEST
    if link.exists() and not link.is_symlink():
        raise ClinicalError("Pointing", str(link), "it is not a symbolic link", "Move it away.")
    if link.is_symlink():
        now = os.readlink(link)
        if now == run["run_id"] or _is_newer(evidence_dir, now, run):
            return False
    temporary = evidence_dir / f".{LATEST}.{os.getpid()}.tmp"
    try:
        os.symlink(run["run_id"], temporary)
        os.replace(temporary, link)
        sync_directory(evidence_dir)
    except OSError as exc:
        raise failed("Pointing", link, exc) from exc
    return True


def _is_newer(evidence_dir: Path, run_id: str, run: Json) -> bool:
    try:
        latest = load_run(evidence_dir, check_run_id(run_id))
    except ClinicalError:
        return False
    if latest is None or not latest.get("started") or not run["started"]:
        return False
    return bool(latest["started"] > run["started"])
