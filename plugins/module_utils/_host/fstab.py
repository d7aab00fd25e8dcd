# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of file systems, read as systemd-fstab-generator reads it, of which mount(8) takes no line more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .._text.lines import split_lines, split_lines_with_ends
from .._text.quoting import from_mount_field, mount_field

FSTAB = "/etc/fstab"
_FIELD = re.compile(r"[^ \t\n]+")
#: Escapes, and those that systemd takes for what they stand for, as getmntent(3) does.
_ESCAPE = re.compile(r"\\([0-3][0-7]{2}|\\)")
_KNOWN_ESCAPES = ("\\040", "\\011", "\\012", "\\134", "\\\\")
#: What stands at the place of what is mounted nowhere.
_NOWHERE = ("none", "swap")


@dataclass(frozen=True)
class Entry:
    """One line that is no comment. ``line`` counts from 0; ``place`` is where it is mounted, as systemd spells that.

    ``problem`` is why not both programs take the line, as the end of a sentence; ``is_fatal`` where the generator then
    fails, or nobody knows what the line is about.
    """

    line: int
    place: str
    options: tuple[str, ...]
    problem: str | None = None
    is_fatal: bool = False


def entries(text: str) -> list[Entry]:
    """Return every line that says what is mounted, sound or not; of a place that is named twice neither is."""
    rows = [(number, _FIELD.findall(line)) for number, line in enumerate(split_lines(text))]
    read = [_entry(number, fields) for number, fields in rows if fields and not fields[0].startswith("#")]
    places = [entry.place for entry in read]
    return [_as_duplicate(entry) if _is_twice(entry, places) else entry for entry in read]


def _entry(number: int, fields: Sequence[str]) -> Entry:
    raw = from_mount_field(fields[1]) if len(fields) > 1 else ""
    problem = _fatal_problem(raw) or _escape_problem(fields[1:2])
    is_fatal = problem is not None
    return Entry(
        line=number,
        place=simplify(raw),
        options=tuple(option for option in _field(fields, 3).split(",") if option),
        problem=problem or _lesser_problem(fields) or _escape_problem(fields[3:4]),
        is_fatal=is_fatal,
    )


def _field(fields: Sequence[str], index: int) -> str:
    if len(fields) > index:
        return from_mount_field(fields[index])
    return ""


def _fatal_problem(place: str) -> str | None:
    """Return why it is not known where a line is mounted, None where it is."""
    if not place.startswith("/") and place not in _NOWHERE:
        return "its second field is no path"
    if ".." in place.split("/"):
        return "its path goes back with .."
    return None


def _escape_problem(fields: Sequence[str]) -> str | None:
    """Return why systemd and mount(8) read a field otherwise, None where they read it alike."""
    escapes = [match[0] for field in fields for match in _ESCAPE.finditer(field)]
    strange = [escape for escape in escapes if escape not in _KNOWN_ESCAPES]
    return f"systemd does not know {strange[0]}" if strange else None


def _lesser_problem(fields: Sequence[str]) -> str | None:
    """Return why mount(8) passes a line over, None where it does not."""
    if len(fields) < 3:
        return "it has no type of file system"
    if len(fields) == 4 and fields[3].endswith("\r"):
        return "it ends with a carriage return, which mount(8) takes for part of an option"
    numbers = fields[4:6]
    if all(re.fullmatch(r"\d+\r?", field) for field in numbers):
        return None
    return "its last fields are no numbers"


def simplify(place: str) -> str:
    """Return a path without what says nothing: /tmp for /tmp/, //tmp and /./tmp."""
    if not place.startswith("/"):
        return place
    return "/" + "/".join(part for part in place.split("/") if part not in ("", "."))


def _is_twice(entry: Entry, places: Sequence[str]) -> bool:
    return entry.place.startswith("/") and places.count(entry.place) > 1


def _as_duplicate(entry: Entry) -> Entry:
    return replace(entry, problem=f"{entry.place} is named more than once", is_fatal=True)


def with_options(text: str, entry: Entry, options: Sequence[str]) -> str:
    """Return the text with these options in the line of an entry; every other byte stays as it is."""
    lines = split_lines_with_ends(text)
    line = lines[entry.line]
    fields = list(_FIELD.finditer(line))
    written = ",".join(map(mount_field, options))
    if len(fields) > 3:
        start, end = fields[3].span()
    else:
        start = end = fields[-1].end()
        written = f"\t{written}"
    lines[entry.line] = line[:start] + written + line[end:]
    return "".join(lines)


def with_line(text: str, source: str, place: str, fstype: str, options: Sequence[str]) -> str:
    """Return the text with one line more."""
    lines = split_lines_with_ends(text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    fields = [mount_field(source), mount_field(place), fstype, ",".join(map(mount_field, options)), "0", "0"]
    return "".join([*lines, "\t".join(fields) + "\n"])
