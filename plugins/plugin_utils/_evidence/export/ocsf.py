# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""ocsf.jsonl: one event a line, class Compliance Finding of the Open Cybersecurity Schema Framework. Private.

For a log store or a SIEM. The event's id is made of the run, the host and the control, so that a store that reads the
file twice can tell.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    PRODUCT,
    Files,
    ended,
    findings,
    found_and_wanted,
    name_of,
    seconds,
    silent,
    supported,
    text,
    waived,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, canonical

VERSION = "1.5.0"
CATEGORY, CLASS, CREATE = 2, 2003, 1
#: compliance.status_id and its caption, of a result word; 99 is what the schema has no word for.
COMPLIANCE = {
    "pass": (1, "Pass"),
    "fixed": (1, "Pass"),
    "error": (2, "Warning"),
    "notchecked": (2, "Warning"),
    "noresult": (2, "Warning"),
    "fail": (3, "Fail"),
    "deferred": (3, "Fail"),
    "waived": (3, "Fail"),
    "notapplicable": (99, "Not applicable"),
}
#: status_id of the finding itself: what was repaired is resolved, what people accepted for a time is suppressed.
STATUS = {
    "pass": (4, "Resolved"),
    "fixed": (4, "Resolved"),
    "notapplicable": (4, "Resolved"),
    "waived": (3, "Suppressed"),
}
NEW = (1, "New")
SEVERITY = {"low": (2, "Low"), "medium": (3, "Medium"), "high": (4, "High"), "critical": (5, "Critical")}
INFORMATIONAL = (1, "Informational")
GOOD = ("pass", "fixed", "notapplicable", "notchecked")


def export(run: Json) -> Files:
    """Return ocsf.jsonl, an event a line for each finding and each host without a result."""
    events = [_silent(run, host, why) for host, why in silent(run)]
    events += [_judged(run, host, result, finding) for host, result, finding in findings(run)]
    return {"ocsf.jsonl": b"".join(canonical(event) for event in events)}


def _judged(run: Json, host: str, result: Json, finding: Json) -> Json:
    standards = sorted({_standard(reference) for reference in finding["references"]})
    compliance = {
        "control": finding["id"],
        "desc": text(finding["wanted"]),
        "requirements": [supported(reference) for reference in finding["references"]],
        "standards": standards or [f"{PRODUCT} baseline"],
        "status_detail": text(finding["reason"]) or waived(finding),
    }
    event = _event(run, host, finding["result"], ended(run, result), compliance)
    event["severity_id"], event["severity"] = (
        INFORMATIONAL if finding["result"] in GOOD else SEVERITY[finding["severity"]]
    )
    event["finding_info"] |= {
        "uid": name_of("ocsf", run["run_id"], host, finding["id"]),
        "title": text(finding["title"]),
        "desc": text(finding["rationale"]),
        "types": [finding["kind"]],
    }
    event["message"] = f"{host}: {finding['result']}: {found_and_wanted(finding)}"
    return event


def _silent(run: Json, host: str, why: str) -> Json:
    """A host without a result: unknown, never good."""
    compliance = {"control": "host_result", "standards": [f"{PRODUCT} baseline"], "status_detail": why}
    event = _event(run, host, "noresult", ended(run), compliance)
    event["severity_id"], event["severity"] = SEVERITY["high"]
    event["finding_info"] |= {"uid": name_of("ocsf", run["run_id"], host, ""), "title": "The host gave no result"}
    event["message"] = f"{host}: no result, {why}"
    return event


def _event(run: Json, host: str, title: str, stamp: str, compliance: Json) -> Json:
    time = round((seconds(stamp) or 0) * 1000)
    compliance["status_id"], compliance["status"] = COMPLIANCE[title]
    compliance["status_code"] = title
    status_id, status = STATUS.get(title, NEW)
    return {
        "activity_id": CREATE,
        "activity_name": "Create",
        "category_name": "Findings",
        "category_uid": CATEGORY,
        "class_name": "Compliance Finding",
        "class_uid": CLASS,
        "compliance": compliance,
        "finding_info": {"created_time": time},
        "metadata": {
            "correlation_uid": run["run_id"],
            "product": {"name": f"{PRODUCT} baseline", "vendor_name": PRODUCT},
            "version": VERSION,
        },
        "resources": [{"name": host, "type": "host", "uid": host}],
        "status": status,
        "status_id": status_id,
        "time": time,
        "timezone_offset": 0,
        "type_name": "Compliance Finding: Create",
        "type_uid": CLASS * 100 + CREATE,
    }


def _standard(reference: Mapping[str, str]) -> str:
    status = str(reference.get("status", "guidance"))
    return text(reference["title"] if status == "law" else f"{reference['title']} ({status})")
