# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sets what in sshd's configuration: its files in reading order, with Include and Match."""

from __future__ import annotations

import fnmatch
import posixpath
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..._text.lines import split_lines

MAIN = "/etc/ssh/sshd_config"


@dataclass(frozen=True)
class Line:
    """One setting, in line ``number`` (from 1). ``match`` is the condition of its Match block, empty outside of any."""

    path: str
    number: int
    option: str
    value: str
    match: str


def parse(path: str, text: str) -> Iterator[Line]:
    """Yield the settings of one file, Include and Match among them; options in lower case: sshd_config(5)."""
    match = ""
    for number, raw in enumerate(split_lines(text), 1):
        fields = raw.strip().replace("=", " ", 1).split(None, 1)
        if not fields or fields[0].startswith("#"):
            continue
        option, value = fields[0].lower(), "".join(fields[1:]).strip()
        if option == "match":
            match = value
        yield Line(path=path, number=number, option=option, value=value, match=match)


def patterns(value: str) -> list[str]:
    """Return the patterns of an Include line; relative ones count from /etc/ssh."""
    return [posixpath.join("/etc/ssh", pattern) for pattern in shlex.split(value)]


def flatten(files: Mapping[str, str], path: str = MAIN, match: str = "", depth: int = 0) -> Iterator[Line]:
    """Yield every setting in the order in which sshd reads them, out of the texts of all files by path.
    The first one that is not inside a Match block is the one that counts.
    """
    for line in parse(path, files.get(path, "")):
        block = line.match or match
        if line.option == "include" and depth < 16:
            for pattern in patterns(line.value):
                for included in sorted(p for p in files if fnmatch.fnmatch(p, pattern)):
                    yield from flatten(files, included, block, depth + 1)
        elif line.option != "match":
            yield Line(path=line.path, number=line.number, option=line.option, value=line.value, match=block)


def first(files: Mapping[str, str], option: str) -> Line | None:
    """Return the line that decides an option for everybody, None where no file sets it."""
    return next((line for line in flatten(files) if line.option == option.lower() and not line.match), None)


def in_match(files: Mapping[str, str], option: str) -> list[Line]:
    """Return the lines that decide an option for some."""
    lines = (line for line in flatten(files) if line.option == option.lower())
    return [line for line in lines if line.match.lower() not in ("", "all")]


def includes(files: Mapping[str, str], path: str) -> bool:
    """Return whether sshd reads ``path`` outside of any Match block."""
    lines = [line for p, text in files.items() if p != path for line in parse(p, text) if line.option == "include"]
    return any(fnmatch.fnmatch(path, pattern) for line in lines if not line.match for pattern in patterns(line.value))
