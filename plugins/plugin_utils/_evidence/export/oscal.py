# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""oscal.json: OSCAL assessment results. Private to the collection.

It claims no more than was done. There is no assessment plan, and the document says so where one is to be named. Its
findings are about the controls of our own catalogue; which references of which frameworks those support stands beside
them, and that a framework's control is satisfied is nowhere said. What is unknown is not satisfied.

The hosts are inventory items. An observation is one control with one result, with the hosts that have it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    NAMESPACE,
    PRODUCT,
    Files,
    began,
    day,
    describe_verdicts,
    ended,
    findings,
    name_of,
    silent,
    text,
    waived,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
)

VERSION = "1.1.2"
#: With these on every host to which it applies a control is as wanted; any other result means that it is not.
SATISFIED = ("pass", "fixed", "notapplicable")
NO_PLAN = (
    "There is no assessment plan. These results were made by an automated run of a configuration baseline; what it "
    "looked at is the catalogue that the result names by its digest, and whom it looked at are the inventory items."
)
NO_HOST = "No host gave a result, so nothing was observed about any control."

_Cases = dict[str, dict[str, list[tuple[str, Json]]]]


def export(run: Json) -> Files:
    """Return the run as assessment results of OSCAL in canonical JSON."""
    return {"oscal.json": canonical({"assessment-results": _document(run)})}


def _document(run: Json) -> Json:
    plan, catalogue = name_of("oscal", "plan", run["run_id"]), name_of("oscal", "catalogue", run["run_id"])
    digest = text((run["catalogue"] or {}).get("digest")) or "of several digests, see run.json"
    return {
        "uuid": name_of("oscal", run["run_id"]),
        "metadata": {
            "title": f"{run['mode'].capitalize()} of run {run['run_id']}",
            "last-modified": ended(run),
            "version": run["run_id"],
            "oscal-version": VERSION,
        },
        "import-ap": {"href": f"#{plan}", "remarks": NO_PLAN},
        "results": [_result(run, catalogue)],
        "back-matter": {
            "resources": [
                {"uuid": plan, "title": "No assessment plan", "description": NO_PLAN},
                {
                    "uuid": catalogue,
                    "title": f"Catalogue of {PRODUCT}",
                    "description": f"The controls that the hosts were held against, with their settings: {digest}",
                },
            ]
        },
    }


def _result(run: Json, catalogue: str) -> Json:
    cases = _by_control(run)
    hosts = sorted({*run["hosts"], *(name for name, _why in silent(run))})
    observations = [
        *_silent(run),
        *(observation for control in cases for observation in _observations(run, control, cases[control])),
    ]
    made: Json = {
        "uuid": name_of("oscal", "result", run["run_id"]),
        "title": f"Run {run['run_id']}",
        "description": f"{headline(run)}.",
        "start": began(run),
        "end": ended(run),
        "props": [_prop("mode", run["mode"]), *([_prop("tier", run["tier"])] if run["tier"] else [])],
        "reviewed-controls": {
            "control-selections": [
                {
                    "description": "Controls of our own, of the baseline and of patching, not of a framework.",
                    "links": [{"href": f"#{catalogue}", "rel": "source"}],
                    **(
                        {"include-controls": [{"control-id": control} for control in cases]}
                        if cases
                        else {"include-all": {}}
                    ),
                }
            ]
        },
        "local-definitions": {"inventory-items": [_item(run, host) for host in hosts]},
        "observations": observations,
        "risks": _risks(run),
        "findings": [_finding(run, control, cases[control]) for control in cases],
    }
    if not cases:
        made["remarks"] = NO_HOST
    return {key: value for key, value in made.items() if value != []}


def _by_control(run: Json) -> _Cases:
    """control -> result word -> [(host, finding)], all in a fixed order."""
    cases: _Cases = {}
    for host, _result_of_host, finding in findings(run):
        cases.setdefault(str(finding["id"]), {}).setdefault(finding["result"], []).append((host, finding))
    return {
        control: {outcome: cases[control][outcome] for outcome in WORST_FIRST if outcome in cases[control]}
        for control in sorted(cases)
    }


def _prop(name: str, value: Any, **more: str) -> Json:
    # A value may not be empty, have blanks around it, or run over lines.
    return {"name": name, "ns": NAMESPACE, "value": " ".join(text(value).split()) or "none", **more}


def _item(run: Json, host: str) -> Json:
    result = run["hosts"].get(host, {})
    facts = {key: value for key, value in sorted(result.get("host", {}).items()) if value not in (None, "", False)}
    props = [
        _prop("host-name", host),
        *(_prop("fact", value, **{"class": _token(key)}) for key, value in facts.items()),
    ]
    return {"uuid": _host(run, host), "description": host, "props": props}


