# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg keeps of an installed package: its files, its configuration files, and the parts of its control archive."""

from __future__ import annotations

from collections.abc import Iterable

from ..._host.door import Host
from ..._text.lines import split_lines
from ..model import PackageChange

INFO = "/var/lib/dpkg/info"


def read_info(host: Host, change: PackageChange, name: str) -> bytes | None:
    """Return what dpkg keeps of an installed package under a name, such as list or conffiles; None if nothing."""
    content = host.read(f"{INFO}/{change.name}.{name}")
    if content is not None:
        return content
    return host.read(f"{INFO}/{change.name}:{change.arch}.{name}")


def installed_files(host: Host, change: PackageChange) -> tuple[str, ...]:
    """Return the files of the installed version, as the package names them."""
    return tuple(split_lines((read_info(host, change, "list") or b"").decode("utf-8", "surrogateescape")))


def configuration(host: Host, changes: Iterable[PackageChange]) -> tuple[str, ...]:
    """Return the configuration files that dpkg knows of the installed versions, each once."""
    paths: list[str] = []
    for change in changes:
        lines = split_lines((read_info(host, change, "conffiles") or b"").decode("utf-8", "surrogateescape"))
        # Since dpkg 1.20.6 a line may begin with a flag, as for a file that the new version no longer has.
        paths += [line[line.find("/") :].strip() for line in lines if "/" in line]
    return tuple(dict.fromkeys(paths))
