# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes of a host, out of /proc: the one walk over them, and what proc(5) says of each."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .._errors import ClinicalError
from .._text.lines import split_lines
from .._text.numbers import is_natural
from .door import Host

PROC = "/proc"
DELETED = " (deleted)"
_UNIT = re.compile(r"[^/]+\.(?:service|socket|scope)$")


@dataclass(frozen=True)
class Process:
    """One process. What is asked of it is empty where it has ended meanwhile, or the kernel keeps it from us."""

    host: Host
    pid: str

    @property
    def folder(self) -> str:
        return posixpath.join(PROC, self.pid)

    def text(self, name: str) -> str:
        """Return the text of one of its files, such as ``maps`` or ``cmdline``."""
        return read_volatile(self.host, posixpath.join(self.folder, name))

    @property
    def program(self) -> str:
        """Its name as the kernel has it, of at most 15 characters."""
        return self.text("comm").strip()

    @property
    def unit(self) -> str:
        """The unit of systemd that its control group belongs to."""
        return parse_unit(self.text("cgroup"))

    @property
    def executable(self) -> str:
        """The path of the program that it runs, also where that was deleted or replaced since."""
        return self._target(posixpath.join(self.folder, "exe")).replace(DELETED, "")

    def uid(self) -> int | None:
        """Return the number of the account that it belongs to, or None where it has ended.

        Raises ClinicalError where that cannot be read.
        """
        info = self.host.stat(self.folder)
        if info is None:
            return None
        return info.uid

    def socket_inodes(self) -> Iterator[int]:
        """Yield the inode of each socket that it holds open."""
        folder = posixpath.join(self.folder, "fd")
        try:
            names = self.host.listdir(folder)
        except ClinicalError:  # it ended meanwhile
            return
        for name in names:
            target = self._target(posixpath.join(folder, name))
            if target.startswith("socket:["):
                yield int(target[8:-1])

    def _target(self, link: str) -> str:
        try:
            info = self.host.stat(link)
        except ClinicalError:  # it ended meanwhile
            return ""
        if info is None:
            return ""
        return info.target


def processes(host: Host) -> Iterator[Process]:
    """Yield every process that runs now, in the order of the names of their folders."""
    for name in host.listdir(PROC):
        if is_natural(name):
            yield Process(host, name)


def parse_unit(cgroup: str) -> str:
    """Return the unit that the text of ``/proc/<pid>/cgroup`` names; empty where there is none."""
    for line in split_lines(cgroup):
        _number, _colon, below = line.partition(":")
        controllers, _colon, path = below.partition(":")
        if controllers in ("", "name=systemd"):
            units = [part for part in path.split("/") if _UNIT.fullmatch(part)]
            if units:  # a service may run others below it; those that people know stand first
                return units[0]
    return ""


def read_volatile(host: Host, path: str) -> str:
    """Return the text of a file of the kernel; empty where its process ended meanwhile or it is kept from us."""
    try:
        return host.read_text(path)
    except ClinicalError:
        return ""
