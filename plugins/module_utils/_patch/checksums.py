# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums of package files on the host. Knows no package manager; apt and dnf both ask here."""

from __future__ import annotations

from collections.abc import Sequence

from .._host.door import Host
from .._text.lines import split_lines
from .manager import KeptPackage

#: Seconds; a disk that is busy reads some gigabytes of packages slowly.
READ_TIME = 3600.0


def checksums(host: Host, paths: Sequence[str]) -> dict[str, str]:
    """Return path -> SHA-256 in hexadecimal digits, of those files that can be read."""
    if not paths:
        return {}
    done = host.run(["sha256sum", "--", *paths], timeout=READ_TIME)
    pairs = (line.split("  ", 1) for line in split_lines(done.out))
    return {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def damaged(host: Host, packages: Sequence[KeptPackage]) -> tuple[str, ...]:
    """Return the paths of kept package files that are no longer what they were when they were kept."""
    sums = checksums(host, [package.path for package in packages])
    return tuple(package.path for package in packages if sums.get(package.path) != package.sha256)
