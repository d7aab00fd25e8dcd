# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the report about packages: what waits, was installed, taken back or left out, and for which hosts.

Private to the collection, and pure. The same change on several hosts is told once. Days left are those of the plan.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    LEFT_OUT,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    SEVERITIES as PATCH_SEVERITIES,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.fleet import days
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.text import moment, show
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_record import (
    is_installed,
    package_changes,
    patch_records,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
)

Link = tuple[str, str]

#: What becomes of a change -> (the class of its pill, its word); the first comes first.
STATUS = {
    "late": ("fail", "past its deadline"),
    "waits": ("deferred", "waits"),
    "to_take_back": ("deferred", "to take back"),
    "taken_back": ("waived", "taken back"),
    "installed": ("fixed", "installed"),
    "held": ("waived", "held"),
    "excluded": ("waived", "excluded"),
    "not_allowed": ("waived", "not allowed"),
    "too_young": ("notchecked", "too young"),
    "phased": ("notchecked", "phased"),
}
VERDICT = {
    "updates": ("deferred", "updates wait"),
    "none": ("pass", "up to date"),
    "unknown": ("error", "nobody can tell"),
}
#: A rule of a policy that has not ended, by its key there.
RULES = {
    "exclude": ("waived", "excluded"),
    "pin": ("waived", "pinned"),
}
SEVERITY_NAMES = {"kev": "exploited"}
MOST_SHOWN = 6


@dataclasses.dataclass(frozen=True)
class Update:
    """One change, told once for all hosts that have it in just this way."""

    pill: Link
    package: str
    versions: str
    severity: str
    urgent: bool
    security: str
    closes: list[str]
    more: int
    deadline: str
    days_left: str
    why: str
    interrupts: str
    hosts: list[Link]


@dataclasses.dataclass(frozen=True)
class HostUpdates:
    host: Link
    pill: Link
    facts: list[tuple[str, str]]
    doubts: list[str]


@dataclasses.dataclass(frozen=True)
class Rule:
    """An exclusion or a pin of a policy, with the hosts that have it."""

    pill: Link
    packages: str
    reason: str
    ends: str
    hosts: list[Link]


@dataclasses.dataclass(frozen=True)
class Updates:
    """``number`` and ``done`` are those of changes on hosts, not of different ones."""

    chosen: list[Update]
    left_out: list[Update]
    rules: list[Rule]
    hosts: list[HostUpdates]
    severities: list[tuple[str, int]]
    number: int
    late: int
    done: int
    reopened: list[tuple[Link, str]]


def updates(run: Json, anchors: Mapping[str, str]) -> Updates:
    """Return the part of the page about packages: how many of each severity, and the packages of all hosts."""
    changes = list(package_changes(run))
    chosen = [entry for entry in changes if entry[2] not in LEFT_OUT]
    counted = {
        severity: sum(change["severity"] == severity for *_context, change in chosen) for severity in PATCH_SEVERITIES
    }
    known = patch_records(run)
    return Updates(
        chosen=_once(chosen, anchors),
        left_out=_once([entry for entry in changes if entry[2] in LEFT_OUT], anchors),
        rules=_rules(known, anchors),
        hosts=[_host(name, anchors[name], result) for name, result in known],
        severities=[(severity_name(severity), number) for severity, number in counted.items() if number],
        number=len(chosen),
        late=sum(status == "late" for _name, _result, status, _change in chosen),
        done=sum(status in ("installed", "taken_back") for _name, _result, status, _change in chosen),
        reopened=[
            ((show(name), anchors[name]), ", ".join(map(show, result["patch"]["reopened"])))
            for name, result in known
            if result["patch"].get("reopened")
        ],
    )


def _rules(known: Sequence[tuple[str, Json]], anchors: Mapping[str, str]) -> list[Rule]:
    """Every rule of every policy, once; what ends first comes first."""
    hosts: dict[tuple[int, str, str, str, str], list[Link]] = {}
    for name, result in known:
        for kind in RULES:
            for rule in result["patch"].get("policy", {}).get(kind, []):
                packages = ", ".join(map(show, rule["packages"]))
                pinned = f"{packages}: {show(rule['version'])} only" if rule.get("version") else packages
                key = (rule["days_left"], kind, pinned, show(rule["reason"]), rule["expires"])
                hosts.setdefault(key, []).append((show(name), anchors[name]))
    return [
        Rule(
            pill=("fail", "ended") if days_left < 0 else RULES[kind],
            packages=packages,
            reason=reason,
            ends=f"until {show(expires)}, {days(days_left)}",
            hosts=hosts[days_left, kind, packages, reason, expires],
        )
        for days_left, kind, packages, reason, expires in sorted(hosts)
    ]


