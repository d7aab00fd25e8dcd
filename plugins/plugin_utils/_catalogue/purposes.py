# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is there for, and which units, packages and kernel modules it keeps for that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

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

_PURPOSE = {
    "id": Field("str", True, pattern=r"[a-z][a-z0-9_]{2,63}"),
    "title": Field("str", True, pattern=r"\S[^\n]*"),
    "keeps": Field("texts", True, pattern=r"[\w@.:+-]+"),
}
#: A unit is named with its type.
_UNIT = Field("str", pattern=r"[\w@.:-]+\.(service|socket|timer|target|path|mount)")


def keeps(catalogues: Sequence[Path], purposes: Sequence[str], services: Sequence[str]) -> dict[str, str]:
    """The names that a host keeps, each with the reason. Raises one ClinicalError with all that is wrong."""
    problems = Problems()
    known = load(catalogues, problems) if purposes else {}
    reasons: dict[str, str] = {}
    for service in services:
        place = Place(Path("hardening_required_services"), "")
        check({"unit": service}, {"unit": _UNIT}, place, problems)
        reasons[service] = "hardening_required_services names it"
    for purpose in purposes:
        if purpose not in known:
            fault, allowed = f"saw {show(purpose)}{nearest(str(purpose), known)}", "one of " + ", ".join(sorted(known))
            problems.add(Problem("hardening_host_purposes", 0, "", "", fault, allowed))
        for name in known.get(purpose, ()):
            reasons.setdefault(name, f"this host is declared as {purpose}")
    try_this = "No host was touched. Correct the variables and run again."
    problems.raise_if_any("Reading", "what the host is for", try_this)
    return reasons


def load(catalogues: Sequence[Path], problems: Problems) -> dict[str, list[str]]:
    """The purposes of all catalogues by name; a site adds to a purpose of ours by naming it again."""
    purposes: dict[str, list[str]] = {}
    for catalogue in catalogues:
        folder = catalogue / "purposes"
        for file in strict_yaml.files(folder) if folder.is_dir() else ():
            for item in _items(file, problems):
                if check(item, _PURPOSE, Place(file, f"purpose {item.get('id', '')}"), problems):
                    purposes.setdefault(item["id"], []).extend(item["keeps"])
    return purposes


def _items(file: Path, problems: Problems) -> list[Mapping[str, Any]]:
    items = read(file, problems)
    if items is None:
        return []
    good: list[Mapping[str, Any]] = [i for i in items if isinstance(i, dict)] if isinstance(items, list) else []
    if not good or len(good) < len(items):
        problems.add(Problem(str(file), 1, "", "", f"saw {show(items)}", "a list of purposes"))
    return good
