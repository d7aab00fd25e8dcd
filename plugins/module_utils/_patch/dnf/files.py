# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files: the new ones downloaded and verified by dnf, the earlier ones kept."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Host
from ..checksums import checksums
from ..folders import make_folders
from ..manager import KeptPackage
from ..model import REMOVE, PackageChange
from .observe import EVR, stands_beside
from .program import Program

#: Beside the downloads of a run: where each of them lies.
PATHS = "paths.json"


def missing(program: Program, folder: str, changes: Iterable[PackageChange]) -> tuple[str, ...]:
    """Return the paths of files that do not lie in ``folder`` as the repositories' lists say."""
    return tuple(program.ask("missing", folder=folder, wanted=_wanted(changes))["missing"])


def fetch(host: Host, program: Program, folder: str, changes: Sequence[PackageChange]) -> None:
    """Have the new versions in ``folder``, verified. Raises ClinicalError where one does not come."""
    make_folders(host, folder, 0o700)
    wanted = _wanted(changes)
    answer = program.ask("fetch", folder=folder, wanted=wanted)
    if answer["lost"]:
        hint = "Nothing was changed. Is the mirror reachable? Stage again; what was downloaded is kept."
        raise ClinicalError("Downloading", f"{len(wanted)} packages", "; ".join(answer["lost"]), hint)
    host.write(posixpath.join(folder, PATHS), json.dumps(answer["paths"]).encode(), 0o600, 0, 0, {})


def fetched(host: Host, folder: str, changes: Iterable[PackageChange]) -> list[str]:
    """Return where ``fetch`` laid the files of the changes; empty for one that it did not fetch."""
    path = posixpath.join(folder, PATHS)
    try:
        paths: Any = json.loads(host.read(path) or b"{}")
    except ValueError:
        paths = None
    if not isinstance(paths, dict) or not all(isinstance(place, str) for place in paths.values()):
        raise ClinicalError("Reading", path, "it is damaged", "Nothing was changed. Stage again.")
    return [paths.get("\t".join(row[:3]), "") for row in _wanted(changes)]


def keep(host: Host, program: Program, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
    """Keep the earlier versions: from a repository, which mostly has them too, else from dnf's cache.

    Raises ClinicalError where nobody has one any more.
    """
    going = [change for change in changes if change.old and not _makes_room(change)]
    make_folders(host, folder, 0o700)
    answer = program.ask("fetch", folder=folder, wanted=[[c.name, c.arch, c.old, ""] for c in going])
    places = [_place_of(host, folder, change, answer["paths"]) for change in going]
    lost = [f"{c.name}-{c.old}.{c.arch}" for c, (path, _how) in zip(going, places) if not path]
    if lost:
        problem = f"no repository and no cache has it any more: {', '.join(lost)}"
        hint = "Nothing was changed. Put the file below /var/cache/dnf, or into a repository, and stage again."
        raise ClinicalError("Keeping", "the earlier packages", problem, hint)
    sums = checksums(host, [path for path, _how in places])
    return tuple(
        KeptPackage(
            name=change.name,
            arch=change.arch,
            version=change.old,
            path=path,
            how=how,
            sha256=sums.get(path, ""),
        )
        for change, (path, how) in zip(going, places)
    )


def _makes_room(change: PackageChange) -> bool:
    """Return whether it is the oldest of many kernels that goes, which does not come back."""
    return change.change == REMOVE and stands_beside(change.name)


def _place_of(host: Host, folder: str, change: PackageChange, paths: Mapping[str, str]) -> tuple[str, str]:
    """Return the file of a version that goes, and how it came; two empty texts where nobody has it."""
    path = paths.get("\t".join((change.name, change.arch, change.old)))
    if path:
        return path, "mirror"
    name = f"{change.name}-{change.old.rpartition(':')[2]}.{change.arch}.rpm"
    own_path = posixpath.join(folder, name)
    for path in (own_path, *host.glob(f"/var/cache/dnf/*/packages/{name}")):
        if _is_version(host, path, change) and (path == own_path or _copies(host, path, own_path)):
            return own_path, "cache"
    return "", ""


def _copies(host: Host, path: str, target: str) -> bool:
    return host.run(["cp", "--reflink=auto", "--", path, target]).rc == 0


def _is_version(host: Host, path: str, change: PackageChange) -> bool:
    """Return whether a file is the earlier version of the change, undamaged."""
    if host.stat(path) is None or host.run(["rpm", "-K", "--nosignature", path]).rc != 0:
        return False
    done = host.run(["rpm", "-qp", "--nosignature", "--qf", f"%{{NAME}} %{{ARCH}} {EVR}", path])
    return done.out.strip() == f"{change.name} {change.arch} {change.old}"


def _wanted(changes: Iterable[PackageChange]) -> list[list[str]]:
    """Return name, architecture, version and checksum of what comes; a plan of earlier code names no checksum."""
    return [[c.name, c.arch, c.new, c.checksum] for c in changes if c.change != REMOVE]
