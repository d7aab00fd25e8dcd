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
from dataclasses import dataclass
from typing import Any

from .._host.door import Host
from .._vocabulary.run_id import RunId, is_run_id

STATE = "/var/lib/healthops"
#: Where the manifests of configurations lie, one for each system of the host.
CONFIGURATIONS = posixpath.join(STATE, "configurations")
#: The record without which a run never began: it is written last and removed first.
RUN = "run"


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
    """Return the record that ``line`` wrote, or None where its checksum does not agree."""
    checksum, _blank, text = raw.partition(b" ")
    if not text or hashlib.sha256(text).hexdigest()[:16].encode() != checksum:
        return None
    record: dict[str, Any] = json.loads(text)
    return record
