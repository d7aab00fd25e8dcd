# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is judged by, worked out from the catalogue once and kept for the runs that would come to the same.

To read the catalogue, and to check it with the code of every resource kind, takes longer than most hosts take to be
looked at. It is kept under a digest of all that it is made of: the catalogue's files, our own code, and what was asked
for. What a site chooses for a tunable may be a secret, so what holds such a value is not kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import profiles as known_profiles
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.profiles import Choice, Profile
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection

#: How many are kept: one for each group of hosts that are judged alike, and for each version of the collection.
MOST = 40


class Limits(NamedTuple):
    """What decides how long a control may be waived."""

    severity: str
    max_waiver_days: int


@dataclass(frozen=True)
class Selected:
    """A selection, the profiles behind it, and the limits of every control of the catalogue by its id."""

    selection: Selection
    choice: Choice
    limits: dict[str, Limits]


def selected(
    paths: Sequence[Path], tier: str, tunables: Any, skip: Any, profiles: Any, cache: Path | None = None
) -> Selected:
    """Return what a host is judged by, kept in the folder ``cache``. Raises ClinicalError as the catalogue does."""
    path = None if tunables or cache is None else _place(cache, paths, [tier, skip, profiles])
    known = _read_kept(path) if path else None
    if known is None:
        known = _worked_out(paths, tier, tunables, skip, profiles)
        if path:
            with contextlib.suppress(OSError):  # the next run works it out again
                _keep(path, known)
    return known


def _worked_out(paths: Sequence[Path], tier: str, tunables: Any, skip: Any, profiles: Any) -> Selected:
    # It brings the code of every resource kind along, so it is imported only where something is worked out.
    from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load

    catalogue = load.load(paths)
    choice = known_profiles.choose(catalogue, paths, profiles, tunables)
    selection = load.select(catalogue, tier, tunables, skip, choice.values, choice.exceptions)
    limits = {control.id: Limits(control.severity, control.max_waiver_days) for control in catalogue.controls}
    return Selected(selection, choice, limits)


def _place(cache: Path, paths: Sequence[Path], inputs: list[Any]) -> Path | None:
    """The file for what was asked of these catalogues; none where it cannot be told from something else."""
    files = [*_files(Path(__file__).parents[1], "*.py"), *(file for path in paths for file in _files(path, "*.y*ml"))]
    digest = hashlib.sha256(_core.packed("baseline").encode())
    try:
        digest.update(json.dumps([*map(str, paths), *inputs]).encode())
        for file in files:
            digest.update(f"{file} {file.stat().st_size}\n".encode())
            digest.update(file.read_bytes())
    except (OSError, TypeError, ValueError):
        return None
    return cache / f"{digest.hexdigest()}.json"


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


def _read_kept(path: Path) -> Selected | None:
    try:
        data = json.loads(path.read_bytes())
        profiles = tuple(Profile(**profile) for profile in data["choice"].pop("profiles"))
        limits = {control: Limits(*limit) for control, limit in data["limits"].items()}
        return Selected(Selection(**data["selection"]), Choice(profiles, **data["choice"]), limits)
    except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged
        return None


def _keep(path: Path, made: Selected) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(made), file)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise
    newest = sorted(path.parent.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in newest[MOST:]:
        old.unlink()
