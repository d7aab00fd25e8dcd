# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch results as evidence: what is kept of a plan, and what it means in the words of every other finding. Private.

A few findings tell a plan in full, and always the same few, so that a reader can compare hosts and months: whether it
is known what the host needs, whether an update waits too long by how pressing it is, what is left out on purpose, what
still runs old files, and what would change the host by itself. The packages stand beside them, under "patch".
"""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    LEFT_OUT,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    SEVERITIES as PATCH_SEVERITIES,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    count,
    plain,
)

KIND = "update"

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
    "source",
)
_SOURCE_KEYS = ("uri", "suite", "codename", "label", "origin", "component", "released", "age_days", "stale", "security")
_APPROVAL_KEYS = ("digest", "approver", "expires", "ticket", "sha256")
_RULE_KEYS = ("packages", "version", "reason", "expires", "days_left")
#: Lists of texts that a result has beside its plan: what was done with services, and which files were put back.
_BESIDE = ("restarted", "to_restart", "down", "restored")
_REFERENCE = {
    "framework": "nist_800_53r5",
    "title": "NIST SP 800-53 Rev. 5",
    "status": "guidance",
    "reference": "SI-2",
    "strength": "partial",
}
_MOST_NAMED = 12


def plan_of(result: t.Mapping[str, t.Any]) -> t.Mapping[str, t.Any]:
    """The plan in a result: below "plan", or where nothing but a plan was wanted the result itself; else nothing."""
    plan = result.get("plan")
    if isinstance(plan, t.Mapping) and plan:
        return plan
    return result if "verdict" in result and "digest" in result else {}


def kept(result: t.Mapping[str, t.Any]) -> Json:
    """What of a patch result is evidence: the named keys of its plan, and who approved it."""
    plan = plan_of(result)
    made: Json = {"state": str(result.get("state")), **{key: plain(plan[key]) for key in _PLAN_KEYS if key in plan}}
    made["changes"] = [_only(each, _CHANGE_KEYS) for each in plan.get("changes") or []]
    for group in LEFT_OUT:
        made[group] = [_only(each, (*_CHANGE_KEYS, "reason", "expires")) for each in plan.get(group) or []]
    if isinstance(plan.get("run"), t.Mapping):
        made["run"] = _only(plan["run"], ("run_id", "stage", "why", "left"))
    made["sources"] = [_only(each, _SOURCE_KEYS) for each in plan.get("sources") or []]
    made.update({key: [str(each) for each in result[key]] for key in _BESIDE if result.get(key)})
    if plan is not result:  # what is so after the run, rather than what the plan saw
        made.update({key: plain(result[key]) for key in ("reboot", "services") if result.get(key)})
    if made["state"] == "rolled_back":
        made["reopened"] = _reopened(result.get("reopened") or [])
        made["now_held"] = [_only(each, ("name", "version", "until")) for each in result.get("held_until") or []]
    if isinstance(result.get("approval"), t.Mapping):
        made["approval"] = _only(result["approval"], _APPROVAL_KEYS)
    if isinstance(result.get("policy"), t.Mapping):
        made["policy"] = _policy(result["policy"])
    if isinstance(result.get("advisories_as_of"), t.Mapping):
        made["advisories_as_of"] = {str(key): str(value) for key, value in result["advisories_as_of"].items()}
    return made


def _reopened(told: t.Sequence[t.Any]) -> t.List[str]:
    """What the earlier versions bring back: CVEs, else advisories, else that it was a security update."""
    found: t.List[str] = []
    for each in told:
        known = each.get("cves") or each.get("advisories") or [f"a security update of {each.get('name')}"]
        found += [str(one) for one in known if str(one) not in found]
    return found


def _only(data: t.Any, keys: t.Sequence[str]) -> Json:
    told: Json = plain(data) if isinstance(data, t.Mapping) else {}
    return {key: told[key] for key in keys if key in told}


def _policy(policy: t.Mapping[str, t.Any]) -> Json:
    made = _only(policy, ("security_only", "minimum_age", "deadlines", "allowed_origins", "epss_at_least"))
    for kind in ("exclude", "pin"):
        made[kind] = [_only(rule, _RULE_KEYS) for rule in policy.get(kind) or []]
    return made


def done(result: Json) -> bool:
    """Whether the changes are on the host: they were applied, in earnest and to the end.

    A run that was carried out to its end says so, even where a service is down since and the task failed for that.
    """
    if result["patch"]["state"] != "applied" or result["check_mode"]:
        return False
    return result["patch"].get("run", {}).get("stage") == "applied" or not result.get("failed")


def is_late(change: Json) -> bool:
    left = change.get("days_left")
    return isinstance(left, int) and left < 0


def patched(run: Json) -> t.List[t.Tuple[str, Json]]:
    """(host, its record) of every host of a bundle that tells of its packages."""
    return [(name, result) for name, result in run["hosts"].items() if "patch" in result]


def changes(run: Json) -> t.Iterator[t.Tuple[str, Json, str, Json]]:
    """(host, its record, what becomes of the change, the change): the set first, then what was left out of it."""
    for name, result in patched(run):
        for change in result["patch"]["changes"]:
            yield name, result, status(result, change), change
        for group in LEFT_OUT:
            for change in result["patch"][group]:
                yield name, result, group, change


def status(result: Json, change: Json) -> str:
    """What became of a change of the set, in one word."""
    if result["patch"]["state"] == "rolled_back":
        return "to_take_back" if result["check_mode"] or result.get("failed") else "taken_back"
    return "installed" if done(result) else "late" if is_late(change) else "waits"


def findings(result: Json) -> t.List[Json]:
    """The findings of a patch record, in their order."""
    patch, made_now = result["patch"], done(result)
    if patch["state"] == "rolled_back":  # it looked for no updates, and so says nothing of what waits
        return [_in_use(patch), _services(patch), _taken_back(patch, result["check_mode"])]
    groups: t.Dict[str, t.List[Json]] = {"exploited": [], "security": [], "other": []}
    for change in patch["changes"]:
        groups[_group(change)].append(change)
    return [
        _known(patch),
        *(_waiting(name, groups[name], made_now, patch["verdict"]) for name in groups),
        _left_out([each for group in LEFT_OUT for each in patch[group] if each.get("security") is not False], patch),
        _in_use(patch),
        _own_will(patch),
        *([_services(patch)] if patch["state"] == "applied" else []),
    ]


def summed(result: Json) -> Json:
    """The record with its findings and their count."""
    judged = findings(result)
    return {**result, "findings": judged, "summary": count(judged)}


def beside(earlier: Json, new: Json) -> Json:
    """Of two results of one host in one run the newer, and with it what the other says of the other subject."""
    if "patch" in new and earlier["state"] == "enforced":
        base, patch = earlier, new
    elif "patch" in earlier and new["state"] == "enforced":
        base, patch = new, earlier
    else:
        return new
    judged = [
        *(finding for finding in base["findings"] if finding["kind"] != KIND),
        *(finding for finding in patch["findings"] if finding["kind"] == KIND),
    ]
    changed = base["changed"] or patch["changed"]
    return {**base, "patch": patch["patch"], "findings": judged, "summary": count(judged), "changed": changed}


def _group(change: Json) -> str:
    if change["severity"] == "kev":
        return "exploited"
    return "other" if change.get("security") is False else "security"


def _known(patch: Json) -> Json:
    unknown = patch["verdict"] == "unknown"
    why = "; ".join(patch.get("unknown_because") or []) or "the plan does not say why"
    oldest = min((source.get("released") or "unknown" for source in patch.get("sources") or []), default="no source")
    return _finding(
        "updates_known",
        (
            "It is known which updates the host needs",
            "A mirror that is old or cannot be read looks like a host that needs nothing.",
        ),
        "high",
        "error" if unknown else "pass",
        why if unknown else "",
        ("sources of packages", "all read and renewed", f"the oldest list is of {oldest}"),
    )


_WAITING = {
    "exploited": (
        "No update waits for what is known to be exploited",
        "Attackers use these today; each has a deadline of days.",
        "critical",
    ),
    "security": ("No security update waits", "What is mended upstream is known to everybody from then on.", "high"),
    "other": (
        "No other update waits past its deadline",
        "A host that is far behind gets its next security update only with all that it left out.",
        "low",
    ),
}


def _waiting(name: str, changes: t.Sequence[Json], made_now: bool, verdict: str) -> Json:
    title, rationale, severity = _WAITING[name]
    late = [change for change in changes if is_late(change)]
    if not changes:
        result, reason = ("error", "nobody can tell") if verdict == "unknown" else ("pass", "")
    elif made_now:
        result, reason = "fixed", f"installed: {_named(changes)}"
    elif late:
        result, reason = "fail", f"past the deadline: {_named(late)}"
    else:
        result, reason = "deferred", f"until {_first_deadline(changes)}: {_named(changes)}"
    after = "0 wait" if made_now or not changes else f"{len(changes)} wait"
    told = ("updates that wait", "0 wait", f"{len(changes)} wait", after)
    return _finding(f"updates_{name}", (title, rationale), severity, result, reason, told, "restart")


def _left_out(left: t.Sequence[Json], patch: Json) -> Json:
    bound = [each for each in left if not each.get("expires")]
    if not left:
        result, reason = "pass", ""
    elif bound:
        result, reason = "fail", f"left out, and nobody said until when: {_named(bound)}"
    else:
        result, reason = "waived", f"left out for a time: {_named(left)}"
    told = "; ".join(f"{each['name']}: {each.get('reason', '')}" for each in left[:_MOST_NAMED])
    kept_out = sum(len(patch[group]) for group in LEFT_OUT)
    return _finding(
        "updates_left_out",
        ("No security update is left out without an end", "What is held or excluded is forgotten, and stays open."),
        "high",
        result,
        ". ".join(part for part in (reason, told) if part),
        ("updates that are held back", "none without a day on which that ends", f"{kept_out} held back"),
    )


def _in_use(patch: Json) -> Json:
    reboot, services = patch.get("reboot") or {}, patch.get("services") or []
    why = [*(reboot.get("why") or ["it wants a restart"])] if reboot.get("needed") else []
    if services:
        why.append(f"old files in use by {', '.join(services[:_MOST_NAMED])}")
    found = (
        "a restart of the host" if reboot.get("needed") else f"{len(services)} to restart" if services else "nothing"
    )
    return _finding(
        "updates_in_use",
        ("What is installed is what runs", "A library that is mended on disk is still the old one where it is in use."),
        "medium",
        "fail" if why else "pass",
        "; ".join(why),
        ("services and kernel", "nothing runs what is no longer installed", found),
        "reboot",
    )


def _own_will(patch: Json) -> Json:
    told = patch.get("own_will") or []
    return _finding(
        "updates_own_will",
        ("Nothing updates the host by itself", "What changes a host outside its window was approved by nobody."),
        "medium",
        "fail" if told else "pass",
        "; ".join(told),
        ("programs that update or restart by themselves", "none", f"{len(told)} found" if told else "none"),
    )


def _services(patch: Json) -> Json:
    down = patch.get("down") or []
    waiting = patch.get("to_restart") or []
    words = [f"{len(patch.get('restarted') or [])} restarted", f"{len(down)} down"]
    words += [f"still to restart: {', '.join(waiting)}"] if waiting else []
    return _finding(
        "updates_services",
        ("What worked before the change works after it", "An update that stops a clinic is worse than a late one."),
        "critical",
        "fail" if down else "pass",
        f"down since: {', '.join(down)}" if down else "",
        ("services and sockets", "all that were there before", ", ".join(words)),
        "availability",
    )


def _taken_back(patch: Json, rehearsal: bool) -> Json:
    reopened = patch.get("reopened") or []
    opened = f"open again: {', '.join(reopened)}" if reopened else "it opens no known vulnerability again"
    return _finding(
        "updates_taken_back",
        ("An update was taken back", "An earlier version brings its known vulnerabilities back with it."),
        "high",
        "deferred" if rehearsal else "fail" if reopened else "fixed",
        f"{opened}. {_named(patch['changes'])}",
        ("packages of the run", "the earlier versions", f"{len(patch['changes'])} taken back"),
        "restart",
    )


def _first_deadline(changes: t.Sequence[Json]) -> str:
    return min((str(change["deadline"])[:10] for change in changes if change.get("deadline")), default="no deadline")


def _named(changes: t.Sequence[Json]) -> str:
    """The packages, the most pressing first, with what they close."""
    order = sorted(changes, key=lambda each: (PATCH_SEVERITIES.index(each["severity"]), each["name"]))
    told = [f"{each['name']} {each['to'] or 'removed'}{_closes(each)}" for each in order[:_MOST_NAMED]]
    more = [f"and {len(order) - _MOST_NAMED} more"] if len(order) > _MOST_NAMED else []
    return ", ".join([*told, *more])


def _closes(change: Json) -> str:
    cves = change.get("cves") or []
    if not cves:
        return ""
    return f" ({', '.join(cves[:3])}{f' and {len(cves) - 3} more' if len(cves) > 3 else ''})"


def _finding(
    control: str,
    texts: t.Tuple[str, str],
    severity: str,
    result: str,
    reason: str,
    told: t.Tuple[str, ...],
    hazard: str = "none",
) -> Json:
    subject, wanted, before = told[:3]
    return {
        "id": control,
        "title": texts[0],
        "rationale": texts[1],
        "severity": severity,
        "hazard": hazard,
        "tier": "essential",
        "kind": KIND,
        "result": result,
        "reason": reason,
        "subject": subject,
        "wanted": wanted,
        "before": before,
        "after": told[3] if len(told) > 3 else before,
        "verdicts": {},
        "references": [dict(_REFERENCE)],
    }
