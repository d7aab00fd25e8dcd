# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files: the new ones downloaded and verified, the earlier ones kept, else packed again by ``repack``.

A mirror keeps one version of a package, so the version that an upgrade replaces has to be kept before.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from ..checksums import checksums
from ..folders import make_folders
from ..manager import KeptPackage
from ..model import REMOVE, PackageChange
from . import read
from .observe import SOLVER_TIME
from .repack import repack

CACHE = "/var/cache/apt/archives"
FETCH_TIME = 3600.0
_AS_ROOT = ("-o", "APT::Sandbox::User=root")
_DOWNLOAD = (
    *("apt-get", "-y", "-q", "-d", "--allow-downgrades", "--no-install-recommends"),
    *("-o", "Acquire::Retries=2", "-o", "DPkg::Lock::Timeout=60"),
)
#: Name and version of a package -> its paragraph in the lists.
Records = Mapping[tuple[str, str], Mapping[str, str]]


def file_name(name: str, version: str, arch: str) -> str:
    """Return the name of a package's file as apt names it when it downloads it."""
    return f"{name}_{version.replace(':', '%3a')}_{arch}.deb"


def missing(host: Host, folder: str, changes: Sequence[PackageChange]) -> tuple[str, ...]:
    """Return the paths of files that are not in ``folder`` with the checksum of the plan.

    A plan of earlier code names none; that of the signed lists counts then.
    """
    wanted = [change for change in changes if change.change != REMOVE]
    paths = {change: _path_of(folder, change) for change in wanted}
    present = [path for path in paths.values() if host.stat(path) is not None]
    sums = checksums(host, present)
    unnamed = [(change, change.new) for change in wanted if not change.checksum]
    records = available(host, unnamed) if present else {}
    lacking = []
    for change, path in paths.items():
        expected = change.checksum or f"sha256:{records.get((change.name, change.new), {}).get('SHA256')}"
        if f"sha256:{sums.get(path, '')}" != expected:
            lacking.append(path)
    return tuple(lacking)


def fetch(host: Host, folder: str, changes: Sequence[PackageChange], packages: Sequence[str]) -> None:
    """Have the new versions in ``folder``; what lies there undamaged is not fetched again.

    ``packages`` names the changes as apt takes them. Raises ClinicalError where one does not come, or is another.
    """
    make_archive(host, folder)
    lacking = missing(host, folder, changes)
    if not lacking:
        return
    for path in lacking:  # apt takes a file of the right length for the right one
        host.remove(path)
    done = host.run([*_DOWNLOAD, "-o", f"Dir::Cache::archives={folder}/", "install", *packages], timeout=FETCH_TIME)
    if done.rc != 0:
        raise ClinicalError("Downloading", f"{len(lacking)} packages", _complaint(done), _advice(done))
    _copy_from_mounted(host, folder, changes, missing(host, folder, changes))
    lacking = missing(host, folder, changes)
    if lacking:
        problem = "they are not what was planned"
        raise ClinicalError("Verifying", ", ".join(lacking), problem, "Plan and stage again.")


def _copy_from_mounted(host: Host, folder: str, changes: Sequence[PackageChange], lacking: Sequence[str]) -> None:
    """Copy what apt leaves in a mirror that is mounted (``file:``), which may be gone in the window."""
    names = [f"{change.key}={change.new}" for change in changes if _path_of(folder, change) in lacking]
    if names:
        _download_into(host, folder, names)


def _download_into(host: Host, folder: str, names: Sequence[str]) -> None:
    """Have the files of these versions in ``folder`` itself, as far as a mirror has them."""
    host.run(["env", "-C", folder, "apt-get", "-q", *_AS_ROOT, "download", *names], timeout=FETCH_TIME)


def _path_of(folder: str, change: PackageChange) -> str:
    return posixpath.join(folder, file_name(change.name, change.new, change.arch))


def make_archive(host: Host, folder: str) -> None:
    """Make a directory that apt takes for its cache.

    apt downloads as a user of its own, who may see it but not change it.
    """
    make_folders(host, folder, 0o755)
    host.mkdir(posixpath.join(folder, "partial"), 0o700, host.uid("_apt") or 0, 0)


def _complaint(done: CommandResult) -> str:
    errors = [line[3:] for line in split_lines(done.err) if line.startswith("E: ")]
    return (errors or [done.err_line])[0]


