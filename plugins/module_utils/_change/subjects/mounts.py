# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options a file system is mounted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..._text.quoting import from_mount_field
from .base import Image, WholeSubject

#: What hardening adds, and the word that takes it away again in a remount.
OPPOSITE = {"nosuid": "suid", "nodev": "dev", "noexec": "exec", "nosymfollow": "symfollow"}


@dataclass(frozen=True)
class MountPoint:
    """One line of the kernel's mount table."""

    path: str
    source: str
    fstype: str
    options: tuple[str, ...]


def mounted(host: Host) -> dict[str, MountPoint]:
    """Return what is mounted, by its place; of several on one place, the one on top."""
    rows = [line.split(" ") for line in split_lines(host.read_text("/proc/self/mounts"))]
    points = [_point(row) for row in rows if len(row) >= 4]
    return {point.path: point for point in points}


def _point(row: Sequence[str]) -> MountPoint:
    return MountPoint(
        path=from_mount_field(row[1]),
        source=from_mount_field(row[0]),
        fstype=row[2],
        options=tuple(row[3].split(",")),
    )


@dataclass(frozen=True)
class MountOptions(WholeSubject):
    """Which of the hardening options a mounted file system runs with."""

    path: str
    type = "options of mount"
    COMES_WITH_OTHERS = True

    @property
    def name(self) -> str:
        return self.path

    def capture(self, host: Host) -> Image:
        """Return the hardening options that it is mounted with, sorted; None where nothing is mounted there."""
        point = mounted(host).get(self.path)
        return {"options": None if point is None else sorted(o for o in point.options if o in OPPOSITE)}

    def put(self, host: Host, image: Image) -> None:
        now = self.capture(host)["options"]
        if now is None or image["options"] is None or now == image["options"]:
            return
        lifted = [OPPOSITE[option] for option in now if option not in image["options"]]
        options = ",".join(["remount", *image["options"], *lifted])
        done = host.run(["mount", "-o", options, self.path])
        if done.rc != 0:
            raise ClinicalError("Remounting", self.path, done.err_line, "A program that runs from there may hold it.")
        if self.capture(host)["options"] != image["options"]:
            raise ClinicalError("Remounting", self.path, "its options are the same as before", "Who mounts it there?")
