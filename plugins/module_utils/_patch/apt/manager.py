# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's package manager as patching knows it. Private to the collection."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Collection, Iterable, List, Mapping, Sequence, Tuple

from ..._host.door import CommandResult, Host
from .. import checksums
from ..manager import Asked, Barred, Kept
from ..model import REMOVE, Change, Observed, Package
from . import files, narrow, unattended, versions
from . import install as work
from . import observe as look
from .answers import remembering
from .narrow import Narrowed
from .versions import DebianVersion

UPDATE_TIME = 600.0
_KERNEL = re.compile(r"^linux-image-(\d\S*?)(?:-unsigned)?$")


class Apt:
    """apt and dpkg of one host, at one moment."""

    def __init__(self, host: Host, now: datetime, lock_wait: int, check: bool) -> None:
        self.host = remembering(host, keeps=not check)
        self.now = now
        self.lock_wait = lock_wait

    def within(self, version: str, installed: str, candidate: str) -> bool:
        return versions.within(version, installed, candidate)

    def refresh(self) -> Tuple[str, ...]:
        done = self.host.run(
            ["apt-get", "update", "-q", "-o", f"DPkg::Lock::Timeout={self.lock_wait}"], timeout=UPDATE_TIME
        )
        told = [line[3:].strip() for line in done.err.splitlines() if line.startswith(("E: ", "W: "))]
        if done.rc == 0 and not any("ailed to fetch" in line or "not signed" in line for line in told):
            return ()
        return tuple(dict.fromkeys(told)) or (done.err_line,)

    def observe(self, free: Collection[str] = ()) -> Observed:
        return look.observe(self.host, self.now, free)

    def cves(self, refresh: bool) -> Tuple[str, ...]:
        return ()

    def narrowed(self, observed: Observed, chosen: Sequence[Change], barred: Barred) -> Narrowed:
        return narrow.narrowed(self.host, observed, chosen, barred)

    def installed(self) -> Mapping[str, Package]:
        return look.installed(self.host)

    def missing(self, folder: str, changes: Sequence[Change]) -> Tuple[str, ...]:
        return files.missing(self.host, folder, changes)

    def fetch(self, folder: str, changes: Sequence[Change]) -> None:
        files.fetch(self.host, folder, changes, self._words(changes))

    def keep(self, folder: str, changes: Iterable[Change]) -> Tuple[Kept, ...]:
        return files.keep(self.host, folder, changes)

    def install(self, folder: str, changes: Sequence[Change], log: str) -> CommandResult:
        return work.install(self.host, folder, self._words(changes), changes, log, self.lock_wait)

    def put_back(self, changes: Sequence[Change], kept: Sequence[Kept], log: str) -> CommandResult:
        return work.put_back(self.host, changes, kept, log, self.lock_wait)

    def repair(self, log: str) -> CommandResult:
        return work.repair(self.host, log)

    def suspend(self, again: bool) -> None:
        work.suspend(self.host, again)

    def resume(self) -> Tuple[Asked, ...]:
        return work.resume(self.host)

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        work.set_hold(self.host, names, held)

    def marks(self) -> str:
        return work.marks(self.host)

    def set_marks(self, marks: str, changes: Sequence[Change]) -> None:
        work.set_marks(self.host, marks, changes)

    def files(self, change: Change) -> Tuple[str, ...]:
        return files.files(self.host, change)

    def configuration(self, changes: Iterable[Change]) -> Tuple[str, ...]:
        return files.configuration(self.host, changes)

    def damaged(self, kept: Sequence[Kept]) -> Tuple[str, ...]:
        return checksums.damaged(self.host, kept)

    def unattended_updaters(self) -> Tuple[str, ...]:
        return unattended.unattended_updaters(self.host)

    def kernels(self, packages: Mapping[str, Package]) -> Tuple[str, ...]:
        names = (_KERNEL.match(p.name) for p in packages.values() if p.whole and not p.name.endswith("-dbg"))
        return tuple(sorted({found[1] for found in names if found}, key=DebianVersion))

    def _words(self, changes: Sequence[Change]) -> List[str]:
        return [f"{change.key}={change.new}" for change in changes if change.change != REMOVE]
