# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""When folders were last changed: one that holds again what it held gets the time of before a run."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Mapping
from typing import Any

from .._host.door import Host
from .steps import JournalEntry
from .subjects.derived import belongs_to_nobody

#: Folder -> ``mtime`` in nanoseconds, and ``names``, a word for what is in it.
FolderTimes = dict[str, dict[str, Any]]


def read_times(host: Host, entries: Iterable[JournalEntry]) -> FolderTimes:
    """Return the times of the folders in which the subjects of these entries lie, and of all folders of a tree."""
    paths: set[str] = set()
    for entry in entries:
        tree: Mapping[str, str] | None = entry.before.get("digests")
        paths.update(tree or [getattr(entry.step.subject, "path", "")])
    times: FolderTimes = {}
    for folder in sorted({posixpath.dirname(path) for path in paths} - {""}):
        info = host.stat(folder)
        if info is not None and info.kind == "dir":
            times[folder] = {"mtime": info.mtime, "names": _digest_of_names(host, folder)}
    return times


def put_times(host: Host, times: Mapping[str, Mapping[str, Any]]) -> None:
    """Give each folder that holds the very same names again its time; what others laid there counts as a change."""
    for folder, noted in times.items():
        info = host.stat(folder)
        if info is None or info.kind != "dir" or info.mtime == noted["mtime"]:
            continue
        if _digest_of_names(host, folder) == noted["names"]:
            host.set_mtime(folder, noted["mtime"])


def _digest_of_names(host: Host, folder: str) -> str:
    """Return a word for the names in a folder, the same for the same; version control comes and goes as it likes."""
    names = [name for name in host.listdir(folder) if not belongs_to_nobody(posixpath.join(folder, name))]
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()[:32]
