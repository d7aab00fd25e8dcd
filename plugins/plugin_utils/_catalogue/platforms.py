# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a control is on other distributions: the ``differs`` of its data, checked here and chosen by the host.

A control is written for Debian. ``differs`` names families and distributions where something is otherwise: settings
that are put over its own, ``applies`` that is put over its own, or another ``kind`` altogether, which brings all its
settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import with_differences
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    nearest,
    read,
    show,
)

FAMILIES = ("Debian", "RedHat")
#: Each distribution that data may name, and its family.
DISTRIBUTIONS = {
    "Debian": "Debian",
    "Ubuntu": "Debian",
    "RedHat": "RedHat",
    "AlmaLinux": "RedHat",
    "CentOS": "RedHat",
    "OracleLinux": "RedHat",
    "Rocky": "RedHat",
}

_PATH = r"/.*"
_PACKAGE = r"[a-zA-Z0-9][a-zA-Z0-9.+_-]+"
_ANYWHERE = {
    "container": Field("bool"),
    "requires_package": Field("list", pattern=_PACKAGE),
    "requires_path": Field("list", pattern=_PATH),
    "unless_container_engine": Field("bool", choices=(True,)),
    "unless_path": Field("list", pattern=_PATH),
}
_APPLIES = {"families": Field("list", choices=FAMILIES), "distributions": Field("map"), **_ANYWHERE}
_VERSIONS = Field("texts", pattern=r"\S+")
_PLATFORM = {
    "distribution": Field("str", True, choices=tuple(DISTRIBUTIONS)),
    "version": Field("str", True, pattern=r"[\d.]+"),
    "title": Field("str", True, pattern=r"\S[^\n]*"),
    "tested": Field("bool", True),
}


@dataclass(frozen=True)
class Platform:
    """A system that the controls are written for; ``tested`` where they were held against a real one."""

    distribution: str
    version: str
    title: str
    tested: bool

    def has(self, applies: Mapping[str, Any]) -> bool:
        """Return True if a control that applies there concerns it, whatever else the host would have to have."""
        family = DISTRIBUTIONS[self.distribution]
        versions = applies.get("distributions", {self.distribution: [self.version]})
        named = [str(version) for version in versions.get(self.distribution, ())]
        return family in applies.get("families", (family,)) and self.version in named


@dataclass(frozen=True)
class Variant:
    """A control as it is on one family or distribution."""

    kind: str
    settings: Mapping[str, Any]
    applies: Mapping[str, Any]

    def on(self, differs: Mapping[str, Mapping[str, Any]], name: str) -> Variant:
        """The same where ``name`` is the family or distribution; the host does likewise with its facts."""
        variant = self
        for step in dict.fromkeys((DISTRIBUTIONS[name], name)):
            if step in differs:
                variant = Variant(*with_differences(variant.kind, variant.settings, variant.applies, differs[step]))
        return variant

    def concerns(self, name: str) -> bool:
        """Return True if the control is meant for that family or distribution at all."""
        family = DISTRIBUTIONS[name]
        named = self.applies.get("distributions", {name: ()})
        return family in self.applies.get("families", (family,)) and (name in named or name in FAMILIES)


def load(file: Path, problems: Problems) -> tuple[Platform, ...]:
    """The platforms of a catalogue's platforms.yml, in its order."""
    items = read(file, problems)
    if items is None:
        return ()
    if not isinstance(items, list):
        problems.add(Problem(str(file), 1, "", "", f"saw {show(items)}", "a list of platforms"))
        return ()
    return tuple(Platform(**item) for item in items if check(item, _PLATFORM, Place(file, "platform"), problems))


def check_applies(applies: Any, place: Place, problems: Problems) -> bool:
    """Check where a control applies, in data as it was read; return False where something is wrong."""
    if not isinstance(applies, strict_yaml.YamlMapping):
        return True  # absent, or already told as a wrong type
    fine = check(applies, _APPLIES, Place(place.file, place.owner, "applies."), problems)
    distributions = applies.get("distributions")
    if isinstance(distributions, strict_yaml.YamlMapping):
        inside = Place(place.file, place.owner, "applies.distributions.")
        fine &= check(distributions, dict.fromkeys(DISTRIBUTIONS, _VERSIONS), inside, problems)
    return fine


def check_differs(item: strict_yaml.YamlMapping, kinds: Iterable[str], place: Place, problems: Problems) -> bool:
    """Check what differs elsewhere: known names that it concerns, each with a mapping; the settings come later."""
    differs = item.get("differs")
    if not isinstance(differs, strict_yaml.YamlMapping):
        return True
    before = len(problems.items)
    families = item["applies"].get("families", FAMILIES) if isinstance(item.get("applies"), dict) else FAMILIES
    inside = Place(place.file, place.owner, "differs.")
    for name, difference in differs.items():
        if name not in DISTRIBUTIONS:
            fault = f"unknown family or distribution{nearest(name, DISTRIBUTIONS)}"
            problems.add(inside.problem(differs, name, fault, ", ".join(DISTRIBUTIONS)))
        elif DISTRIBUTIONS[name] not in families:
            fault = f"the control does not apply to {DISTRIBUTIONS[name]}"
            problems.add(inside.problem(differs, name, fault, "a platform that applies.families holds"))
        elif not isinstance(difference, strict_yaml.YamlMapping) or not difference:
            problems.add(inside.problem(differs, name, f"saw {show(difference)}", "a mapping of what differs"))
        else:
            _check_difference(difference, kinds, Place(place.file, place.owner, f"differs.{name}."), problems)
    return len(problems.items) == before


def _check_difference(
    difference: strict_yaml.YamlMapping, kinds: Iterable[str], place: Place, problems: Problems
) -> None:
    if "applies" in difference:
        check(difference["applies"], _ANYWHERE, Place(place.file, place.owner, f"{place.prefix}applies."), problems)
    if "kind" in difference and difference["kind"] not in kinds:
        fault = f"unknown resource kind {difference['kind']!r}{nearest(str(difference['kind']), kinds)}"
        problems.add(place.problem(difference, "kind", fault, ", ".join(sorted(kinds))))
