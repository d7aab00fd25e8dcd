# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sets what in sshd's configuration: its files in reading order, with Include and Match."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAIN = "/etc/ssh/sshd_config"


@dataclass(frozen=True)
class Line:
    """One setting; ``match`` holds the words of the Match block it stands in, or nothing. ``number`` counts from 1."""

    path: str
    number: int
    option: str
    value: str
    match: str


def parse(path: str, text: str) -> Iterator[Line]:
    """The settings of one file, Include and Match lines among them; option names in lower case."""
    match = ""
    for number, raw in enumerate(text.splitlines(), 1):
        words = raw.strip().replace("=", " ", 1).split(None, 1)
        if not words or words[0].startswith("#"):
            continue
        option, value = words[0].lower(), words[1].strip() if len(words) > 1 else ""
        if option == "match":
            match = value
        yield Line(path=path, number=number, option=option, value=value, match=match)


def patterns(value: str) -> list[str]:
    """The patterns of an Include line; relative ones count from /etc/ssh."""
    return [word if word.startswith("/") else f"/etc/ssh/{word}" for word in shlex.split(value)]


def flatten(files: Mapping[str, str], path: str = MAIN, match: str = "", depth: int = 0) -> Iterator[Line]:
    """Every setting in the order sshd reads them, out of the texts of all files by path.

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
    """The line that decides an option for everybody."""
    return next((line for line in flatten(files) if line.option == option.lower() and not line.match), None)


def in_match(files: Mapping[str, str], option: str) -> list[Line]:
    """The lines that decide an option for some."""
    lines = (line for line in flatten(files) if line.option == option.lower())
    return [line for line in lines if line.match.lower() not in ("", "all")]


def includes(files: Mapping[str, str], path: str) -> bool:
    """Whether sshd reads ``path`` outside of any Match block."""
    lines = [line for p, text in files.items() if p != path for line in parse(p, text) if line.option == "include"]
    return any(fnmatch.fnmatch(path, pattern) for line in lines if not line.match for pattern in patterns(line.value))
