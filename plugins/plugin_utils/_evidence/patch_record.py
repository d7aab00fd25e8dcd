# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a record about packages: what is kept of a patch result, and what readers ask of it. Pure.

The packages stand under "patch", beside the findings that ``patch_findings`` makes of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import LEFT_OUT
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, plain

_PLAN_KEYS = ("digest", "verdict", "unknown_because", "reboot", "services", "own_will")
_CHANGE_KEYS = (
    "name",
    "arch",
    "change",
    "from",
    "to",
    "security",
    "why",
    "advisories",
    "cves",
    "severity",
    "epss",
    "first_seen",
    "deadline",
    "days_left",
    "restarts",
    "reboot",
    "download_bytes",
    "origin",
    "checksum",
    "source",
)
_SOURCE_KEYS = ("uri", "suite", "codename", "label", "origin", "component", "released", "age_days", "stale", "security")
_APPROVAL_KEYS = ("digest", "approver", "expires", "ticket", "sha256")
_RULE_KEYS = ("packages", "version", "reason", "expires", "days_left")
#: Lists of texts that a result has beside its plan: what was done with services, and which files were put back.
_BESIDE = ("restarted", "to_restart", "down", "restored")


def plan_of(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the plan in a module's result; empty where it has none.

    It stands below "plan", or is the result itself where nothing but a plan was wanted.
    """
    plan = result.get("plan")
    if isinstance(plan, Mapping) and plan:
        return plan
    if "verdict" in result and "digest" in result:
        return result
    return {}


def evidence_of(result: Mapping[str, Any]) -> Json:
    """Return what of a patch result is evidence: the named keys of its plan, and who approved it."""
    plan = plan_of(result)
    patch: Json = {"state": str(result.get("state")), **{key: plain(plan[key]) for key in _PLAN_KEYS if key in plan}}
    patch["changes"] = [_named(change, _CHANGE_KEYS) for change in plan.get("changes") or []]
    for group in LEFT_OUT:
        patch[group] = [_named(change, (*_CHANGE_KEYS, "reason", "expires")) for change in plan.get(group) or []]
    if isinstance(plan.get("run"), Mapping):
        patch["run"] = _named(plan["run"], ("run_id", "stage", "why", "left"))
    patch["sources"] = [_named(source, _SOURCE_KEYS) for source in plan.get("sources") or []]
    patch.update({key: [str(item) for item in result[key]] for key in _BESIDE if result.get(key)})
    if plan is not result:  # what is so after the run, rather than what the plan saw
        patch.update({key: plain(result[key]) for key in ("reboot", "services") if result.get(key)})
    if patch["state"] == "rolled_back":
        patch["reopened"] = _reopened(result.get("reopened") or [])
        patch["now_held"] = [_named(hold, ("name", "version", "until")) for hold in result.get("held_until") or []]
    patch.update(_authority(result))
    return patch


def _authority(result: Mapping[str, Any]) -> Json:
    """Return who approved the set, by which policy, and of which day the advisories are; where the result says so."""
    parts: Json = {}
    if isinstance(result.get("approval"), Mapping):
        parts["approval"] = _named(result["approval"], _APPROVAL_KEYS)
    if isinstance(result.get("policy"), Mapping):
        parts["policy"] = _policy(result["policy"])
    if isinstance(result.get("advisories_as_of"), Mapping):
        parts["advisories_as_of"] = {str(key): str(value) for key, value in result["advisories_as_of"].items()}
    return parts


def _reopened(changes: Sequence[Any]) -> list[str]:
    """Return what the earlier versions bring back: CVEs, else advisories, else that it was a security update."""
    reopened: list[str] = []
    for change in changes:
        known = change.get("cves") or change.get("advisories") or [f"a security update of {change.get('name')}"]
        reopened += [str(name) for name in known if str(name) not in reopened]
    return reopened


def _named(data: Any, keys: Sequence[str]) -> Json:
    clean: Json = plain(data) if isinstance(data, Mapping) else {}
    return {key: clean[key] for key in keys if key in clean}


def _policy(policy: Mapping[str, Any]) -> Json:
    clean = _named(policy, ("security_only", "minimum_age", "deadlines", "allowed_origins", "epss_at_least"))
    for kind in ("exclude", "pin"):
        clean[kind] = [_named(rule, _RULE_KEYS) for rule in policy.get(kind) or []]
    return clean


def is_installed(result: Json) -> bool:
    """Return True if the changes are on the host: they were applied, in earnest and to the end.

    A run that was carried out to its end says so, even where a service is down since and the task failed for that.
    """
    if result["patch"]["state"] != "applied" or result["check_mode"]:
        return False
    return result["patch"].get("run", {}).get("stage") == "applied" or not result.get("failed")


def is_late(change: Json) -> bool:
    """Return True if the deadline of a change is over."""
    days_left = change.get("days_left")
    return isinstance(days_left, int) and days_left < 0


def patch_records(run: Json) -> list[tuple[str, Json]]:
    """Return (host, its record) of every host of a bundle that tells of its packages."""
    return [(name, result) for name, result in run["hosts"].items() if "patch" in result]


def package_changes(run: Json) -> Iterator[tuple[str, Json, str, Json]]:
    """Yield (host, its record, what becomes of the change, the change): the set first, then what was left out of it."""
    for name, result in patch_records(run):
        for change in result["patch"]["changes"]:
            yield name, result, status_of(result, change), change
        for group in LEFT_OUT:
            for change in result["patch"][group]:
                yield name, result, group, change


def status_of(result: Json, change: Json) -> str:
    """Return what became of a change of the set, in one word."""
    if result["patch"]["state"] == "rolled_back":
        if result["check_mode"] or result.get("failed"):
            return "to_take_back"
        return "taken_back"
    if is_installed(result):
        return "installed"
    return "late" if is_late(change) else "waits"
