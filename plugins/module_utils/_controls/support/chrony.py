# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""chrony's configuration as chronyd reads it: directives in order, through included files and folders."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..._host.door import Host
from ..._host.dropin import ordered_files, read_text

MAIN = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
SOURCES = ("server", "pool", "peer")


@dataclass(frozen=True)
class Directive:
    """One line that counts: where it stands, its name, and the rest."""

    path: str
    line: int
    name: str
    value: str


def directives(host: Host, path: str, depth: int = 0) -> Iterator[Directive]:
    """Every directive in reading order; ``include``, ``confdir`` and ``sourcedir`` are followed where they stand."""
    for number, raw in enumerate((read_text(host, path) or "").splitlines()):
        line = raw.strip()
        if not line or line[0] in "!;#%":
            continue
        name, _blank, value = line.partition(" ")
        found = Directive(path=path, line=number, name=name.lower(), value=value.strip())
        yield found
        if depth < 5:
            for other in _followed(host, found):
                yield from directives(host, other, depth + 1)


def _followed(host: Host, found: Directive) -> Sequence[str]:
    if found.name == "include":
        return host.glob(found.value)
    if found.name in ("confdir", "sourcedir"):
        suffix = "conf" if found.name == "confdir" else "sources"
        return ordered_files(host, found.value.split(), f"*.{suffix}")
    return ()


def main_file(host: Host) -> str:
    return next((path for path in MAIN if host.stat(path) is not None), MAIN[0])


def sources_folder(found: Sequence[Directive]) -> str:
    """The folder for sources of our own that this configuration reads, or nothing. What lies below /run is not ours."""
    folders = [word for d in found if d.name == "sourcedir" for word in d.value.split()]
    return next((folder for folder in folders if folder.startswith("/etc/")), "")


def without(text: str, lines: Sequence[int]) -> str:
    """The text with some lines made comments."""
    kept = text.splitlines(keepends=True)
    return "".join(f"# healthops: {line}" if number in lines else line for number, line in enumerate(kept))


def with_directive(text: str, name: str, value: str, lines: Sequence[int]) -> str:
    """The text with a directive where its last one stood, or at its end."""
    kept = text.splitlines(keepends=True)
    if kept and not kept[-1].endswith("\n"):
        kept[-1] += "\n"
    if lines:
        kept[lines[-1]] = f"{name} {value}\n"
    else:
        kept.append(f"{name} {value}\n")
    return "".join(kept)


def own_sources(folder: str) -> str:
    return posixpath.join(folder, "healthops.sources")
