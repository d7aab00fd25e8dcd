# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds as lines of dnf's versionlock list, and marks of what was installed automatically."""

from __future__ import annotations

import fnmatch
import posixpath
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from ..folders import make_folders
from ..model import INSTALL, InstalledPackage, PackageChange

VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
MARK_TIME = 600.0


def holding_patterns(host: Host) -> list[str]:
    """Return the patterns by which the versionlock list holds packages."""
    lines = [line.split("#")[0].strip() for line in split_lines(host.read_text(VERSIONLOCK))]
    return [line for line in lines if line and not line.startswith("!")]


def is_held(package: InstalledPackage, holding: Iterable[str]) -> bool:
    """Return whether a pattern of the versionlock list means the package, in any of the ways to write one."""
    version = package.version.rpartition(":")[2]
    named = [package.name, *(f"{package.name}-{v}" for v in (version, _with_epoch(package.version)))]
    spellings = [*named, f"{package.name}-{version.rpartition('-')[0]}", *(f"{name}.{package.arch}" for name in named)]
    return any(fnmatch.filter(spellings, pattern) for pattern in holding)


def set_hold(host: Host, packages: Mapping[str, InstalledPackage], names: Sequence[str], held: bool) -> None:
    """Hold the packages of these keys, or hold them no longer; lines of others stay as they are."""
    chosen = [package for key, package in packages.items() if key in names]
    lines = split_lines(host.read_text(VERSIONLOCK))
    if held:
        lines += [f"{package.name}-{_with_epoch(package.version)}.*" for package in chosen]
    else:
        released = {package.name for package in chosen}
        lines = [line for line in lines if line.split("#")[0].strip().rsplit("-", 2)[0] not in released]
    make_folders(host, posixpath.dirname(VERSIONLOCK), 0o755)
    host.write(VERSIONLOCK, "".join(f"{line}\n" for line in lines).encode(), 0o644, 0, 0, {})


def _with_epoch(version: str) -> str:
    """Return epoch:version-release with its epoch, as the versionlock list wants it."""
    return version if ":" in version else f"0:{version}"


def marks(host: Host) -> str:
    """Return name.arch of each package that somebody chose, one a line, sorted."""
    done = _run_dnf(host, "repoquery", "--userinstalled", "--qf", "%{name}.%{arch}")
    return "".join(f"{line}\n" for line in sorted(set(done.out.split())))


def set_marks(host: Host, packages: Collection[InstalledPackage], text: str, changes: Sequence[PackageChange]) -> None:
    """Make the marks of what the changes are about what ``marks`` returned; those of other packages stay.

    What came along is nobody's choice.
    """
    brought = {f"{change.name}.{change.arch}" for change in changes if change.change == INSTALL}
    concerned = {f"{change.name}.{change.arch}" for change in changes}
    concerned &= {f"{package.name}.{package.arch}" for package in packages}
    wanted, now = (set(text.split()) - brought) & concerned, set(marks(host).split()) & concerned
    for verb, names in (("install", wanted - now), ("remove", now - wanted)):
        if names:
            _run_dnf(host, "mark", verb, *sorted(names))


def _run_dnf(host: Host, *arguments: str) -> CommandResult:
    done = host.run(["dnf", "-q", "-C", "-y", *arguments], timeout=MARK_TIME)
    if done.rc != 0:
        raise ClinicalError("Asking", f"dnf {arguments[0]}", done.err_line, "Nothing was changed by that.")
    return done
