# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds as lines of dnf's versionlock list, and marks of what was installed automatically."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Mapping, Sequence

from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from ..folders import make_folders
from ..model import INSTALL, InstalledPackage, PackageChange

VERSIONLOCK = "/etc/dnf/plugins/versionlock.list"
MARK_TIME = 600.0


def locks(host: Host) -> list[tuple[str, str]]:
    """Return name and line of each package that the versionlock list holds."""
    lines = split_lines(host.read_text(VERSIONLOCK))
    holding = [line for line in lines if line.split("#")[0].strip() and not line.startswith("!")]
    return [(line.split("#")[0].strip().rsplit("-", 2)[0], line) for line in holding]


def set_hold(host: Host, packages: Mapping[str, InstalledPackage], names: Sequence[str], held: bool) -> None:
    """Hold the packages of these keys, or hold them no longer; lines of others stay as they are."""
    chosen = [package for key, package in packages.items() if key in names]
    lines = split_lines(host.read_text(VERSIONLOCK))
    if held:
        lines += [f"{package.name}-{_with_epoch(package.version)}.*" for package in chosen]
    else:
        released = {package.name for package in chosen}
        ending = {line for name, line in locks(host) if name in released}
        lines = [line for line in lines if line not in ending]
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
