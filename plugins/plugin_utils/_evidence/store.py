# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where evidence lies on the control node, written so that a reader never sees half a file. Private to the collection.

``<evidence_dir>/<run_id>/hosts/<host>.json`` are the records, ``run.json`` and ``report.html`` beside ``hosts`` are
made from them, and ``<evidence_dir>/latest`` is a relative link to the newest run.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, cast

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.record import merged, open_record, record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import Shared
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
    check_host_name,
    check_run_id,
)

DIR_MODE = 0o750
FILE_MODE = 0o640
LATEST = "latest"


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
    return run_dir(evidence_dir, run_id) / "hosts" / f"{check_host_name(host)}.json"


def make_dirs(path: Path) -> None:
    """Create what is missing with DIR_MODE whatever the umask; directories that exist keep their mode."""
    if path.is_dir():
        return
    make_dirs(path.parent)
    try:
        path.mkdir()
        path.chmod(DIR_MODE)
    except FileExistsError:  # another host's record was quicker
        if not path.is_dir():
            raise ClinicalError(
                "Creating the directory", str(path), "a file is in its place", "Move it away."
            ) from None
    except OSError as exc:
        raise _failed("Creating the directory", path, exc) from exc


def write(path: Path, data: bytes) -> bool:
    """Put ``data`` at ``path`` in one step and onto the disk; False where the same bytes are already there."""
    try:
        if path.is_file() and not path.is_symlink() and path.read_bytes() == data:
            return False
        make_dirs(path.parent)
        handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
                stream.flush()
                os.fchmod(stream.fileno(), FILE_MODE)
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_directory(path.parent)
    except OSError as exc:
        raise _failed("Writing", path, exc) from exc
    return True


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _failed(doing: str, path: Path, exc: OSError) -> ClinicalError:
    return ClinicalError(
        doing, str(path), exc.strerror or str(exc), "Evidence is written on the control node, as its user."
    )


def write_record(evidence_dir: Path, host: str, result: Json) -> tuple[Path, bool]:
    """Write one host's checked result, with what this run had kept of it; returns the path and whether it changed."""
    path = record_path(evidence_dir, result["run_id"], host)
    return path, write(path, canonical(record(host, merged(_earlier(path, host, result["run_id"]), result))))


def _earlier(path: Path, host: str, run_id: str) -> Json | None:
    """The record that is there already; one that cannot be read has nothing to give, and is replaced."""
    if path.is_symlink() or not path.is_file():
        return None
    try:
        return open_record(load_json(path), host, run_id)
    except ClinicalError:
        return None


def load_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8"))
    except OSError as exc:
        raise _failed("Reading", path, exc) from exc
    except ValueError as exc:
        raise ClinicalError(
            "Reading", str(path), f"it is no JSON ({exc})", "It was cut short or changed by hand."
        ) from exc


def load_records(evidence_dir: Path, run_id: str) -> tuple[dict[str, Json], dict[str, str]]:
    """All records of a run: host -> result, and for files that cannot be read as one: host -> why, naming the file."""
    good: dict[str, Json] = {}
    bad: dict[str, str] = {}
    shared = Shared()
    folder = run_dir(evidence_dir, run_id) / "hosts"
    if not folder.is_dir():
        return good, bad
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix != ".json":
            continue
        try:
            good[path.stem] = shared.of(open_record(load_json(path), path.stem, run_id))
        except ClinicalError as exc:
            bad[path.stem] = str(exc) if str(path) in str(exc) else f"{path}: {exc}"
    return good, bad


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
        _sync_directory(evidence_dir)
    except OSError as exc:
        raise _failed("Pointing", link, exc) from exc
    return True


def _is_newer(evidence_dir: Path, run_id: str, run: Json) -> bool:
    try:
        latest = load_run(evidence_dir, check_run_id(run_id))
    except ClinicalError:
        return False
    if latest is None or not latest.get("started") or not run["started"]:
        return False
    return bool(latest["started"] > run["started"])
