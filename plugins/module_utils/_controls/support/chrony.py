# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""chrony's configuration as chronyd reads it: directives in order, through included files and folders."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..._host.door import Host
from ..._host.dropin import ordered_files, read_text
from ..._text.lines import split_lines, split_lines_with_ends

MAIN = ("/etc/chrony/chrony.conf", "/etc/chrony.conf")
SOURCES = ("server", "pool", "peer")


@dataclass(frozen=True)
class Directive:
    """One line that counts: where it stands (``line`` from 0), its name in lower case, and its value."""

    path: str
    line: int
    name: str
    value: str


def directives(host: Host, path: str, depth: int = 0) -> Iterator[Directive]:
    """Yield every directive in reading order; ``include``, ``confdir`` and ``sourcedir`` are followed: chrony.conf(5).

    Raises ClinicalError where a file cannot be read.
    """
    for number, raw in enumerate(split_lines(read_text(host, path) or "")):
        line = raw.strip()
        if not line or line[0] in "!;#%":
            continue
        name, *values = line.split()
        directive = Directive(path=path, line=number, name=name.lower(), value=" ".join(values))
        yield directive
        if depth < 5:
            for included in _included(host, directive):
                yield from directives(host, included, depth + 1)


def _included(host: Host, directive: Directive) -> Sequence[str]:
    """Return the paths of the files that chronyd reads where a directive stands."""
    if not directive.value:
        return ()
    if directive.name == "include":
        return host.glob(directive.value)
    suffixes = {"confdir": "conf", "sourcedir": "sources"}
    if directive.name in suffixes:
        return ordered_files(host, directive.value.split(), f"*.{suffixes[directive.name]}")
    return ()


def main_file(host: Host) -> str:
    """Return the path of chrony's main file, Debian's where there is none."""
    return next((path for path in MAIN if host.stat(path) is not None), MAIN[0])


def sources_folder(configuration: Sequence[Directive]) -> str | None:
    """Return the folder for sources of our own that a configuration reads, None where it reads none below /etc."""
    for directive in configuration:
        for folder in directive.value.split():
            if directive.name == "sourcedir" and folder.startswith("/etc/"):
                return folder
    return None


def without(text: str, lines: Sequence[int]) -> str:
    """Return the text with some lines (from 0) made comments."""
    numbered = enumerate(split_lines_with_ends(text))
    return "".join(f"# healthops: {line}" if number in lines else line for number, line in numbered)


def with_directive(text: str, name: str, value: str, lines: Sequence[int]) -> str:
    """Return the text with a directive in place of the last of ``lines`` (from 0), at its end where there are none."""
    written = split_lines_with_ends(text)
    if written and not written[-1].endswith("\n"):
        written[-1] += "\n"
    if lines:
        written[lines[-1]] = f"{name} {value}\n"
    else:
        written.append(f"{name} {value}\n")
    return "".join(written)


def own_sources(folder: str) -> str:
    """Return the path of our own file in a folder for sources."""
    return posixpath.join(folder, "healthops.sources")
