# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who sets what in sshd's configuration: its files in reading order, with Include and Match."""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..._text.lines import split_lines

MAIN = "/etc/ssh/sshd_config"
_TIMES = frozenset({"clientaliveinterval", "logingracetime"})
#: A keyword, in quotes or not, then blanks or one =.
_SETTING = re.compile(r""""?(?P<option>[A-Za-z0-9]+)"?(?:[ \t]*=[ \t]*|[ \t]+|$)(?P<value>.*)""", re.DOTALL)
_ARGUMENT = re.compile(r"""(?:"(?:\\["\\]|[^"])*"|'(?:\\['\\]|[^'])*'|\\["'\\ ]|[^ \t"'])+""")
_PIECE = re.compile(r""""((?:\\["\\]|[^"])*)"|'((?:\\['\\]|[^'])*)'|\\(["'\\ ])|([^"'\\]+|\\)""")


@dataclass(frozen=True)
class Line:
    """One setting, in line ``number`` (from 1), with the arguments that it gives.

    ``match`` is the condition of its Match block, empty outside of any.
    """

    path: str
    number: int
    option: str
    arguments: tuple[str, ...]
    match: str

    @property
    def value(self) -> str:
        return " ".join(self.arguments)


def parse(path: str, text: str) -> Iterator[Line]:
    """Yield the settings of one file, Include and Match among them; options in lower case: sshd_config(5)."""
    match = ""
    for number, raw in enumerate(split_lines(text), 1):
        setting = _SETTING.match(raw.strip(" \t\r\f"))
        if setting is None:
            continue
        option, arguments = setting["option"].lower(), tuple(_arguments(setting["value"]))
        if option == "match":
            match = " ".join(arguments)
        yield Line(path=path, number=number, option=option, arguments=arguments, match=match)


def _arguments(value: str) -> Iterator[str]:
    """Yield the arguments of a value without their quotes; one that begins with # ends it."""
    for argument in _ARGUMENT.findall(value):
        if argument.startswith("#"):
            return
        yield _PIECE.sub(lambda piece: piece[1] or piece[2] or piece[3] or piece[4] or "", argument)


def patterns(line: Line) -> list[str]:
    """Return the patterns of an Include line; relative ones count from /etc/ssh."""
    return [posixpath.join("/etc/ssh", pattern) for pattern in line.arguments]


def normal(option: str, value: str) -> str:
    """Return a value as ``sshd -T`` prints it: times in seconds, and the two limits of RekeyLimit as numbers.

    >>> normal("ClientAliveInterval", "1m30s"), normal("RekeyLimit", "1G 1h")
    ('90', '1073741824 3600')
    """
    if option.lower() in _TIMES:
        return _seconds(value)
    if option.lower() == "rekeylimit":
        size, _blank, time = value.partition(" ")
        return f"{_bytes(size)} {_seconds(time or 'none')}"
    return value


def _bytes(size: str) -> str:
    number = re.fullmatch(r"([0-9]+)([KMG]?)", size, re.IGNORECASE)
    if number is None:
        return "0" if size == "default" else size
    return str(int(number[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[number[2].upper()])


def _seconds(time: str) -> str:
    if not re.fullmatch(r"([0-9]+[smhdw]?)+", time, re.IGNORECASE):
        return "0" if time == "none" else time
    units = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    parts = re.findall(r"([0-9]+)([a-z]?)", time.lower())
    return str(sum(int(number) * units[unit] for number, unit in parts))


def flatten(files: Mapping[str, str], path: str = MAIN, match: str = "", depth: int = 0) -> Iterator[Line]:
    """Yield every setting in the order in which sshd reads them, out of the texts of all files by path.
    The first one that is not inside a Match block is the one that counts.
    """
    for line in parse(path, files.get(path, "")):
        block = line.match or match
        if line.option == "include" and depth < 16:
            for pattern in patterns(line):
                for included in sorted(p for p in files if fnmatch.fnmatch(p, pattern)):
                    yield from flatten(files, included, block, depth + 1)
        elif line.option != "match":
            yield replace(line, match=block)


def first(files: Mapping[str, str], option: str) -> Line | None:
    """Return the line that decides an option for everybody, None where no file sets it."""
    return next((line for line in flatten(files) if line.option == option.lower() and not line.match), None)


def in_match(files: Mapping[str, str], option: str, main: str = MAIN) -> list[Line]:
    """Return the lines that decide an option for some, of a configuration that begins with the file ``main``."""
    lines = (line for line in flatten(files, main) if line.option == option.lower())
    return [line for line in lines if line.match.lower() not in ("", "all")]


def includes(files: Mapping[str, str], path: str) -> bool:
    """Return whether sshd reads ``path`` outside of any Match block."""
    lines = [line for p, text in files.items() if p != path for line in parse(p, text) if line.option == "include"]
    return any(fnmatch.fnmatch(path, pattern) for line in lines if not line.match for pattern in patterns(line))
