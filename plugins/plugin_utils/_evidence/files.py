# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of evidence, written so that a reader never sees half of one. Private to the collection."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError

DIR_MODE = 0o750
FILE_MODE = 0o640


def sha256(data: bytes) -> str:
    """Return the hash by which a file is known."""
    return hashlib.sha256(data).hexdigest()


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
        raise failed("Creating the directory", path, exc) from exc


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
        sync_directory(path.parent)
    except OSError as exc:
        raise failed("Writing", path, exc) from exc
    return True


def sync_directory(path: Path) -> None:
    """Put the names in a directory onto the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def failed(doing: str, path: Path, exc: OSError) -> ClinicalError:
    """Return the error of a file that the control node could not read or write."""
    return ClinicalError(
        doing, str(path), exc.strerror or str(exc), "Evidence is written on the control node, as its user."
    )


def read(path: Path) -> bytes:
    """Return the content of a file. Raises ClinicalError that names it where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as exc:
        raise failed("Reading", path, exc) from exc


def load_json(path: Path) -> Any:
    """Return the content of a JSON file. Raises ClinicalError that names it where it is none."""
    return parse_json(path, read(path))


def parse_json(path: Path, data: bytes) -> Any:
    """Return what a JSON file of this content says. Raises ClinicalError that names the file where it is none."""
    try:
        return json.loads(data.decode("utf-8"))
    except json.JSONDecodeError as exc:
        fault = f"it is no JSON from line {exc.lineno}, column {exc.colno} on"
    except UnicodeDecodeError as exc:
        fault = f"it is no JSON: byte {exc.start} is no UTF-8"
    except (ValueError, RecursionError):
        fault = "it is no JSON that can be read"
    raise ClinicalError("Reading", str(path), fault, "It was cut short or changed by hand.")