def _advice(done: CommandResult) -> str:
    if "404" in done.err:
        return "The mirror no longer has this version: plan anew."
    return "Nothing was changed. Is the mirror reachable? Stage again; what was downloaded is kept."


def available(host: Host, wanted: Iterable[tuple[PackageChange, str]]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the lists' paragraphs of these versions, by name and version; only of those that a mirror has."""
    names = [f"{change.key}={version}" for change, version in wanted]
    if not names:
        return {}
    done = host.run(["apt-cache", "show", *names], timeout=SOLVER_TIME)
    parts = [part for part in read.paragraphs(done.out) if "Filename" in part and "Package" in part]
    return {(part["Package"], part["Version"]): part for part in reversed(parts)}


# --- the versions that are replaced ---


def keep(host: Host, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
    """Keep the package file of every version that goes: from the cache, from the mirror, else packed again."""
    going = [change for change in changes if change.old]
    records = available(host, [(change, change.old) for change in going])
    packages: dict[str, KeptPackage] = {}
    for change in going:
        package = _from_cache(host, folder, change, records.get((change.name, change.old), {}))
        if package:
            packages[change.key] = package
    lacking = [change for change in going if change.key not in packages]
    packages.update(_from_mirror(host, folder, [c for c in lacking if (c.name, c.old) in records], records))
    for change in going:
        if change.key not in packages:
            path = posixpath.join(folder, file_name(change.name, change.old, change.arch))
            repack(host, folder, path, change)
            packages[change.key] = _note(host, change, path, "repacked")
    return tuple(packages[change.key] for change in going)


def _from_cache(host: Host, folder: str, change: PackageChange, record: Mapping[str, str]) -> KeptPackage | None:
    """Return the file where an earlier run kept it, or where apt did; None where neither has it."""
    name = file_name(change.name, change.old, change.arch)
    target = posixpath.join(folder, name)
    if _is_version(host, target, change, record):
        how = host.read(f"{target}.how") or b"cache"
        return _note(host, change, target, how.decode())
    cached = posixpath.join(CACHE, name)
    if _is_version(host, cached, change, record):
        _copy(host, cached, target)
        return _note(host, change, target, "cache")
    return None


def _is_version(host: Host, path: str, change: PackageChange, record: Mapping[str, str]) -> bool:
    """Return whether a file is this version, undamaged: by the list's checksum, else by reading all of it."""
    if host.stat(path) is None:
        return False
    if record.get("SHA256"):
        return checksums(host, [path]).get(path) == record["SHA256"]
    done = host.run(["dpkg-deb", "--field", path, "Package", "Version", "Architecture"])
    fields = next(read.paragraphs(done.out), {})
    identity = (fields.get("Package"), fields.get("Version"), fields.get("Architecture"))
    return identity == (change.name, change.old, change.arch) and host.run(["dpkg-deb", "--contents", path]).rc == 0


def _copy(host: Host, path: str, target: str) -> None:
    done = host.run(["cp", "--reflink=auto", "--", path, f"{target}.part"], timeout=FETCH_TIME)
    if done.rc == 0:
        done = host.run(["mv", "--", f"{target}.part", target])
    if done.rc != 0:
        raise ClinicalError("Keeping", target, done.err_line, "Nothing was changed.")


def _note(host: Host, change: PackageChange, path: str, how: str) -> KeptPackage:
    """Write beside a kept file how it was had, and return it with its checksum."""
    host.write(f"{path}.how", how.encode(), 0o600, 0, 0, {})
    return KeptPackage(
        name=change.name,
        arch=change.arch,
        version=change.old,
        path=path,
        how=how,
        sha256=checksums(host, [path]).get(path, ""),
    )


def _from_mirror(host: Host, folder: str, changes: Sequence[PackageChange], records: Records) -> dict[str, KeptPackage]:
    """Return those that a mirror still has, by key. One that does not come is no error: it is packed again."""
    if not changes:
        return {}
    _download_into(host, folder, [f"{change.key}={change.old}" for change in changes])
    packages = {}
    for change in changes:
        path = posixpath.join(folder, file_name(change.name, change.old, change.arch))
        if _is_version(host, path, change, records[(change.name, change.old)]):
            packages[change.key] = _note(host, change, path, "mirror")
    return packages
