# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on disk: a directory for each, with records that carry their checksums and that only root may read.

What a run is, and which records it has, is the business of who keeps it: ``journal``, and patching's stages.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from .._host.door import Host
from .._vocabulary.run_id import RunId, is_run_id

STATE = "/var/lib/healthops"
#: Where the manifests of configurations lie, one for each system of the host.
CONFIGURATIONS = posixpath.join(STATE, "configurations")
#: The record without which a run never began: it is written last and removed first.
RUN = "run"
#: What JSON makes of the kinds of fields that records have.
_KINDS: Mapping[str, Any] = {
    "str": str,
    "int": int,
    "float": (int, float),
    "bool": bool,
    "tuple": (list, tuple),
    "Mapping": dict,
    "Expected": dict,
}


@dataclass(frozen=True)
class RunStore:
    """The runs below one directory of ``STATE``, each in a directory of its id."""

    folder: str

    def path(self, run_id: str, *names: str) -> str:
        """Return where a run, or a record of it, lies. Raises ClinicalError where the id could not name a directory."""
        return posixpath.join(self.folder, RunId.of(run_id), *names)

    def names(self, host: Host) -> list[str]:
        """Return the ids of all runs, sorted, also of those that never began."""
        return [name for name in host.listdir(self.folder) if is_run_id(name)]

    def make(self, host: Host, run_id: str) -> None:
        """Make the directory of a run, and those above it. Raises ClinicalError where the id could not name one."""
        below = posixpath.relpath(self.path(run_id), STATE).split("/")
        for depth in range(len(below) + 1):
            host.mkdir(posixpath.join(STATE, *below[:depth]), 0o700, 0, 0)

    def write(self, host: Host, run_id: str, name: str, content: bytes) -> None:
        """Write a file of a run in one step."""
        host.write(self.path(run_id, name), content, 0o600, 0, 0, {})

    def write_record(self, host: Host, run_id: str, name: str, record: dict[str, Any]) -> None:
        """Write a file of a run that holds one record."""
        self.write(host, run_id, name, line(record))

    def has(self, host: Host, run_id: str, name: str) -> bool:
        """Return whether a run has a file of this name."""
        return host.stat(self.path(run_id, name)) is not None

    def read_record(self, host: Host, run_id: str, name: str) -> dict[str, Any] | None:
        """Return the record in a file of a run; None where it is missing or damaged."""
        return unline((host.read(self.path(run_id, name)) or b"").rstrip(b"\n"))

    def forget(self, host: Host, run_id: str) -> None:
        """Remove a run, or what one that was cut before it began has left."""
        host.remove(self.path(run_id, RUN))
        for name in host.listdir(self.path(run_id)):
            host.remove(self.path(run_id, name))
        host.remove(self.path(run_id))


def line(record: Mapping[str, Any]) -> bytes:
    """Return a record on a line of its own that carries its checksum."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(text).hexdigest()[:16].encode() + b" " + text + b"\n"


def unline(raw: bytes) -> dict[str, Any] | None:
    """Return the record that ``line`` wrote, or None where its checksum does not agree, or it is no record."""
    checksum, _blank, text = raw.partition(b" ")
    if not text or hashlib.sha256(text).hexdigest()[:16].encode() != checksum:
        return None
    record = json.loads(text)
    if isinstance(record, dict):
        return record
    return None


def misfit(cls: Any, record: Mapping[str, Any]) -> str:
    """Return what of a record does not fit the dataclass that is to be made of it, empty where all does.

    It is a key that only another release knows, one that is missing, or a value of another kind of JSON.
    """
    known = {field.name: field for field in fields(cls)}
    for key, value in record.items():
        if key not in known:
            return f"the key {key!r} is not known here"
        if not _fits(str(known[key].type), value):
            return f"the key {key!r} is no {known[key].type}"
    needed = (name for name, field in known.items() if field.default is MISSING and field.default_factory is MISSING)
    return next((f"the key {name!r} is missing" for name in needed if name not in record), "")


def _fits(annotation: str, value: Any) -> bool:
    """Compare a value out of JSON with an annotation; of what lists and mappings hold, only texts are looked at."""
    kind = _KINDS[annotation.partition("[")[0]]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        return False
    return annotation != "tuple[str, ...]" or all(isinstance(item, str) for item in value)
