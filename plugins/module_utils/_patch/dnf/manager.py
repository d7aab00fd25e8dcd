# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package manager of Enterprise Linux as patching knows it; each method's promise is in ``_patch.manager``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from ..._host.door import CommandResult, Host
from .. import checksums
from ..manager import BarCheck, KeptPackage, Narrowed, ServiceRequest
from ..model import InstalledPackage, Observed, PackageChange
from . import files, holds, unattended, versions
from . import install as work
from . import observe as look_at
from .program import Program


class Dnf:
    """dnf and rpm of one host, at one moment."""

    audit = "dnf check"

    def __init__(self, host: Host, now: datetime, lock_wait: int, check: bool = False) -> None:
        self.host = host
        self.now = now
        self.program = Program(host, lock_wait, check)

    def brings(self, version: str, installed: str, candidate: str) -> bool:
        return versions.brings(version, installed, candidate)

    def refresh(self) -> tuple[str, ...]:
        return tuple(self.program.ask("refresh")["failed"])

    def observe(self, released: Collection[str] = ()) -> Observed:
        return look_at.observe(self.host, self.program, self.now, released)

    def cves(self, refresh: bool) -> tuple[str, ...]:
        if refresh:
            self.refresh()
        return look_at.cves(self.program)

    def narrow(self, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
        return look_at.narrow(self.program, observed, chosen, barred)

    def installed(self) -> Mapping[str, InstalledPackage]:
        return look_at.installed(self.host)

    def files(self, change: PackageChange) -> tuple[str, ...]:
        return look_at.listed(self.host, "-ql", change)

    def configuration(self, changes: Iterable[PackageChange]) -> tuple[str, ...]:
        return look_at.configuration(self.host, changes)

    def kernels(self, packages: Mapping[str, InstalledPackage]) -> tuple[str, ...]:
        return look_at.kernels(self.host)

    def unattended_updaters(self) -> tuple[str, ...]:
        return unattended.unattended_updaters(self.host)

    def missing(self, folder: str, changes: Sequence[PackageChange]) -> tuple[str, ...]:
        return files.missing(self.program, folder, changes)

    def fetch(self, folder: str, changes: Sequence[PackageChange]) -> None:
        files.fetch(self.host, self.program, folder, changes)

    def keep(self, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
        return files.keep(self.host, self.program, folder, changes)

    def damaged(self, packages: Sequence[KeptPackage]) -> tuple[str, ...]:
        return checksums.damaged(self.host, packages)

    def install(self, folder: str, changes: Sequence[PackageChange], log: str) -> CommandResult:
        return work.install(self.host, self.program, folder, changes, log)

    def put_back(self, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str) -> CommandResult:
        return work.put_back(self.host, self.program, changes, packages, log)

    def repair(self, log: str) -> CommandResult:
        return work.repair(self.host, self.program, self.installed(), log)

    def suspend(self, again: bool) -> None:
        work.suspend(self.host, again)

    def resume(self) -> tuple[ServiceRequest, ...]:
        return work.resume(self.host)

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        if names:
            holds.set_hold(self.host, self.installed(), names, held)

    def marks(self) -> str:
        return holds.marks(self.host)

    def set_marks(self, marks: str, changes: Sequence[PackageChange]) -> None:
        holds.set_marks(self.host, self.installed().values(), marks, changes)
