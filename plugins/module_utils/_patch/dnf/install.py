# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""dnf at work: one transaction of exactly the set, with the restarts of services held back.

It runs as a unit of its own, so that it ends in order when the connection, or the process that waits for it, is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from ..folders import make_folders
from ..manager import KeptPackage, ServiceRequest
from ..model import INSTALL, REMOVE, InstalledPackage, PackageChange
from ..unit import as_unit
from . import files
from .observe import SOLVER_TIME
from .program import PLACE, Program

RESTARTS = f"{PLACE}/patch-dnf-restarts"
#: What of the scripts of packages would start or restart a service does nothing then; enabling still works.
_ENVIRONMENT = {"SYSTEMD_OFFLINE": "1", "NEEDRESTART_SUSPEND": "healthops"}
#: How the scripts of a package ask for a restart: by themselves, or with the marks that systemd collects.
_RESTARTS = re.compile(r"^.*?(?:mark-restart-system-units|try-restart|(?<!-)restart)\s+(.*)$", re.MULTILINE)
_UNIT = re.compile(r"[\w@.\\-]+\.(?:service|socket)")
#: Name, architecture, kind and version of a change that the transaction must have, and no other.
Expected = Sequence[Sequence[str]]


def install(host: Host, program: Program, folder: str, changes: Sequence[PackageChange], log: str) -> CommandResult:
    """Change exactly the set, out of ``folder`` alone."""
    going = [[c.name, c.arch, c.old] for c in changes if c.change == REMOVE]
    expected = [[c.name, c.arch, c.change, c.new or c.old] for c in changes]
    return _transact(host, program, files.fetched(host, folder, changes), going, expected, log)


def put_back(
    host: Host, program: Program, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str
) -> CommandResult:
    """Lay the kept files over what is installed; what the run brought goes again."""
    paths = {(package.name, package.arch): package.path for package in packages}
    back = [change for change in changes if change.old and (change.name, change.arch) in paths]
    going = [[change.name, change.arch, change.new] for change in changes if change.change == INSTALL]
    kinds = {REMOVE: INSTALL}
    expected = [[c.name, c.arch, kinds.get(c.change, "downgrade"), c.old] for c in back]
    expected += [[name, arch, REMOVE, version] for name, arch, version in going]
    return _transact(host, program, [paths[(c.name, c.arch)] for c in back], going, expected, log)


def _transact(
    host: Host, program: Program, paths: Sequence[str], going: Expected, expected: Expected, log: str
) -> CommandResult:
    names = [f"{name}.{arch}" for name, arch, *_kind_and_version in expected]
    unsaved = _without_rpmsave(host, names)
    _note_restarts(host, names)
    request = {"what": "transact", "files": list(paths), "remove": list(going), "expected": list(expected)}
    done = as_unit(host, program.prepare(request), log, _ENVIRONMENT)
    _keep_site_configuration(host, unsaved)
    return done


def repair(host: Host, program: Program, packages: Mapping[str, InstalledPackage], log: str) -> CommandResult:
    """Take out what a cut transaction had put in beside its earlier version: that one is still installed."""
    versions = {f"{package.name}.{package.arch}": package.version for package in packages.values()}
    stale = []
    for duplicate in program.ask("observe")["duplicates"]:
        name_and_arch, _blank, version = duplicate.partition(" ")
        if versions.get(name_and_arch, version) != version:
            name, _dot, arch = name_and_arch.rpartition(".")
            stale.append(f"{name}-{version.rpartition(':')[2]}.{arch}")
    if not stale:
        return CommandResult(argv=("rpm",), rc=0, out="", err="")
    return as_unit(host, ["rpm", "-e", "--nodeps", *stale], log, _ENVIRONMENT)


# --- restarts held back ---


def suspend(host: Host, again: bool) -> None:
    """Forget what was requested before, unless a cut run goes on; the environment of the transaction does the rest."""
    if not again:
        host.remove(RESTARTS)


def resume(host: Host) -> tuple[ServiceRequest, ...]:
    """Return what the scripts of the packages would have restarted, each unit once."""
    return tuple(ServiceRequest(unit, "restart") for unit in dict.fromkeys(host.read_text(RESTARTS).split()))


def _note_restarts(host: Host, names: Sequence[str]) -> None:
    """In a transaction nobody says what was requested, so it is read from the scripts before it begins."""
    scripts = host.run(["rpm", "-q", "--scripts", *names], timeout=SOLVER_TIME).out if names else ""
    units: list[str] = []
    for arguments in _RESTARTS.findall(scripts):
        units += _UNIT.findall(arguments)
    make_folders(host, PLACE, 0o700)
    host.append(RESTARTS, "".join(f"{unit}\n" for unit in units).encode())


# --- configuration files of the site ---


def _without_rpmsave(host: Host, names: Sequence[str]) -> tuple[str, ...]:
    """Return the configuration files of these packages that have no ``.rpmsave`` beside them yet."""
    listing = host.run(["rpm", "-qc", *names], timeout=SOLVER_TIME).out if names else ""
    paths = [line for line in split_lines(listing) if line.startswith("/")]
    return tuple(path for path in paths if host.stat(f"{path}.rpmsave") is None)


def _keep_site_configuration(host: Host, paths: Iterable[str]) -> None:
    """Put the site's files back where rpm put them aside for its own; rpm's lie beside them then."""
    for path in paths:
        saved, stat = host.read(f"{path}.rpmsave"), host.stat(f"{path}.rpmsave")
        new, new_stat = host.read(path), host.stat(path)
        if saved is None or stat is None:
            continue
        if new is not None and new_stat is not None:
            host.write(f"{path}.rpmnew", new, new_stat.mode, new_stat.uid, new_stat.gid, {})
        host.write(path, saved, stat.mode, stat.uid, stat.gid, host.xattrs(f"{path}.rpmsave"))
        host.remove(f"{path}.rpmsave")
