# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check catalogue data against tables of fields, and word what is wrong with it in one line each.

The same few functions serve controls, their settings, tunables and frameworks, so that every message has one form:
``FILE:LINE: control ID: KEY: saw WHAT; allowed: WHAT``.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml

MOST_SHOWN = 25


@dataclass(frozen=True)
class Field:
    """One key of a mapping. ``type`` is a key of _TYPE_WORDS; ``choices`` and ``pattern`` hold for each item."""

    type: str
    required: bool = False
    choices: tuple[Any, ...] = ()
    pattern: str | None = None
    may_be_empty: bool = False


@dataclass(frozen=True)
class Problem:
    """One thing wrong, and where. ``owner`` is like "control sshd_banner"; ``line`` is 0 where there is none."""

    file: str
    line: int
    owner: str
    key: str
    fault: str
    allowed: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = ": ".join(part for part in (place, self.owner, self.key) if part) + f": {self.fault}"
        return f"{text}; allowed: {self.allowed}" if self.allowed else text


@dataclass
class Problems:
    """All problems of one load or selection, told together: one round of corrections instead of many."""

    items: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        self.items.append(problem)

    def __bool__(self) -> bool:
        return bool(self.items)

    def raise_if_any(self, doing: str, subject: str, try_this: str) -> None:
        """Raises one ClinicalError that names every problem (the first MOST_SHOWN of them), sorted by place."""
        if not self.items:
            return
        lines = [str(item) for item in sorted(self.items, key=lambda item: (item.file, item.line))]
        if len(lines) > MOST_SHOWN:
            lines[MOST_SHOWN:] = [f"and {len(lines) - MOST_SHOWN} more"]
        if len(lines) == 1:
            raise ClinicalError(doing, subject, lines[0], try_this)
        raise ClinicalError(doing, subject, f"{len(self.items)} problems\n  " + "\n  ".join(lines), "\n" + try_this)


@dataclass(frozen=True)
class Place:
    """Where a mapping stands: its file, who it belongs to, and the path of keys that leads to it ("settings.")."""

    file: Path
    owner: str
    prefix: str = ""

    def problem(self, data: Mapping[str, Any], key: str, fault: str, allowed: str = "") -> Problem:
        """Return a problem with a key, at its line where the data knows it; an empty key is the mapping itself."""
        line = data.line_of(key) if isinstance(data, strict_yaml.YamlMapping) else 0
        return Problem(
            str(self.file), line, self.owner, f"{self.prefix}{key}" if key else self.prefix.rstrip("."), fault, allowed
        )


def nearest(name: str, known: Iterable[str]) -> str:
    """The hint "did you mean X?" for a mistyped word, or nothing."""
    close = difflib.get_close_matches(name, list(known), n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return ""


def show(value: Any) -> str:
    """A value as a person wrote it, short enough for one line."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, (dict, list)):
        text = f"a {'mapping' if isinstance(value, dict) else 'list'} {value!r}"
    else:
        text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def read(file: Path, problems: Problems) -> Any:
    """Return what one file holds, as ``strict_yaml.read`` does; None, and a problem more, where it is no such YAML."""
    try:
        return strict_yaml.read(file)
    except strict_yaml.BadYaml as error:
        problems.add(Problem(str(file), error.line, "", error.key, error.fault))
        return None


def read_mapping(file: Path, allowed: str, problems: Problems) -> strict_yaml.YamlMapping | None:
    """Return the mapping that a file holds; None, and a problem that says what is ``allowed``, where it holds none."""
    data = read(file, problems)
    if data is None or isinstance(data, strict_yaml.YamlMapping):
        return data
    problems.add(Problem(str(file), 1, "", "", f"saw {show(data)}", allowed))
    return None


def check(data: Any, fields: Mapping[str, Field], place: Place, problems: Problems) -> bool:
    """Every key known, every required key there, every value of its type and range. True where nothing was wrong."""
    before = len(problems.items)
    if not isinstance(data, dict):
        name = place.prefix.rstrip(".")
        problems.add(
            Problem(
                str(place.file),
                0,
                place.owner,
                name,
                f"saw {show(data)}",
                "a mapping with " + ", ".join(sorted(fields)),
            )
        )
        return False
    for key in data:
        if key not in fields:
            fault = f"unknown key{nearest(key, fields)}"
            problems.add(place.problem(data, key, fault, ", ".join(sorted(fields))))
    for key, wanted in fields.items():
        if key in data:
            allowed = not_allowed(data[key], wanted)
            if allowed:
                problems.add(place.problem(data, key, f"saw {show(data[key])}{_hint(data[key], wanted)}", allowed))
        elif wanted.required:
            problems.add(place.problem(data, key, "missing key", describe(wanted)))
    return len(problems.items) == before


def _hint(value: Any, wanted: Field) -> str:
    if wanted.choices and isinstance(value, str):
        return nearest(value, [str(choice) for choice in wanted.choices])
    return ""


def not_allowed(value: Any, wanted: Field) -> str:
    """Return what would be allowed, where the value is not; empty where it is fine."""
    if not _is_type(value, wanted.type):
        return describe(wanted)
    parts = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not value:
        if wanted.may_be_empty:
            return ""
        return "at least one item"
    if not all(_in_range(part, wanted) for part in parts):
        return describe(wanted)
    return ""


def _in_range(part: Any, wanted: Field) -> bool:
    if wanted.choices and part not in wanted.choices:
        return False
    return not wanted.pattern or re.fullmatch(wanted.pattern, str(part)) is not None


def _is_type(value: Any, name: str) -> bool:
    if name == "any":
        return True
    if name == "list":
        return isinstance(value, list) and all(isinstance(item, (str, int)) for item in value)
    if name == "texts":
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if name == "scalar":
        return isinstance(value, (str, int))
    if name == "int":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "str":
        return isinstance(value, str) and bool(value.strip())
    return isinstance(value, {"bool": bool, "map": dict, "list_of_maps": list}[name])


_TYPE_WORDS = {
    "str": "text that is not empty (quote numbers)",
    "int": "a whole number",
    "bool": "true or false",
    "scalar": "text, a whole number, true or false",
    "list": "a list of text or numbers",
    "texts": "a list of text (quote numbers)",
    "map": "a mapping",
    "list_of_maps": "a list of mappings",
    "any": "anything",
}


def describe(wanted: Field) -> str:
    """A field's type and range in words."""
    many = "a list of " if wanted.type in ("list", "texts") else ""
    if wanted.choices:
        return many + ("any of " if many else "one of ") + ", ".join(str(choice) for choice in wanted.choices)
    if wanted.pattern:
        return f"{_TYPE_WORDS[wanted.type]} of the form {wanted.pattern}"
    return _TYPE_WORDS[wanted.type]
