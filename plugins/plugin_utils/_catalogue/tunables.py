# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tunables: the few values of a catalogue that a site may choose, each within a range that the catalogue sets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    describe,
    nearest,
    not_allowed,
    show,
)

TYPES = ("int", "str", "bool", "list")
_ID = r"[a-z][a-z0-9_]{2,63}"
_TUNABLE = {
    "type": Field("str", True, choices=TYPES),
    "default": Field("any", True, may_be_empty=True),
    "about": Field("str", True),
    "min": Field("int"),
    "max": Field("int"),
    "choices": Field("list"),
    "pattern": Field("str"),
    "may_be_empty": Field("bool"),
}
# A value without a range would let a site weaken the control without anyone noticing, so each type has to have one.
_RANGES = {
    "int": (("min", "max"),),
    "str": (("choices",), ("pattern",)),
    "list": (("choices",), ("pattern",)),
    "bool": ((),),
}


@dataclass(frozen=True)
class Tunable:
    """One value that a site may choose. ``low`` and ``high`` bound a whole number, ``field`` holds type and range."""

    name: str
    field: Field
    low: int | None
    high: int | None
    default: Any
    about: str
    owner: str
    file: Path
    line: int

    def not_allowed(self, value: Any) -> str:
        """Return what would be allowed, where the value is not; empty where it is fine."""
        wrong = not_allowed(value, self.field)
        if not wrong and self.low is not None and self.high is not None:
            wrong = "" if self.low <= value <= self.high else "wrong"
        if wrong:
            return self.range()
        return ""

    def range(self) -> str:
        """The range in words."""
        if self.low is not None and self.high is not None:
            return f"a whole number from {self.low} to {self.high}"
        return describe(self.field)


def collect(item: strict_yaml.YamlMapping, file: Path, known: dict[str, Tunable], problems: Problems) -> None:
    """Add the tunables that one control defines. Their names are unique over the whole catalogue."""
    defined = item.get("tunables")
    if not isinstance(defined, strict_yaml.YamlMapping):
        return
    place = Place(file, f"control {item.get('id', '(without id)')}", "tunables.")
    for name, data in defined.items():
        if re.fullmatch(_ID, name) is None:
            problems.add(place.problem(defined, name, "not a tunable's name", f"a name of the form {_ID}"))
            continue
        tunable = _tunable(name, data, defined.line_of(name), place, problems)
        if tunable is None:
            continue
        first = known.setdefault(name, tunable)
        if first is not tunable:
            fault = f"the tunable is defined twice; {first.owner} ({first.file}:{first.line}) defines it too"
            problems.add(place.problem(defined, name, fault))


def _tunable(name: str, data: Any, line: int, place: Place, problems: Problems) -> Tunable | None:
    inside = Place(place.file, place.owner, f"tunables.{name}.")
    if not isinstance(data, strict_yaml.YamlMapping):
        problems.add(Problem(str(place.file), line, place.owner, f"tunables.{name}", f"saw {show(data)}", "a mapping"))
        return None
    if not check(data, _TUNABLE, inside, problems) or not _has_range(data, inside, problems):
        return None
    wanted = Field(
        data["type"], True, tuple(data.get("choices", ())), data.get("pattern"), data.get("may_be_empty", False)
    )
    tunable = Tunable(
        name,
        wanted,
        data.get("min"),
        data.get("max"),
        plain(data["default"]),
        data["about"],
        place.owner,
        place.file,
        line,
    )
    wrong = tunable.not_allowed(tunable.default)
    if wrong:
        problems.add(
            inside.problem(data, "default", f"saw {show(tunable.default)}, outside the tunable's own range", wrong)
        )
        return None
    return tunable


def _has_range(data: strict_yaml.YamlMapping, place: Place, problems: Problems) -> bool:
    ways = _RANGES[data["type"]]
    if not any(all(key in data for key in way) for way in ways):
        allowed = " or ".join(" and ".join(way) for way in ways)
        problems.add(
            place.problem(data, "type", f"a tunable of type {data['type']} without a range", f"with {allowed}")
        )
        return False
    fitting = {"type", "default", "about"} | {key for way in ways for key in way}
    fitting |= {"may_be_empty"} if data["type"] == "list" else set()
    for key in sorted(set(data) - fitting):
        problems.add(place.problem(data, key, f"means nothing for type {data['type']}", ", ".join(sorted(fitting))))
        return False
    return _is_regex(data, place, problems)


def _is_regex(data: strict_yaml.YamlMapping, place: Place, problems: Problems) -> bool:
    try:
        re.compile(data.get("pattern", ""))
    except re.error as error:
        problems.add(place.problem(data, "pattern", f"not a regular expression: {error}"))
        return False
    return True


def uses(settings: Mapping[str, Any]) -> set[str]:
    """The names of the tunables that settings refer to."""
    return {str(value["tunable"]) for value in settings.values() if _is_use(value)}


def _is_use(value: Any) -> bool:
    return isinstance(value, dict) and "tunable" in value


def check_uses(settings: Mapping[str, Any], place: Place, tunables: Mapping[str, Tunable], problems: Problems) -> bool:
    """Every ``{tunable: name}`` names a defined tunable, and holds nothing else."""
    fine = True
    for key, value in settings.items():
        if not _is_use(value):
            continue
        name = value["tunable"]
        if len(value) != 1 or not isinstance(name, str):
            problems.add(place.problem(settings, key, f"saw {show(value)}", "{tunable: name} and nothing beside it"))
            fine = False
        elif name not in tunables:
            problems.add(place.problem(settings, key, f"undefined tunable {name!r}{nearest(name, tunables)}"))
            fine = False
    return fine


def resolve(settings: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with every ``{tunable: name}`` replaced by its value, as plain JSON values."""
    return {key: plain(values[value["tunable"]] if _is_use(value) else value) for key, value in settings.items()}


def site_values(given: Any, tunables: Mapping[str, Tunable], problems: Problems) -> dict[str, Any]:
    """The value of every tunable: the site's where it has chosen one, else the default."""
    values = {name: tunable.default for name, tunable in tunables.items()}
    if not isinstance(given, Mapping):
        problems.add(Problem("hardening_tunables", 0, "", "", f"saw {show(given)}", "a mapping of tunable to value"))
        return values
    for name, value in given.items():
        if name not in tunables:
            fault = f"unknown tunable{nearest(str(name), tunables)}"
            problems.add(Problem("hardening_tunables", 0, "", str(name), fault))
            continue
        values[name] = _from_text(plain(value), tunables[name].field.type)
        wrong = tunables[name].not_allowed(values[name])
        if wrong:
            owner = tunables[name].owner
            problems.add(Problem("hardening_tunables", 0, owner, str(name), f"saw {show(value)}", wrong))
    return values


def _from_text(value: Any, wanted: str) -> Any:
    """``-e`` and templates hand over numbers and booleans as text; read those that can mean nothing else."""
    if wanted == "int" and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,15}", value):
        return int(value)
    if wanted == "bool" and isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return value


def plain(value: Any) -> Any:
    """The same value made of exact dict, list, str, int and bool: no line numbers, no tagged subclasses."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return int(value)
    return str(value) if isinstance(value, str) else value
