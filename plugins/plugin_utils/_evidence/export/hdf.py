# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""hdf/<host>.json: the Heimdall Data Format (InSpec's exec-json) for Heimdall and its converters. Private.

One file a host. The format says of a control, not of each of its results, that it does not apply or that it is waived,
and its converters make one checklist for one machine: in one file for all hosts, a control that does not apply to one
would hide that it failed on another. Heimdall opens many files side by side.

Nothing is shown better than it is: what waits for a maintenance window has failed, and so has what was waived, with the
waiver beside it (``run: true``: it was judged all the same). What could not be judged is an error.
"""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    NAMESPACE,
    PRODUCT,
    Files,
    began,
    describe_verdicts,
    ended,
    file_name,
    seconds,
    silent,
    supported,
    text,
    waived,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import RUN_SCHEMA, Json, canonical

STATUS = {
    "pass": "passed",
    "fixed": "passed",
    "fail": "failed",
    "deferred": "failed",
    "waived": "failed",
    "error": "error",
    "notchecked": "skipped",
    "notapplicable": "skipped",
}
#: Readers make the words back from the numbers: below 0.4 low, below 0.7 medium, below 0.9 high.
IMPACT = {"low": 0.3, "medium": 0.5, "high": 0.7, "critical": 0.9}
NIST = "nist_800_53r5"


def export(run: Json) -> Files:
    """A host that gave no result has a file as well, in which everything is an error."""
    files = {
        f"hdf/{file_name(name)}.json": canonical(_document(run, name, result))
        for name, result in run["hosts"].items()
        if result.get("findings")
    }
    for name, why in silent(run):
        files[f"hdf/{file_name(name)}.json"] = canonical(_lost(run, name, why))
    return files


def _document(run: Json, name: str, result: Json) -> Json:
    start = str(result.get("started") or began(run))
    duration = (seconds(ended(run, result)) or 0) - (seconds(start) or 0)
    controls = [_control(finding, start) for finding in result["findings"]]
    host = result.get("host", {})
    platform = {
        "name": text(host.get("distribution")).lower() or "unknown",
        "release": text(host.get("version")) or "unknown",
        "target_id": name,
    }
    digest = str(result.get("catalogue", {}).get("digest", "")).replace("sha256:", "")
    return _frame(run, platform, digest, str(result.get("tier", "")), controls, duration)


def _lost(run: Json, name: str, why: str) -> Json:
    control = _bare("host_result", "The host gave a result", "Of a host without one, nothing is known.", 0.7)
    control["results"] = [_result("error", "a result of the baseline", began(run), message=why, exception="noresult")]
    return _frame(run, {"name": "unknown", "release": "unknown", "target_id": name}, "", "", [control], 0)


def _frame(run: Json, platform: Json, digest: str, tier: str, controls: list[Json], duration: float) -> Json:
    passed = sum(control["results"][0]["status"] == "passed" for control in controls)
    failed = sum(control["results"][0]["status"] in ("failed", "error") for control in controls)
    profile = {
        "name": "healthops-clinical-baseline",
        "title": f"{PRODUCT} baseline",
        "version": digest[:12],
        "maintainer": "healthops.clinical contributors",
        "license": "GPL-3.0-or-later",
        "summary": f"Run {run['run_id']}, {run['mode']}{f', tier {tier}' if tier else ''}",
        "sha256": digest,
        "status": "loaded",
        "supports": [],
        "attributes": [{"name": "tier", "options": {"value": tier}}] if tier else [],
        "groups": [],
        "controls": controls,
    }
    counted = {"passed": passed, "failed": failed, "skipped": len(controls) - passed - failed}
    statistics = {"duration": duration, "controls": {status: {"total": number} for status, number in counted.items()}}
    return {"platform": platform, "profiles": [profile], "statistics": statistics, "version": RUN_SCHEMA}


def _bare(control: str, title: str, rationale: str, impact: float) -> Json:
    return {
        "id": control,
        "title": title,
        "desc": rationale,
        "impact": impact,
        "refs": [],
        "tags": {},
        "source_location": {"ref": NAMESPACE},
        "code": "",
    }


def _control(finding: Json, start: str) -> Json:
    # The format's way to say "does not apply" is an impact of nothing.
    impact = 0.0 if finding["result"] == "notapplicable" else IMPACT[finding["severity"]]
    control = _bare(finding["id"], text(finding["title"]), text(finding["rationale"]), impact)
    control["descriptions"] = [
        {"label": "check", "data": f"{text(finding['subject'])}: {describe_verdicts(finding)}"},
        {"label": "fix", "data": f"Wanted: {text(finding['wanted'])}"},
    ]
    control["refs"] = [{"ref": supported(reference)} for reference in finding["references"]]
    control["tags"] = {
        "severity": finding["severity"],
        "hazard": finding["hazard"],
        "tier": finding["tier"],
        "kind": finding["kind"],
        "result": finding["result"],
        "nist": nist(finding),
    }
    control["results"] = [_judged(finding, start)]
    if "waiver" in finding:
        waiver = finding["waiver"]
        control["waiver_data"] = {
            "expiration_date": text(waiver["expires"]),
            "justification": text(waiver.get("reason")),
            "message": waived(finding),
            "run": True,
            "skipped_due_to_waiver": False,
        }
    return control


def nist(finding: Json) -> list[str]:
    """The ids of NIST SP 800-53 as the format's readers know them: "AC-6 (2)", and which revision."""
    ids = [str(reference["reference"]) for reference in finding["references"] if reference["framework"] == NIST]
    if ids:
        return [*(reference.replace("(", " (", 1) for reference in ids), "Rev_5"]
    return []


def _judged(finding: Json, start: str) -> Json:
    status = STATUS[finding["result"]]
    said = f"{finding['result']}: {text(finding['reason'])}".rstrip(": ")
    about = f"{text(finding['subject'])} is expected to be {text(finding['wanted'])}"
    if status == "skipped":
        return _result(status, about, start, skip_message=said)
    if status == "passed":
        return _result(status, about, start)
    before = f"found {text(finding['before']) or 'nothing'}; {describe_verdicts(finding)}"
    lines = "\n".join(part for part in (said, waived(finding), before) if part)
    more = {"exception": "error"} if status == "error" else {}
    return _result(status, about, start, message=lines, **more)


def _result(status: str, about: str, start: str, **more: str) -> Json:
    return {"status": status, "code_desc": about, "start_time": start, **more}