def _host(run: Json, host: str) -> str:
    return name_of("oscal", "host", run["run_id"], host)


def _token(name: str) -> str:
    """A name as OSCAL allows one."""
    made = "".join(letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "-" for letter in name)
    return made if made[:1].isalpha() or made[:1] == "_" else f"_{made}"


def _silent(run: Json) -> list[Json]:
    lost = silent(run)
    if not lost:
        return []
    return [
        {
            "uuid": name_of("oscal", "silent", run["run_id"]),
            "title": "Hosts without a result",
            "description": "Nothing is known about these hosts. They count as unknown, never as good.",
            "methods": ["TEST"],
            "subjects": [_subject(run, host, why) for host, why in lost],
            "collected": ended(run),
        }
    ]


def _subject(run: Json, host: str, remarks: str) -> Json:
    return {"subject-uuid": _host(run, host), "type": "inventory-item", "title": host, "remarks": remarks}


def _observation_id(run: Json, control: str, outcome: str) -> str:
    return name_of("oscal", "observation", run["run_id"], control, outcome)


def _observations(run: Json, control: str, by_word: Mapping[str, list[tuple[str, Json]]]) -> list[Json]:
    return [
        {
            "uuid": _observation_id(run, control, outcome),
            "title": f"{control}: {outcome}",
            "description": text(cases[0][1]["title"]),
            "props": [_prop("result", outcome), _prop("severity", cases[0][1]["severity"])],
            "methods": ["TEST"],
            "types": ["control-objective"],
            "subjects": [_subject(run, host, _describe(finding)) for host, finding in cases],
            "collected": ended(run, run["hosts"][cases[-1][0]]),
        }
        for outcome, cases in by_word.items()
    ]


def _describe(finding: Json) -> str:
    before = (
        f"{text(finding['subject'])}: found {text(finding['before']) or 'nothing'}, wanted {text(finding['wanted'])}"
    )
    parts = (before, describe_verdicts(finding), text(finding["reason"]), waived(finding))
    return ". ".join(part.rstrip(".") for part in parts if part)


def _finding(run: Json, control: str, by_word: Mapping[str, list[tuple[str, Json]]]) -> Json:
    finding = next(iter(by_word.values()))[0][1]
    counts = ", ".join(f"{len(cases)} {outcome}" for outcome, cases in by_word.items())
    good = all(outcome in SATISFIED for outcome in by_word)
    waivers = [host for host, finding in by_word.get("waived", []) if "waiver" in finding]
    reason = "fail" if "fail" in by_word else "other"
    if good:
        reason = "pass"
    made: Json = {
        "uuid": name_of("oscal", "finding", run["run_id"], control),
        "title": text(finding["title"]),
        "description": text(finding["rationale"]),
        "props": [_supports(reference) for reference in finding["references"]],
        "target": {
            "type": "objective-id",
            "target-id": control,
            "description": f"The control of the baseline; {counts}.",
            "status": {
                "state": "satisfied" if good else "not-satisfied",
                "reason": reason,
            },
        },
        "related-observations": [{"observation-uuid": _observation_id(run, control, outcome)} for outcome in by_word],
        "related-risks": [{"risk-uuid": _risk_id(run, control, host)} for host in waivers],
    }
    return {key: value for key, value in made.items() if value != []}


def _supports(reference: Json) -> Json:
    status, strength = str(reference.get("status", "guidance")), str(reference.get("strength", "supports"))
    remarks = f"{text(reference['title'])}, {'in force' if status == 'law' else status}; {strength}."
    return _prop("supports", reference["reference"], **{"class": _token(reference["framework"])}, remarks=remarks)


def _risk_id(run: Json, control: str, host: str) -> str:
    return name_of("oscal", "risk", run["run_id"], control, host)


def _risks(run: Json) -> list[Json]:
    """Return what people accepted for a time: a waiver is a risk whose deviation was approved."""
    made = []
    for host, _result_of_host, finding in findings(run):
        waiver = finding.get("waiver") if finding["result"] == "waived" else None
        if waiver is None:
            continue
        names = ("owner", "approver", "ticket", "compensating_control", "expires", "days_left")
        risk = {
            "uuid": _risk_id(run, finding["id"], host),
            "title": f"{host}: {text(finding['title'])}",
            "description": text(finding["rationale"]),
            "statement": text(waiver.get("reason")) or "No reason was given.",
            "props": [_prop(name.replace("_", "-"), waiver[name]) for name in names if waiver.get(name) is not None],
            "status": "deviation-approved",
        }
        if day(waiver["expires"]) is not None:
            risk["deadline"] = f"{waiver['expires']}T00:00:00Z"
        made.append(risk)
    return made
