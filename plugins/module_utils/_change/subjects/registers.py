# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Taking one change of a text back and keeping what others changed in it since: by entry, or by line.

This is about texts alone; what a file is beside its text is the business of ``files``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .base import Conflict

#: Longer values are cut in a message.
SHOWN = 160
_MISSING = "not there"


@dataclass(frozen=True)
class Register:
    """How a text is made of entries: what parts them, and their name.

    Entries are compared field by field where ``fields`` parts those; ``members`` are the fields that are lists. What
    stands in ``secrets`` is never shown, and None is all of it.
    """

    key: Callable[[str], str]
    parted_by: str = "\n"
    fields: str = ""
    members: tuple[int, ...] = ()
    secrets: tuple[int, ...] | None = ()


@dataclass(frozen=True)
class Merged:
    """The text with our change taken back, and the entries that others have changed as well."""

    text: str
    conflicts: tuple[Conflict, ...] = ()


def _first_field(entry: str) -> str:
    return entry.partition(":")[0]


def _first_word(entry: str) -> str:
    if entry.strip() and not entry.lstrip().startswith("#"):
        return entry.split(None, 1)[0]
    return entry


def _entire_line(entry: str) -> str:
    return entry


def _mount(entry: str) -> str:
    """Return the place of a line of fstab; of swap, which has none, its source."""
    columns = entry.split()
    if len(columns) < 2 or columns[0].startswith("#"):
        return entry
    return columns[0] if columns[1] in ("none", "swap") else columns[1]


def _stanza(entry: str) -> str:
    """Return package and architecture of a stanza of apt."""
    lines = entry.split("\n")
    return " ".join(line.partition(":")[2].strip() for line in lines if line.startswith(("Package:", "Architecture:")))


REGISTERS: Mapping[str, Register] = {
    "/etc/passwd": Register(_first_field, fields=":", secrets=(1,)),
    "/etc/shadow": Register(_first_field, fields=":", secrets=None),
    "/etc/group": Register(_first_field, fields=":", members=(3,), secrets=(1,)),
    "/etc/gshadow": Register(_first_field, fields=":", members=(2, 3), secrets=None),
    "/etc/subuid": Register(_entire_line),
    "/etc/subgid": Register(_entire_line),
    "/etc/shells": Register(_entire_line),
    "/etc/fstab": Register(_mount, secrets=None),
    "/etc/crypttab": Register(_first_word, secrets=None),
    "/var/lib/apt/extended_states": Register(_stanza, parted_by="\n\n"),
}


def merge(path: str, before: str, ours: str, now: str, force: bool = False, readable: bool = True) -> Merged:
    """Return ``now`` without the change that led from ``before`` to ``ours``.

    Where others have changed the same since, theirs stays and is named; with ``force`` that becomes as it was before.
    The lines of a file that not everybody may read (not ``readable``) are named, and not shown.
    """
    if now in (before, ours):
        return Merged(before)
    register = REGISTERS.get(path)
    if register is None:
        return _merge_lines((before, ours, now), force, shown if readable else digest)
    return _merge_entries(register, before, ours, now, force)


# --- by entry ---


def _merge_entries(register: Register, before: str, ours: str, now: str, force: bool) -> Merged:
    old, new, present = (_entries(register, text) for text in (before, ours, now))
    result = dict(present)
    conflicts: list[Conflict] = []
    for key in dict.fromkeys([*new, *old]):
        was, made, is_now = old.get(key), new.get(key), present.get(key)
        if was == made or is_now == was:
            continue
        goal = was if is_now == made else _unlike(register, key, (was, made, is_now), force, conflicts)
        if goal is None:
            result.pop(key, None)
        elif key in result:
            result[key] = goal
        else:
            result = _inserted(result, key, goal, list(old))
    end = now[len(now.rstrip("\n")) :] or before[len(before.rstrip("\n")) :]
    return Merged(register.parted_by.join(result.values()) + end if result else "", tuple(conflicts))


def _entries(register: Register, text: str) -> dict[str, str]:
    """Return the entries by their keys in the order of the file; one that comes again has a number in its key."""
    entries: dict[str, str] = {}
    for entry in text.rstrip("\n").split(register.parted_by):
        key, number = register.key(entry), 1
        while (name := key if number == 1 else f"{key} ({number})") in entries:
            number += 1
        entries[name] = entry
    if text.strip("\n"):
        return entries
    return {}


