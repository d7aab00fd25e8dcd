# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds that own a drop-in file share. Private to the collection."""

from __future__ import annotations

from typing import Mapping, Sequence

from .door import Host

HEADER = "# Managed by the Ansible collection healthops.clinical (baseline). Local changes belong in another file.\n"


def read_text(host: Host, path: str) -> str | None:
    """A configuration file's text, following a link as the program that reads it would; None where there is none."""
    info = host.stat(path)
    if info is None:
        return None
    content = host.read(host.resolve(path) if info.kind == "link" else path)
    return None if content is None else content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def ordered_files(host: Host, folders: Sequence[str], pattern: str = "*.conf") -> list[str]:
    """Drop-ins as systemd reads them: sorted by name; a name in an earlier folder hides it in a later one."""
    chosen: dict[str, str] = {}
    for folder in folders:
        for path in host.glob(f"{folder}/{pattern}"):
            chosen.setdefault(path.rsplit("/", 1)[1], path)
    return [path for _name, path in sorted(chosen.items())]


def with_header(lines: Sequence[str]) -> str:
    return HEADER + "".join(f"{line}\n" for line in lines)


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Our own drop-in keeps what earlier runs put there: only a revert takes a setting away."""
    return dict(sorted({**old, **new}.items()))
