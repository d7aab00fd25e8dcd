# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a plan means in the words of every other finding. Pure but for the texts, which are data of the patching role.

A few findings tell a plan in full, and always the same few, so that a reader can compare hosts and months: whether it
is known what the host needs, whether an update waits too long by how pressing it is, what is left out on purpose, what
still runs old files, and what would change the host by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import LEFT_OUT, SEVERITIES
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    DEFERRED,
    ERROR,
    FAIL,
    FIXED,
    PASS,
    WAIVED,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import finding_texts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_record import is_installed, is_late
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, count

KIND = "update"
_MOST_NAMED = 12


def findings_of(result: Json) -> list[Json]:
    """Return the findings of a patch record, in their order."""
    patch = result["patch"]
    if patch["state"] == "rolled_back":  # it looked for no updates, and so says nothing of what waits
        return [_in_use(patch), _services(patch), _taken_back(patch, result["check_mode"])]
    findings = [
        _known(patch),
        *_waiting_by_urgency(patch, is_installed(result)),
        _left_out(patch),
        _in_use(patch),
        _own_will(patch),
    ]
    return [*findings, _services(patch)] if patch["state"] == "applied" else findings


def with_findings(result: Json) -> Json:
    """Return the record with its findings and their count."""
    findings = findings_of(result)
    return {**result, "findings": findings, "summary": count(findings)}


def _known(patch: Json) -> Json:
    oldest = min((source.get("released") or "unknown" for source in patch.get("sources") or []), default="no source")
    before = f"the oldest list is of {oldest}"
    if patch["verdict"] != "unknown":
        return _finding("updates_known", PASS, "", before)
    doubts = "; ".join(patch.get("unknown_because") or []) or "the plan does not say why"
    return _finding("updates_known", ERROR, doubts, before)


def _waiting_by_urgency(patch: Json, installed: bool) -> list[Json]:
    groups: dict[str, list[Json]] = {"exploited": [], "security": [], "other": []}
    for change in patch["changes"]:
        groups[_urgency(change)].append(change)
    return [_waiting(f"updates_{name}", changes, installed, patch["verdict"]) for name, changes in groups.items()]


def _urgency(change: Json) -> str:
    if change["severity"] == "kev":
        return "exploited"
    return "other" if change.get("security") is False else "security"


def _waiting(control: str, changes: Sequence[Json], installed: bool, verdict: str) -> Json:
    waiting = f"{len(changes)} wait"
    late = [change for change in changes if is_late(change)]
    if not changes and verdict == "unknown":
        return _finding(control, ERROR, "nobody can tell", waiting)
    if not changes:
        return _finding(control, PASS, "", waiting)
    if installed:
        return _finding(control, FIXED, f"installed: {_named(changes)}", waiting, after="0 wait")
    if late:
        return _finding(control, FAIL, f"past the deadline: {_named(late)}", waiting)
    return _finding(control, DEFERRED, f"until {_first_deadline(changes)}: {_named(changes)}", waiting)


def _left_out(patch: Json) -> Json:
    held_back = [change for group in LEFT_OUT for change in patch[group]]
    for_security = [change for change in held_back if change.get("security") is not False]
    endless = [change for change in for_security if not change.get("expires")]
    result, parts = PASS, []
    if endless:
        result, parts = FAIL, [f"left out, and nobody said until when: {_named(endless)}"]
    elif for_security:
        result, parts = WAIVED, [f"left out for a time: {_named(for_security)}"]
    if for_security:
        named = for_security[:_MOST_NAMED]
        parts.append("; ".join(f"{change['name']}: {change.get('reason', '')}" for change in named))
    return _finding("updates_left_out", result, ". ".join(parts), f"{len(held_back)} held back")


def _in_use(patch: Json) -> Json:
    reboot, services = patch.get("reboot") or {}, patch.get("services") or []
    reasons: list[str] = []
    before = "nothing"
    if services:
        before = f"{len(services)} to restart"
    if reboot.get("needed"):
        before = "a restart of the host"
        reasons += reboot.get("why") or ["it wants a restart"]
    if services:
        reasons.append(f"old files in use by {', '.join(services[:_MOST_NAMED])}")
    return _finding("updates_in_use", FAIL if reasons else PASS, "; ".join(reasons), before)


def _own_will(patch: Json) -> Json:
    programs = patch.get("own_will") or []
    before = f"{len(programs)} found" if programs else "none"
    return _finding("updates_own_will", FAIL if programs else PASS, "; ".join(programs), before)


def _services(patch: Json) -> Json:
    down, waiting = patch.get("down") or [], patch.get("to_restart") or []
    parts = [f"{len(patch.get('restarted') or [])} restarted", f"{len(down)} down"]
    if waiting:
        parts.append(f"still to restart: {', '.join(waiting)}")
    reason = f"down since: {', '.join(down)}" if down else ""
    return _finding("updates_services", FAIL if down else PASS, reason, ", ".join(parts))


def _taken_back(patch: Json, rehearsal: bool) -> Json:
    reopened = patch.get("reopened") or []
    vulnerable = f"open again: {', '.join(reopened)}" if reopened else "it opens no known vulnerability again"
    result = FAIL if reopened else FIXED
    if rehearsal:
        result = DEFERRED
    reason = f"{vulnerable}. {_named(patch['changes'])}"
    return _finding("updates_taken_back", result, reason, f"{len(patch['changes'])} taken back")


def _first_deadline(changes: Sequence[Json]) -> str:
    return min((str(change["deadline"])[:10] for change in changes if change.get("deadline")), default="no deadline")


def _named(changes: Sequence[Json]) -> str:
    """Return the packages in words, the most pressing first, with what they close."""
    order = sorted(changes, key=lambda change: (SEVERITIES.index(change["severity"]), change["name"]))
    names = [f"{change['name']} {change['to'] or 'removed'}{_closes(change)}" for change in order[:_MOST_NAMED]]
    if len(order) > _MOST_NAMED:
        names.append(f"and {len(order) - _MOST_NAMED} more")
    return ", ".join(names)


def _closes(change: Json) -> str:
    cves = change.get("cves") or []
    if not cves:
        return ""
    more = f" and {len(cves) - 3} more" if len(cves) > 3 else ""
    return f" ({', '.join(cves[:3])}{more})"


def _finding(control: str, result: str, reason: str, before: str, after: str | None = None) -> Json:
    """Return a finding with the texts of its control; ``after`` is as ``before`` where it is not given."""
    text = finding_texts.load(finding_texts.PATCHING)[control]
    return {
        "id": text.id,
        "title": text.title,
        "rationale": text.rationale,
        "severity": text.severity,
        "hazard": text.hazard,
        "tier": text.tier,
        "kind": KIND,
        "result": result,
        "reason": reason,
        "subject": text.subject,
        "wanted": text.wanted,
        "before": before,
        "after": before if after is None else after,
        "verdicts": {},
        "references": [dict(reference) for reference in text.references],
    }
