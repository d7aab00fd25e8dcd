# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kinds that own a drop-in file share: read texts, order drop-ins, mark our own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .door import Host

HEADER = "# Managed by the Ansible collection healthops.clinical (baseline). Local changes belong in another file.\n"


def read_text(host: Host, path: str) -> str | None:
    """Return a configuration file's text, None where there is none.

    A link is followed, as by the program that reads the file.
    """
    info = host.stat(path)
    if info is None:
        return None
    content = host.read(host.resolve(path) if info.kind == "link" else path)
    if content is None:
        return None
    return content.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Return the bytes of a text that was read here, also of those bytes that were no UTF-8."""
    return text.encode("utf-8", "surrogateescape")


def ordered_files(host: Host, folders: Sequence[str], pattern: str = "*.conf") -> list[str]:
    """Return the drop-ins in systemd's order: sorted by name; a name in an earlier folder hides it in a later one."""
    chosen: dict[str, str] = {}
    for folder in folders:
        for path in host.glob(f"{folder}/{pattern}"):
            chosen.setdefault(path.rsplit("/", 1)[1], path)
    return [path for _name, path in sorted(chosen.items())]


def with_header(lines: Sequence[str]) -> str:
    """Return the text of a drop-in of our own."""
    return HEADER + "".join(f"{line}\n" for line in lines)


def merged(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return both settings, sorted: our own drop-in keeps what earlier runs put there, only a revert takes it away."""
    return dict(sorted({**old, **new}.items()))
