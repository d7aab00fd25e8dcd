# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frameworks: which regulation or guidance each control supports, as data.

A file under frameworks/ either is a framework (a header and its references), or extends one of another catalogue
directory (``extends: ID`` and its own references): a site links its own controls without repeating the header.
Private to this collection.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.frameworks import STATUSES
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problems,
    check,
    nearest,
    read_mapping,
    show,
)

#: What one control supports: the strength by reference, by framework.
References = dict[str, dict[str, str]]

# supports: helps towards the reference, which asks for more or for other things as well.
# partial: does a part of what the reference asks of one server.
# full: does all that the reference asks of one server; people and paper may still be needed beside it.
STRENGTHS = ("supports", "partial", "full")

_HEADER = {
    "id": Field("str", True, pattern=r"[a-z][a-z0-9_]{2,63}"),
    "title": Field("str", True),
    "version": Field("str", True),
    "status": Field("str", True, choices=STATUSES),
    "as_of": Field("str", True, pattern=r"\d{4}-\d{2}-\d{2}"),
    "source": Field("str", True),
    "quotable": Field("bool", True),
    "grammar": Field("str", True),
    "references": Field("list_of_maps", True),
}
_EXTENSION = {"extends": Field("str", True), "references": Field("list_of_maps", True)}
_REFERENCE = {
    "id": Field("str", True),
    "controls": Field("list", True),
    "strength": Field("str", True, choices=STRENGTHS),
    "about": Field("str"),
}


@dataclass(frozen=True)
class Reference:
    """One paragraph of a framework, and the controls that support it with one strength."""

    id: str
    controls: tuple[str, ...]
    strength: str


@dataclass
class Framework:
    """A framework's header and its references."""

    id: str
    title: str
    version: str
    status: str
    as_of: str
    source: str
    quotable: bool
    grammar: str
    references: list[Reference] = field(default_factory=list)


def load(folders: Sequence[Path], controls: set[str], problems: Problems) -> tuple[Framework, ...]:
    """All frameworks of the directories' frameworks/ folders, which need not exist."""
    known: dict[str, Framework] = {}
    extensions: list[tuple[strict_yaml.YamlMapping, Path]] = []
    for folder in folders:
        for file in strict_yaml.files(folder) if folder.is_dir() else ():
            data = read_mapping(file, "one framework (a mapping)", problems)
            if data is not None and "extends" in data:
                extensions.append((data, file))
            elif data is not None:
                _add_framework(data, file, known, controls, problems)
    for data, file in extensions:
        _extend(data, file, known, controls, problems)
    return tuple(known.values())


def by_control(frameworks: Sequence[Framework]) -> dict[str, References]:
    """By control id what it supports, in the order of the files."""
    supported: dict[str, References] = {}
    for framework in frameworks:
        for reference in framework.references:
            for control in reference.controls:
                supported.setdefault(control, {}).setdefault(framework.id, {})[reference.id] = reference.strength
    return supported


def describe(frameworks: Sequence[Framework]) -> dict[str, dict[str, Any]]:
    """By id what a reader must know of each framework: its title, version, status and so on, without its references."""
    keys = ("title", "version", "status", "as_of", "source", "quotable")
    return {framework.id: {key: getattr(framework, key) for key in keys} for framework in frameworks}


def _add_framework(
    data: strict_yaml.YamlMapping, file: Path, known: dict[str, Framework], controls: set[str], problems: Problems
) -> None:
    place = Place(file, f"framework {data.get('id', '(without id)')}")
    if not check(data, _HEADER, place, problems):
        return
    try:
        re.compile(data["grammar"])
    except re.error as error:
        problems.add(place.problem(data, "grammar", f"not a regular expression: {error}"))
        return
    if data["id"] in known:
        problems.add(place.problem(data, "id", "the framework is defined twice", f"extends: {data['id']}"))
        return
    header = {key: data[key] for key in _HEADER if key != "references"}
    framework = Framework(**header)
    known[framework.id] = framework
    _add_references(data, framework, place, controls, problems)


def _extend(
    data: strict_yaml.YamlMapping, file: Path, known: dict[str, Framework], controls: set[str], problems: Problems
) -> None:
    place = Place(file, f"framework {data['extends']}")
    if not check(data, _EXTENSION, place, problems):
        return
    if data["extends"] not in known:
        problems.add(
            place.problem(data, "extends", f"unknown framework{nearest(data['extends'], known)}", ", ".join(known))
        )
        return
    _add_references(data, known[data["extends"]], place, controls, problems)


def _add_references(
    data: strict_yaml.YamlMapping, framework: Framework, place: Place, controls: set[str], problems: Problems
) -> None:
    for item in data["references"]:
        inside = Place(
            place.file, place.owner, f"references.{item.get('id', '?')}." if isinstance(item, dict) else "references."
        )
        if check(item, _REFERENCE, inside, problems) and _fits(item, framework, inside, controls, problems):
            framework.references.append(Reference(item["id"], tuple(item["controls"]), item["strength"]))


def _fits(item: Any, framework: Framework, place: Place, controls: set[str], problems: Problems) -> bool:
    before = len(problems.items)
    if re.fullmatch(framework.grammar, item["id"]) is None:
        problems.add(place.problem(item, "id", f"saw {show(item['id'])}", f"an id of the form {framework.grammar}"))
    linked = {name for reference in framework.references if reference.id == item["id"] for name in reference.controls}
    for name in item["controls"]:
        if name not in controls:
            problems.add(
                place.problem(item, "controls", f"no control has the id {name!r}{nearest(str(name), controls)}")
            )
        if name in linked:
            problems.add(place.problem(item, "controls", f"control {name} is linked twice to {item['id']}"))
        linked.add(name)
    return len(problems.items) == before
