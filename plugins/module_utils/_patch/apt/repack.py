# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package file out of what is installed, for a version that neither cache nor mirror has any more."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..model import PackageChange
from .info import installed_files, read_info

DIVERSIONS = "/var/lib/dpkg/diversions"
PACK_TIME = 3600.0
_SCRIPTS = ("preinst", "postinst", "prerm", "postrm", "config")
#: Files beside the control file that a package brings; the list of its files is not among them.
_CONTROL = (*_SCRIPTS, "templates", "conffiles", "triggers", "shlibs", "symbols", "md5sums")
#: What dpkg says of an installed package and what is no field of a package file; conffiles are a file of their own.
_NOT_PACKED = ("Status", "Config-Version", "Conffiles")


def repack(host: Host, folder: str, target: str, change: PackageChange) -> None:
    """Make the package file ``target`` of what is installed; ``folder`` has room for its files meanwhile.

    Its configuration files are those of the site. Raises ClinicalError where packing fails.
    """
    tree = posixpath.join(folder, "tree")
    _run(host, ["rm", "-rf", "--one-file-system", "--", tree])
    host.mkdir(tree, 0o755, 0, 0)
    _copy_tree(host, tree, change)
    _write_control(host, f"{tree}/DEBIAN", change)
    _run(host, ["dpkg-deb", "-Zgzip", "--build", tree, f"{target}.part"])
    _run(host, ["mv", "--", f"{target}.part", target])
    _run(host, ["rm", "-rf", "--one-file-system", "--", tree])


def _copy_tree(host: Host, tree: str, change: PackageChange) -> None:
    """Copy the installed files below ``tree``; diverted ones are taken from where they are, and named as packed."""
    diverted = diversions(host, change)
    paths = packed(host, [diverted.get(path, path) for path in installed_files(host, change)])
    content = "".join(f"{path.lstrip('/')}\n" for path in paths)
    host.write(f"{tree}.list", content.encode("utf-8", "surrogateescape"), 0o600, 0, 0, {})
    tar = ["tar", "--file", f"{tree}.tar", "-C"]
    _run(host, [*tar, "/", "--create", "--no-recursion", "--ignore-failed-read", "--files-from", f"{tree}.list"])
    _run(host, [*tar, tree, "--extract", "--same-owner", "--preserve-permissions"])
    for path, place in diverted.items():
        if host.stat(f"{tree}{place}") is not None:
            _run(host, ["mv", "--", f"{tree}{place}", f"{tree}{path}"])
    for leftover in (f"{tree}.list", f"{tree}.tar"):
        host.remove(leftover)


def packed(host: Host, paths: Sequence[str]) -> list[str]:
    """Return the paths to pack. What is a link here and has files below it, as /lib is, is a folder in the package."""
    folders = {posixpath.dirname(path) for path in paths}
    links = {path for path in folders.intersection(paths) if _is_link(host, path)}
    return [path for path in paths if path not in ("/.", "/") and path not in links]


def _is_link(host: Host, path: str) -> bool:
    stat = host.stat(path)
    return stat is not None and stat.kind == "link"


def _run(host: Host, argv: Sequence[str]) -> None:
    done = host.run(argv, timeout=PACK_TIME)
    if done.rc != 0:
        raise ClinicalError("Packing again", argv[-1], done.err_line, "Nothing was changed. Is there enough space?")


def _write_control(host: Host, folder: str, change: PackageChange) -> None:
    """Write the control part, out of what dpkg keeps of an installed package."""
    host.mkdir(folder, 0o755, 0, 0)
    done = host.run(["dpkg-query", "--status", change.key])
    if done.rc != 0:
        raise ClinicalError("Reading what dpkg knows of", change.key, done.err_line)
    host.write(f"{folder}/control", control_of(done.out).encode(), 0o644, 0, 0, {})
    for name in _CONTROL:
        content = read_info(host, change, name)
        if content is not None:
            host.write(f"{folder}/{name}", content, 0o755 if name in _SCRIPTS else 0o644, 0, 0, {})


def control_of(status: str) -> str:
    """Return the fields of an installed package, as ``dpkg-query --status`` prints them, as a package file has them."""
    lines: list[str] = []
    passing = False
    for line in split_lines(status):
        if not line.startswith((" ", "\t")):
            passing = line.partition(":")[0] in _NOT_PACKED
        if line and not passing:
            lines.append(line)
    return "\n".join(lines) + "\n"


def diversions(host: Host, change: PackageChange) -> dict[str, str]:
    """Return path -> the place of each file of this package that another package has put aside."""
    paths = set(installed_files(host, change))
    diverted = parse_diversions(host.read_text(DIVERSIONS))
    return {path: place for path, (place, owner) in diverted.items() if path in paths and owner != change.name}


def parse_diversions(text: str) -> dict[str, tuple[str, str]]:
    """Return path -> where it went, and the package for which, of dpkg's diversions, which have three lines each."""
    lines = split_lines(text)
    return {lines[n]: (lines[n + 1], lines[n + 2]) for n in range(0, len(lines) - 2, 3)}