def severity_name(severity: str) -> str:
    return SEVERITY_NAMES.get(severity, severity)


def _once(changes: Sequence[tuple[str, Json, str, Json]], anchors: Mapping[str, str]) -> list[Update]:
    several: dict[tuple[Any, ...], list[Link]] = {}
    first: dict[tuple[Any, ...], Json] = {}
    order = list(STATUS)
    for name, _result, status, change in changes:
        # The most pressing first; what only then would be equal is told apart by the rest.
        key = (
            order.index(status),
            PATCH_SEVERITIES.index(change["severity"]),
            str(change.get("deadline") or "9")[:10],
            change["name"],
            *(str(change.get(key_name) or "") for key_name in ("from", "to", "reason", "expires")),
        )
        first.setdefault(key, change)
        host = (show(name), anchors[name])
        if host not in several.setdefault(key, []):
            several[key].append(host)
    return [_update(order[key[0]], first[key], several[key]) for key in sorted(several)]


def _update(status: str, change: Json, hosts: list[Link]) -> Update:
    cves, days_left = list(change.get("cves") or []), change.get("days_left")
    shown = [show(name) for name in [*cves, *(change.get("advisories") or [])]]
    waits = status in ("late", "waits")
    first, then = change["from"], change["to"]
    if status in ("to_take_back", "taken_back"):
        first, then = then, first
    return Update(
        pill=STATUS[status],
        package=show(change["name"]),
        versions=f"{show(first or None)} → {show(then or None)}",
        severity=severity_name(change["severity"]),
        urgent=change["severity"] in ("kev", "critical", "high"),
        security={True: "security", False: "", None: "security: unknown"}[change.get("security")],
        closes=shown[:MOST_SHOWN],
        more=max(0, len(shown) - MOST_SHOWN),
        deadline=_deadline(status, change),
        days_left=_days(days_left) if waits and isinstance(days_left, int) else "",
        why=show(change["reason"]) if change.get("reason") else "; ".join(map(show, change.get("why") or [])),
        interrupts=_interrupts(change),
        hosts=hosts,
    )


def _deadline(status: str, change: Json) -> str:
    """Return until when a change has to be made, or how long it is left out; empty where neither matters any more."""
    if status in ("late", "waits"):
        return str(change.get("deadline") or "")[:10] or "none"
    if status not in LEFT_OUT:
        return ""
    if change.get("expires"):
        return f"until {show(str(change['expires'])[:10])}"
    return "no end"


def _interrupts(change: Json) -> str:
    parts = [f"restarts {', '.join(map(show, change['restarts']))}"] if change.get("restarts") else []
    return "; ".join([*parts, *(["wants a restart of the host"] if change.get("reboot") else [])])


def _days(days_left: int) -> str:
    if days_left < 0:
        return f"{plural(-days_left, 'day')} over"
    return "last day" if days_left == 0 else f"{plural(days_left, 'day')} left"


def _host(name: str, anchor: str, result: Json) -> HostUpdates:
    patch = result["patch"]
    approval, reboot = patch.get("approval"), patch.get("reboot") or {}
    facts = [("Plan", show(patch["digest"][:19]))]
    if approval:
        ticket = f", {show(approval['ticket'])}" if approval.get("ticket") else ""
        facts.append(("Approved by", f"{show(approval['approver'])}{ticket}"))
    if reboot.get("needed"):
        facts.append(("Restart of the host", "; ".join(map(show, reboot.get("why") or ["needed"]))))
    if patch.get("services"):
        facts.append(("Run old files", ", ".join(map(show, patch["services"]))))
    if patch.get("sources"):
        released = min((str(entry.get("released") or "") for entry in patch["sources"]), default="")
        facts.append(("Oldest list", moment(released) if released else "not known"))
    for key, entry in sorted((patch.get("advisories_as_of") or {}).items()):
        facts.append((f"Advisories: {key.replace('_', ' ')}", moment(entry)))
    done, rolled_back = is_installed(result), patch["state"] == "rolled_back"
    pill = ("fixed", "installed") if done and patch["changes"] else VERDICT[patch["verdict"]]
    if rolled_back:
        pill = ("waived", "to take back" if result["check_mode"] else "taken back")
    doubts = [*(patch.get("unknown_because") or []), *(patch.get("own_will") or [])]
    return HostUpdates(
        host=(show(name), anchor),
        pill=pill,
        facts=facts,
        doubts=[show(entry) for entry in doubts],
    )
