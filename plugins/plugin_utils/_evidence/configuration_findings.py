# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the configurations of a host mean in the words of every other finding: one finding for each system. Pure.

The texts are data of the evidence role; what differs stands under "configurations" in the record, entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import (
    DRIFT_KEYS,
    KEYS,
    standing,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    DEFERRED,
    ERROR,
    FAIL,
    FIXED,
    PASS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import finding_texts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import CHANGE_KEYS, Json, count, plain

KIND = "configuration"
_MOST_NAMED = 12
_LONG = 80


def evidence_of(result: Mapping[str, Any]) -> list[Json]:
    """Return what of the configurations in a module's result is evidence: the named keys, at every depth.

    The changes of a result that configured one system stand with it.
    """
    systems = [_named(system) for system in result.get("configurations") or ()]
    if len(systems) == 1 and "findings" not in result:
        systems[0]["changes"] = [_only(change, CHANGE_KEYS) for change in result.get("changes") or ()]
    return systems


def with_findings(result: Json) -> Json:
    """Return the record with a finding for each of its configurations, and their count."""
    judged = [finding(system, result["check_mode"]) for system in result["configurations"]]
    findings = [*(other for other in result["findings"] if other["kind"] != KIND), *judged]
    return {**result, "findings": findings, "summary": count(findings)}


def finding(system: Json, check_mode: bool) -> Json:
    """Return the finding of one configuration, by what is most pressing of it."""
    outcome, reason = _judged(system, check_mode)
    drift, changed = system["drift"], system["changed"]
    before = "as configured"
    if drift:
        before = f"{len(drift)} otherwise"
    elif changed:
        before = "otherwise"
    return _finding(system["name"], outcome, reason, before, "as configured" if changed or not drift else before)


def _judged(system: Json, check_mode: bool) -> tuple[str, str]:
    if system["errors"]:
        return ERROR, "; ".join(system["errors"])
    if system["drift"]:
        return FAIL, _described(system["drift"])
    if system["changed"] and check_mode:
        return FAIL, "a run would change it"
    if system["restarts_due"]:
        units = ", ".join(system["restarts_due"])
        return DEFERRED, f"runs with older files until it is restarted in its drain: {units}"
    return (FIXED if system["changed"] else PASS), ""


def _described(drift: Sequence[Json]) -> str:
    """Return in words what is otherwise, and since when; of much, the first."""
    items = [_described_item(item) for item in drift[:_MOST_NAMED]]
    if len(drift) > _MOST_NAMED:
        items.append(f"and {len(drift) - _MOST_NAMED} more")
    return "; ".join(items)


def _described_item(item: Json) -> str:
    """Return one entry in words, with its values unless they are long, as digests are."""
    values = f": {item['now']} instead of {item['set']}"
    short = values if len(values) <= _LONG else ""
    since = f" {item['since']}" if item["since"] and not item["run_id"] else ""
    return f"{item['subject']}, {item['entry']}{short}, {item['reason']}{since}"


def _named(system: Any) -> Json:
    clean = _only(system, KEYS)
    clean["drift"] = [_only(item, DRIFT_KEYS) for item in clean.get("drift") or ()]
    return {**standing(str(clean.pop("name", ""))), **clean, "changes": []}


def _only(data: Any, keys: Sequence[str]) -> Json:
    clean: Json = plain(data) if isinstance(data, Mapping) else {}
    return {key: clean[key] for key in keys if key in clean}


def _finding(name: str, outcome: str, reason: str, before: str, after: str) -> Json:
    text = finding_texts.load(finding_texts.CONFIGURATION)["configuration_of_a_system"]
    return {
        "id": f"configuration_{name}",
        "title": text.title.replace("{name}", name),
        "rationale": text.rationale,
        "severity": text.severity,
        "hazard": text.hazard,
        "tier": text.tier,
        "kind": KIND,
        "result": outcome,
        "reason": reason,
        "subject": text.subject.replace("{name}", name),
        "wanted": text.wanted,
        "before": before,
        "after": after,
        "verdicts": {},
        "references": [dict(reference) for reference in text.references],
    }