def _unlike(
    register: Register,
    key: str,
    values: tuple[str | None, str | None, str | None],
    force: bool,
    conflicts: list[Conflict],
) -> str | None:
    """Return what becomes of an entry that is neither as before nor as we made it, and note what is in conflict."""
    was, made, is_now = values
    if is_now is None:  # others took it away
        return None
    if register.fields and was is not None and made is not None:
        parts = [value.split(register.fields) for value in (was, made, is_now)]
        if len({len(part) for part in parts}) == 1:
            return register.fields.join(_merge_fields(register, key, parts, force, conflicts))
    conflicts.append(Conflict(key, *(_shown(register, value) for value in values)))
    return was if force else is_now


def _merge_fields(
    register: Register, key: str, parts: Sequence[Sequence[str]], force: bool, conflicts: list[Conflict]
) -> list[str]:
    merged = []
    for number, (was, made, is_now) in enumerate(zip(*parts)):
        if was == made or is_now == was:
            merged.append(is_now)
        elif is_now == made:
            merged.append(was)
        elif number in register.members:
            merged.append(_merge_members(was, made, is_now))
        else:
            secret = register.secrets is None or number in register.secrets
            values = (digest(value) if secret else value for value in (was, made, is_now))
            conflicts.append(Conflict(f"{key}, field {number + 1}", *values))
            merged.append(was if force else is_now)
    return merged


def _merge_members(was: str, made: str, is_now: str) -> str:
    """Return the members now, without those that we added, and with those that we took away."""
    old, new, present = ([name for name in text.split(",") if name] for text in (was, made, is_now))
    members = [name for name in present if name in old or name not in new]
    return ",".join(members + [name for name in old if name not in new and name not in members])


def _inserted(entries: dict[str, str], key: str, entry: str, order: Sequence[str]) -> dict[str, str]:
    """Return the entries with one more, behind the nearest that stood before it in ``order``."""
    ahead = [name for name in order[: order.index(key)] if name in entries]
    names = list(entries)
    place = names.index(ahead[-1]) + 1 if ahead else 0
    items = list(entries.items())
    return dict([*items[:place], (key, entry), *items[place:]])


def _shown(register: Register, value: str | None) -> str:
    if value is None:
        return _MISSING
    if register.secrets is None:
        return digest(value)
    fields = value.split(register.fields) if register.fields else [value]
    return shown(register.fields.join("*" if n in register.secrets else field for n, field in enumerate(fields)))


def digest(value: str) -> str:
    """Return a word for a value that is not shown, the same for the same value."""
    if value:
        return f"sha256 {hashlib.sha256(value.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
    return "empty"


def shown(value: str) -> str:
    """Return a value on one line for people."""
    text = " ".join(value.encode("utf-8", "replace").decode().split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."


# --- by line ---


def _merge_lines(texts: tuple[str, str, str], force: bool, in_words: Callable[[str], str]) -> Merged:
    """Take our change back hunk by hunk, from the end, wherever its lines still stand as we left them."""
    old, new, present = (text.split("\n") for text in texts)
    places = _places(new, present)
    conflicts: list[Conflict] = []
    result = list(present)
    from difflib import SequenceMatcher  # no run reads it that only looks

    hunks = SequenceMatcher(None, new, old, autojunk=False).get_opcodes()
    for _tag, start, end, old_start, old_end in reversed([hunk for hunk in hunks if hunk[0] != "equal"]):
        first, last = places.get(start - 1, -1) + 1, places.get(end, len(present))
        known = (start == 0 or start - 1 in places) and (end == len(new) or end in places)
        was, made = old[old_start:old_end], new[start:end]
        intact = all(number in places for number in range(start, end))
        if intact and start < end and places[end - 1] - places[start] == end - 1 - start:
            first, last, known = places[start], places[end - 1] + 1, True
        elif start == end and known:  # lines that we took away come back where they stood
            last = first
        elif known and present[first:last] == was:
            continue
        else:
            is_now = present[first:last] if known else []
            conflicts.append(
                Conflict(f"line {first + 1}", *(in_words("\n".join(lines)) for lines in (was, made, is_now)))
            )
            if not (force and known):
                continue
        result[first:last] = was
    return Merged("\n".join(result), tuple(reversed(conflicts)))


def _places(ours: Sequence[str], now: Sequence[str]) -> dict[int, int]:
    """Return, for the lines that still stand, where they stand now."""
    from difflib import SequenceMatcher

    blocks = SequenceMatcher(None, ours, now, autojunk=False).get_matching_blocks()
    return {block.a + n: block.b + n for block in blocks for n in range(block.size)}
