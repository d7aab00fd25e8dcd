# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a run have in common, kept once: in memory, and in run.json. Private to the collection.

Two hundred hosts with 250 controls have 50,000 findings, and each brings its control's text and references along.
"""

from __future__ import annotations

from collections.abc import Iterable

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import FRAMEWORK_KEYS, Json, canonical

#: What of a control stands under "controls" in run.json rather than with each finding.
TOLD_ONCE = ("rationale", "references")
_Reference = list[Json]


class Shared:
    """Lets equal texts and references of one control be the same object."""

    def __init__(self) -> None:
        self._known: dict[str, list[Json]] = {}

    def of(self, result: Json) -> Json:
        """The result, with what an earlier one had just so taken from there."""
        if not result.get("findings"):
            return result
        return {**result, "findings": [self._finding(finding) for finding in result["findings"]]}

    def _finding(self, finding: Json) -> Json:
        several = self._known.setdefault(finding["id"], [])
        for text in several:
            if all(text[key] == finding[key] for key in text):
                return {**finding, **text}
        several.append({key: finding[key] for key in ("title", *TOLD_ONCE)})
        return finding


class Wordings:
    """Finds the name under which a finding's control is told: its id, and ``id~2`` where hosts word one differently.

    References that are one object are looked at once.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, str, str], str] = {}
        self._seen: dict[tuple[str, str, int], tuple[str, _Reference]] = {}
        self._count: dict[str, int] = {}
        self.controls: dict[str, Json] = {}

    def name(self, finding: Json) -> str:
        """Return the name of the wording that findings of this control share; a new one where the words differ."""
        at_once = (finding["id"], finding["rationale"], id(finding["references"]))
        if at_once not in self._seen:  # the references are kept too, so that nothing else can come to lie there
            self._seen[at_once] = (self._wording_name(finding), finding["references"])
        return self._seen[at_once][0]

    def _wording_name(self, finding: Json) -> str:
        control = str(finding["id"])
        wording = (control, finding["rationale"], canonical(finding["references"]).decode("utf-8"))
        if wording not in self._names:
            number = self._count[control] = self._count.get(control, 0) + 1
            self._names[wording] = name = control if number == 1 else f"{control}~{number}"
            references = [
                {key: value for key, value in reference.items() if key not in ("title", "status")}
                for reference in finding["references"]
            ]
            self.controls[name] = {"rationale": finding["rationale"], "references": references}
        return self._names[wording]


def stored(run: Json) -> Json:
    """The bundle as run.json holds it. ``control`` names the entry under "controls" where that is not the id."""
    wordings = Wordings()
    hosts = {name: _without_texts(result, wordings) for name, result in run["hosts"].items()}
    return {**run, "hosts": hosts, "controls": wordings.controls}


def _without_texts(result: Json, wordings: Wordings) -> Json:
    if not result.get("findings"):
        return result
    findings = []
    for finding in result["findings"]:
        lean = {key: value for key, value in finding.items() if key not in TOLD_ONCE}
        name = wordings.name(finding)
        findings.append(lean if name == finding["id"] else {**lean, "control": name})
    return {**{key: value for key, value in result.items() if key != "frameworks"}, "findings": findings}


def frameworks(results: Iterable[Json]) -> dict[str, Json]:
    """Every framework that a control of these results supports, by id, with what is known of it."""
    known: dict[str, Json] = {}
    seen: set[int] = set()
    for result in results:
        for name, about in result.get("frameworks", {}).items():
            known.setdefault(name, {}).update({key: about[key] for key in FRAMEWORK_KEYS if key in about})
        for finding in result.get("findings", []):
            if id(finding["references"]) in seen:
                continue
            seen.add(id(finding["references"]))
            for reference in finding["references"]:
                about = known.setdefault(reference["framework"], {})
                about.setdefault("title", reference["title"])
                about.setdefault("status", reference.get("status", "guidance"))
    return {name: known[name] for name in sorted(known)}
