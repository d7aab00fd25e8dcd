# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's package manager as patching knows it; each method's promise is in ``_patch.manager``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from .. import checksums
from ..manager import BarCheck, KeptPackage, Narrowed, ServiceRequest
from ..model import REMOVE, InstalledPackage, Observed, PackageChange
from . import files, holds, info, narrow, unattended, versions
from . import install as work
from . import observe as look_at
from .answers import remembering
from .versions import DebianVersion

UPDATE_TIME = 600.0
_KERNEL = re.compile(r"^linux-image-(\d\S*?)(?:-unsigned)?$")


class Apt:
    """apt and dpkg of one host, at one moment."""

    audit = "dpkg --audit"

    def __init__(self, host: Host, now: datetime, lock_wait: int, check: bool) -> None:
        self.host = remembering(host, keeps=not check)
        self.now = now
        self.lock_wait = lock_wait

    def brings(self, version: str, installed: str, candidate: str) -> bool:
        return versions.brings(version, installed, candidate)

    def refresh(self) -> tuple[str, ...]:
        done = self.host.run(
            ["apt-get", "update", "-q", "-o", f"DPkg::Lock::Timeout={self.lock_wait}"], timeout=UPDATE_TIME
        )
        complaints = [line[3:].strip() for line in split_lines(done.err) if line.startswith(("E: ", "W: "))]
        if done.rc == 0 and not any("ailed to fetch" in line or "not signed" in line for line in complaints):
            return ()
        return tuple(dict.fromkeys(complaints)) or (done.err_line,)

    def observe(self, released: Collection[str] = ()) -> Observed:
        return look_at.observe(self.host, self.now, released)

    def cves(self, refresh: bool) -> tuple[str, ...]:
        return ()

    def narrow(self, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
        return narrow.narrow(self.host, observed, chosen, barred)

    def installed(self) -> Mapping[str, InstalledPackage]:
        return look_at.installed(self.host)

    def files(self, change: PackageChange) -> tuple[str, ...]:
        return info.installed_files(self.host, change)

    def configuration(self, changes: Iterable[PackageChange]) -> tuple[str, ...]:
        return info.configuration(self.host, changes)

    def kernels(self, packages: Mapping[str, InstalledPackage]) -> tuple[str, ...]:
        names = [p.name for p in packages.values() if p.intact and not p.name.endswith("-dbg")]
        releases = {match[1] for match in map(_KERNEL.match, names) if match}
        return tuple(sorted(releases, key=DebianVersion))

    def unattended_updaters(self) -> tuple[str, ...]:
        return unattended.unattended_updaters(self.host)

    def missing(self, folder: str, changes: Sequence[PackageChange]) -> tuple[str, ...]:
        return files.missing(self.host, folder, changes)

    def fetch(self, folder: str, changes: Sequence[PackageChange]) -> None:
        files.fetch(self.host, folder, changes, _coming(changes))

    def keep(self, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
        return files.keep(self.host, folder, changes)

    def damaged(self, packages: Sequence[KeptPackage]) -> tuple[str, ...]:
        return checksums.damaged(self.host, packages)

    def install(self, folder: str, changes: Sequence[PackageChange], log: str) -> CommandResult:
        return work.install(self.host, folder, _coming(changes), changes, log, self.lock_wait)

    def put_back(self, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str) -> CommandResult:
        return work.put_back(self.host, changes, packages, log, self.lock_wait)

    def repair(self, log: str) -> CommandResult:
        return work.repair(self.host, log)

    def suspend(self, again: bool) -> None:
        work.suspend(self.host, again)

    def resume(self) -> tuple[ServiceRequest, ...]:
        return work.resume(self.host)

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        holds.set_hold(self.host, names, held)

    def marks(self) -> str:
        return holds.marks(self.host)

    def set_marks(self, marks: str, changes: Sequence[PackageChange]) -> None:
        holds.set_marks(self.host, self.installed(), marks, changes)


def _coming(changes: Sequence[PackageChange]) -> list[str]:
    """Return what comes as apt takes it: package=version."""
    return [f"{change.key}={change.new}" for change in changes if change.change != REMOVE]
