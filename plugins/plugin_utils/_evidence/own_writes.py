# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this account itself has written into an evidence directory, kept where only this account writes. Private.

Whoever can write the evidence directory can put a file there, so a file's being there is no reason to seal it. Between
two seals of a bundle the hashes of what was written stand here, outside of the directory; the seal takes their place.
The end of each chain is remembered as well, so that one that was cut off is noticed without a person who wrote it down.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import (
    failed,
    load_json,
    make_dirs,
    write,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import canonical, check_run_id

_UNSEALED = "unsealed"
_ENDS = "ends.json"


@dataclass(frozen=True)
class OwnWrites:
    """The notes of one evidence directory, in ``folder``."""

    folder: Path

    @classmethod
    def of(cls, home: Path, evidence_dir: Path) -> OwnWrites:
        """Return the notes of an evidence directory, by whatever name it is called; ``home`` is only this account's."""
        name = os.path.realpath(evidence_dir)
        return cls(home / "evidence" / hashlib.sha256(os.fsencode(name)).hexdigest()[:32])

    def note(self, run_id: str, name: str, digest: str) -> None:
        """Note that a file with this hash is about to be written to ``name`` in the bundle of a run."""
        path = self._note(run_id, name)
        make_dirs(path.parent)
        try:
            path.write_text(f"{digest} {name}\n", encoding="utf-8")
        except OSError as exc:
            raise failed("Noting", path, exc) from exc

    def unsealed(self, run_id: str) -> dict[str, str]:
        """Return what was written to a bundle since its last seal: the path in the bundle and its hash."""
        folder = self.folder / _UNSEALED / check_run_id(run_id)
        notes = sorted(folder.glob("*.note")) if folder.is_dir() else []
        pairs = (path.read_text(encoding="utf-8").rstrip("\n").partition(" ") for path in notes)
        return {name: digest for digest, _blank, name in pairs}

    def settle(self, run_id: str, sealed: Iterable[tuple[str, str]]) -> None:
        """Forget the notes of files that are sealed as they were noted; another host's may have come meanwhile."""
        noted = self.unsealed(run_id)
        for name, digest in sealed:
            if noted.get(name) == digest:
                self._note(run_id, name).unlink(missing_ok=True)

    def ends(self) -> dict[str, dict[str, Any]]:
        """Return the end of each fleet's chain as this account left it: sequence, run_id and sha256."""
        path = self.folder / _ENDS
        ends: dict[str, dict[str, Any]] = load_json(path) if path.is_file() else {}
        return ends

    def remember_end(self, fleet: str, end: dict[str, Any]) -> None:
        """Remember the end of a fleet's chain; the caller holds the evidence directory's lock."""
        write(self.folder / _ENDS, canonical({**self.ends(), fleet: end}))

    def _note(self, run_id: str, name: str) -> Path:
        return self.folder / _UNSEALED / check_run_id(run_id) / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.note"
