# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Profiles: what is special about the kinds of systems that stand around a health record, as data.

A profile chooses values for tunables, leaves controls out, each with its reason, and names what such a host is there
for. It is read only where the inventory chooses one. What the site itself sets beats every profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.tunables import plain
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    nearest,
    read_mapping,
    show,
)

if TYPE_CHECKING:
    from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.load import Catalogue

VARIABLE = "hardening_profiles"

_PROFILE = {
    "id": Field("str", True, pattern=r"[a-z][a-z0-9_]{2,63}"),
    "title": Field("str", True, pattern=r"\S[^\n]*"),
    "about": Field("str", True),
    "purposes": Field("texts"),
    "values": Field("list_of_maps"),
    "exceptions": Field("list_of_maps"),
}
_VALUE = {"tunable": Field("str", True), "value": Field("any", True), "reason": Field("str", True)}
_EXCEPTION = {"control": Field("str", True), "reason": Field("str", True)}


@dataclass(frozen=True)
class Profile:
    """One kind of system. ``values`` holds value and reason by tunable, ``exceptions`` the reason by control."""

    id: str
    title: str
    about: str
    purposes: tuple[str, ...]
    values: dict[str, tuple[Any, str]]
    exceptions: dict[str, str]


@dataclass(frozen=True)
class Choice:
    """What the chosen profiles come to, together; the reasons name their profile."""

    profiles: tuple[Profile, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)

    @property
    def purposes(self) -> list[str]:
        """Return what the host is there for, each once."""
        return list(dict.fromkeys(purpose for profile in self.profiles for purpose in profile.purposes))

    def as_result(self) -> list[dict[str, str]]:
        """The profiles as the evidence names them."""
        return [{"id": profile.id, "title": profile.title} for profile in self.profiles]


def choose(catalogue: Catalogue, paths: Sequence[Path], given: Any, site: Any) -> Choice:
    """The profiles that a host is given, put together; ``site`` holds the tunables that the site has chosen itself.

    Raises one ClinicalError with all that is wrong in the data, in the names, and between profiles that disagree.
    """
    if not given:
        return Choice()
    problems = Problems()
    known = load(catalogue, paths, problems)
    chosen = [known[name] for name in _names(given, known, problems)]
    chosen_by_site = site if isinstance(site, Mapping) else {}
    values = _values(chosen, problems, chosen_by_site)
    problems.raise_if_any("Choosing", "the profiles", "No host was touched. Correct them and run again.")
    return Choice(tuple(chosen), values, _exceptions(chosen))


def _names(given: Any, known: Mapping[str, Profile], problems: Problems) -> list[str]:
    if not isinstance(given, (list, tuple)):
        problems.add(Problem(VARIABLE, 0, "", "", f"saw {show(given)}", "a list of profiles"))
        return []
    names = list(dict.fromkeys(str(name) for name in given))
    for name in names:
        if name not in known:
            fault = f"unknown profile {name!r}{nearest(name, known)}"
            problems.add(Problem(VARIABLE, 0, "", "", fault, ", ".join(sorted(known))))
    return [name for name in names if name in known]


def _values(chosen: Sequence[Profile], problems: Problems, site: Mapping[str, Any]) -> dict[str, Any]:
    """The value of each tunable. Where the site has chosen one, the profiles may think of it what they like."""
    values: dict[str, Any] = {}
    wanted_by: dict[str, Profile] = {}
    for profile in chosen:
        for name, (value, _reason) in profile.values.items():
            first = wanted_by.setdefault(name, profile)
            if name not in site and values.setdefault(name, value) != value:
                fault = f"profile {first.id} wants {show(values[name])}, profile {profile.id} wants {show(value)}"
                problems.add(
                    Problem(VARIABLE, 0, f"tunable {name}", "", fault, "your own value, in hardening_tunables")
                )
    return values


def _exceptions(chosen: Sequence[Profile]) -> dict[str, str]:
    reasons: dict[str, str] = {}
    for profile in chosen:
        for control, reason in profile.exceptions.items():
            sentence = f"profile {profile.id}: {reason}"
            reasons[control] = f"{reasons[control]} Also {sentence}" if control in reasons else sentence
    return reasons


def load(catalogue: Catalogue, paths: Sequence[Path], problems: Problems) -> dict[str, Profile]:
    """All profiles of the catalogue directories, whose profiles/ folders need not exist, by their ids."""
    known: dict[str, Profile] = {}
    for path in paths:
        folder = Path(path) / "profiles"
        for file in strict_yaml.files(folder) if folder.is_dir() else ():
            data = read_mapping(file, "one profile (a mapping)", problems)
            profile = _profile(data, file, catalogue, problems) if data is not None else None
            if profile and known.setdefault(profile.id, profile) is not profile:
                problems.add(Problem(str(file), 0, f"profile {profile.id}", "id", "the profile is defined twice"))
    return known


def _profile(data: strict_yaml.YamlMapping, file: Path, catalogue: Catalogue, problems: Problems) -> Profile | None:
    place = Place(file, f"profile {data.get('id', '(without id)')}")
    if not check(data, _PROFILE, place, problems):
        return None
    controls = {control.id for control in catalogue.controls}
    values = _items(data, "values", "tunable", _VALUE, catalogue.tunables, place, problems)
    for item in values:
        wrong = catalogue.tunables[item["tunable"]].not_allowed(plain(item["value"]))
        if wrong:
            inside = Place(file, place.owner, f"values.{item['tunable']}.")
            problems.add(inside.problem(item, "value", f"saw {show(item['value'])}", wrong))
    exceptions = _items(data, "exceptions", "control", _EXCEPTION, controls, place, problems)
    return Profile(
        data["id"],
        data["title"],
        _line(data["about"]),
        tuple(data.get("purposes", ())),
        {item["tunable"]: (plain(item["value"]), _line(item["reason"])) for item in values},
        {item["control"]: _line(item["reason"]) for item in exceptions},
    )


def _items(
    data: strict_yaml.YamlMapping,
    key: str,
    name: str,
    fields: Mapping[str, Field],
    known: Any,
    place: Place,
    problems: Problems,
) -> list[strict_yaml.YamlMapping]:
    """The good ones of a list of mappings, each about another thing (``name``) that is known."""
    good: dict[str, strict_yaml.YamlMapping] = {}
    for item in data.get(key, ()):
        about = item.get(name, "?") if isinstance(item, dict) else "?"
        inside = Place(place.file, place.owner, f"{key}.{about}.")
        if not check(item, fields, inside, problems):
            continue
        if about not in known:
            problems.add(inside.problem(item, name, f"unknown {name}{nearest(about, known)}"))
        elif about in good:
            problems.add(inside.problem(item, name, "it stands there twice"))
        else:
            good[about] = item
    return list(good.values())


def _line(text: str) -> str:
    return " ".join(text.split())
