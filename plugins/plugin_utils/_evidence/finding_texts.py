# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of findings that are no control's, read from the data of roles: those about packages and systems."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.frameworks import STATUSES
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import HAZARDS, SEVERITIES, TIERS
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problems,
    check,
    read,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

_ROLES = Path(__file__).parents[3] / "roles"
PATCHING = _ROLES / "patching" / "catalogue" / "findings.yml"
CONFIGURATION = _ROLES / "evidence" / "catalogue" / "findings.yml"
_DOCUMENT = {"references": Field("list_of_maps", True), "findings": Field("list_of_maps", True)}
_REFERENCE = {
    "framework": Field("str", True),
    "title": Field("str", True),
    "status": Field("str", True, choices=STATUSES),
    "reference": Field("str", True),
    "strength": Field("str", True),
}
_FINDING = {
    "id": Field("str", True, pattern=r"(updates|configuration)_[a-z_]+"),
    "title": Field("str", True),
    "rationale": Field("str", True),
    "severity": Field("str", True, choices=SEVERITIES),
    "hazard": Field("str", True, choices=HAZARDS),
    "tier": Field("str", True, choices=TIERS),
    "subject": Field("str", True),
    "wanted": Field("str", True),
}


@dataclass(frozen=True)
class FindingText:
    """What stands in the data about one finding; ``references`` are those of all of them."""

    id: str
    title: str
    rationale: str
    severity: str
    hazard: str
    tier: str
    subject: str
    wanted: str
    references: tuple[Json, ...]


@lru_cache(maxsize=4)
def load(file: Path) -> dict[str, FindingText]:
    """Return the findings by id. Raises one ClinicalError with all that is wrong with the file."""
    problems = Problems()
    data = read(file, problems)
    if not problems and check(data, _DOCUMENT, Place(file, ""), problems):
        for number, reference in enumerate(data["references"]):
            check(reference, _REFERENCE, Place(file, f"reference {number}"), problems)
        for number, finding in enumerate(data["findings"]):
            check(finding, _FINDING, Place(file, f"finding {number}"), problems)
    problems.raise_if_any("Loading", str(file), "Nothing was recorded. Correct the data and run again.")
    references = tuple(dict(reference) for reference in data["references"])
    return {finding["id"]: FindingText(**finding, references=references) for finding in data["findings"]}
