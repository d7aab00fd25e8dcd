# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room for a change in /boot, /var and /."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .._errors import ClinicalError
from .._host.door import Host
from .._text.lines import split_lines
from .model import PackageChange, Space

PATHS = ("/", "/var", "/boot")
#: What always stays free: logs are written meanwhile, and package scripts make files of their own.
RESERVE = {"/": 64 << 20, "/var": 64 << 20, "/boot": 0}
#: A kernel with its initial file system, where none is there to be measured.
KERNEL = 96 << 20
_KERNELS = ("linux-image-", "kernel-core", "kernel-rt-core", "kernel-64k-core")
_ROW = re.compile(r"\s*(?P<free>[0-9]{1,19})\s+(?P<mount>.+)")


def space(host: Host, changes: Sequence[PackageChange]) -> tuple[Space, ...]:
    """Return free and needed bytes by path; paths on one file system share what is free, and each needs all of it.

    Raises ClinicalError where df cannot tell.
    """
    wanted = needed(changes)
    done = host.run(["df", "--block-size=1", "--output=avail,target", "--", *PATHS])
    rows = [match for match in map(_ROW.fullmatch, split_lines(done.out)[1:]) if match]
    if done.rc != 0 or len(rows) != len(PATHS):
        raise ClinicalError("Asking for the free space of", ", ".join(PATHS), done.err_line)
    together: dict[str, int] = {}
    for path, row in zip(PATHS, rows):
        together[row["mount"]] = together.get(row["mount"], 0) + wanted[path]
    return tuple(Space(path, int(row["free"]), together[row["mount"]]) for path, row in zip(PATHS, rows))


def needed(changes: Sequence[PackageChange]) -> dict[str, int]:
    """Return the bytes needed by path: a new version is unpacked beside the old one, both packages lie below /var."""
    if not changes:
        return dict.fromkeys(PATHS, 0)
    files = sum(change.installed_bytes for change in changes)
    downloads = sum(change.download_bytes for change in changes)
    kernels = sum(1 for change in changes if change.new and change.name.startswith(_KERNELS) and not change.old)
    return {"/": files + RESERVE["/"], "/var": 2 * downloads + RESERVE["/var"], "/boot": kernels * KERNEL}


def lacking(spaces: Iterable[Space]) -> tuple[str, ...]:
    """Return a sentence for each path that is too full."""
    return tuple(
        f"{space.path} has {_in_mebibytes(space.free_bytes)} free and needs {_in_mebibytes(space.needed_bytes)}"
        for space in spaces
        if not space.enough
    )


def _in_mebibytes(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"
