# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether data has the shape of a record; else an error that names the host and the key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import shown
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import DRIFT_KEYS
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import (
    KEYS as CONFIGURATION_KEYS,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import (
    STATES as GUARD_STATES,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    LEFT_OUT,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    SEVERITIES as PATCH_SEVERITIES,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    STATES as PATCH_STATES,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    VERDICTS as PATCH_VERDICTS,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    VERDICT_STATES,
    VERDICTS,
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import (
    HAZARDS,
    MOST_SEVERE_FIRST,
    TIERS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    FINDING_KEYS,
    PROBE_KEYS,
    STATES,
    TIME,
    Json,
    check_run_id,
    count,
)


def check_result(data: Any, host: str) -> Json:
    """``data`` itself, if it has the shape of a record; else a ClinicalError that names the host and the key."""
    if not isinstance(data, dict):
        raise refuse(host, "it is not a mapping")
    check_run_id(_want(data, "run_id", str, host))
    state = _choice(data, "state", STATES, host)
    _want(data, "msg", str, host)
    _want(data, "changed", bool, host)
    _want(data, "check_mode", bool, host)
    for key in ("started", "finished"):
        if (state == "enforced" or key in data) and not TIME.fullmatch(_want(data, key, str, host)):
            raise refuse(host, f"{key} is {data[key]!r}, not a time like 2026-11-22T15:00:00Z")
    if state == "enforced":
        _check_enforced(data, host)
    if state in ("patched", "configured"):
        _check_findings(data, host)
        part, kind = ("patch", dict) if state == "patched" else ("configurations", list)
        _want(data, part, kind, host)
    if state == "reverted":
        for number, item in enumerate(_want(data, "restored", list, host)):
            _check_keys(item, ("subject", "before", "after"), f"restored[{number}]", host)
    for number, item in enumerate(_optional(data, "changes", list, host) or []):
        _check_keys(item, ("subject", "before", "after"), f"changes[{number}]", host)
    if "guard" in data:
        _check_guard(_want(data, "guard", dict, host), host)
    _check_beside(data, host)
    if state == "probed" and not data.get("probes"):
        raise refuse(host, "it has no probes", "Give the results of one probe at least.")
    return data


def _check_beside(data: Json, host: str) -> None:
    """Check what a result may hold beside its findings. Raises ClinicalError that names the key."""
    _optional(data, "host", dict, host)
    _optional(data, "warnings", list, host)
    _optional(data, "availability", dict, host)
    _optional(data, "frameworks", dict, host)
    if "patch" in data:
        _check_patch(_want(data, "patch", dict, host), host)
    for number, configuration in enumerate(_optional(data, "configurations", list, host) or []):
        _check_configuration(configuration, f"configurations[{number}]", host)
    for number, waiver in enumerate(_optional(data, "waivers", list, host) or []):
        _check_waiver(waiver, f"waivers[{number}]", host)
        _check_keys(waiver, ("control",), f"waivers[{number}]", host)
    for number, probe in enumerate(_optional(data, "probes", list, host) or []):
        _check_probe(probe, f"probes[{number}]", host)
    for number, profile in enumerate(_optional(data, "profiles", list, host) or []):
        _check_keys(profile, ("id", "title"), f"profiles[{number}]", host)


def _check_enforced(data: Json, host: str) -> None:
    _choice(data, "tier", TIERS, host)
    _want(data, "host", dict, host)
    _want(_want(data, "catalogue", dict, host), "digest", str, host, "catalogue.")
    _check_findings(data, host)


def _check_findings(data: Json, host: str) -> None:
    findings = _want(data, "findings", list, host)
    seen: set[str] = set()
    for number, finding in enumerate(findings):
        _check_finding(finding, f"findings[{number}]", host)
        if finding["id"] in seen:
            raise refuse(host, f"the control {finding['id']!r} has two findings")
        seen.add(finding["id"])
    summary = _want(data, "summary", dict, host)
    counted = count(findings)
    if {result: summary.get(result, 0) for result in {*counted, *summary}} != counted:
        raise refuse(host, f"the summary {summary} does not add up with its findings {counted}")


def _check_configuration(configuration: Any, where: str, host: str) -> None:
    _check_keys(configuration, (*CONFIGURATION_KEYS, "changes"), where, host)
    _want(configuration, "name", str, host, f"{where}.")
    _want(configuration, "changed", bool, host, f"{where}.")
    for key in ("restarts_due", "errors"):
        _want(configuration, key, list, host, f"{where}.")
    for key, keys in (("drift", DRIFT_KEYS), ("changes", ("subject", "before", "after"))):
        for number, item in enumerate(_want(configuration, key, list, host, f"{where}.")):
            _check_keys(item, keys, f"{where}.{key}[{number}]", host)


def _check_patch(patch: Json, host: str) -> None:
    _check_keys(patch, ("digest", "changes", *LEFT_OUT), "patch", host)
    _choice(patch, "state", PATCH_STATES, host, "patch.")
    _choice(patch, "verdict", PATCH_VERDICTS, host, "patch.")
    for group in ("changes", *LEFT_OUT):
        for number, change in enumerate(_want(patch, group, list, host, "patch.")):
            where = f"patch.{group}[{number}]"
            _check_keys(change, ("name", "arch", "change", "from", "to"), where, host)
            _choice(change, "severity", PATCH_SEVERITIES, host, f"{where}.")


def _check_guard(guard: Json, host: str) -> None:
    _choice(guard, "state", GUARD_STATES, host, "guard.")
    _want(guard, "why", str, host, "guard.")
    for key in ("until", "ended"):
        if _want(guard, key, str, host, "guard.") and not TIME.fullmatch(guard[key]):
            raise refuse(host, f"guard.{key} is {guard[key]!r}, not a time like 2026-11-22T15:00:00Z")


def _check_finding(finding: Any, where: str, host: str) -> None:
    _check_keys(finding, FINDING_KEYS, where, host)
    for key in ("id", "title", "rationale", "kind", "reason", "subject"):
        _want(finding, key, str, host, f"{where}.")
    _choice(finding, "result", WORST_FIRST, host, f"{where}.")
    _choice(finding, "severity", MOST_SEVERE_FIRST, host, f"{where}.")
    _choice(finding, "hazard", HAZARDS, host, f"{where}.")
    _choice(finding, "tier", TIERS, host, f"{where}.")
    for name, verdict in _want(finding, "verdicts", dict, host, f"{where}.").items():
        if name not in VERDICTS:
            raise refuse(host, f"{where}.verdicts has the unknown key {name!r}", f"Known: {', '.join(VERDICTS)}.")
        _check_keys(verdict, ("state", "saw"), f"{where}.verdicts.{name}", host)
        _choice(verdict, "state", VERDICT_STATES, host, f"{where}.verdicts.{name}.")
    for number, reference in enumerate(_want(finding, "references", list, host, f"{where}.")):
        _check_keys(reference, ("framework", "title", "reference"), f"{where}.references[{number}]", host)

    if "waiver" in finding:
        _check_waiver(finding["waiver"], f"{where}.waiver", host)


def _check_waiver(waiver: Any, where: str, host: str) -> None:
    _check_keys(waiver, ("expires", "days_left"), where, host)
    _want(waiver, "expires", str, host, f"{where}.")
    _want(waiver, "days_left", int, host, f"{where}.")


def _check_probe(probe: Any, where: str, host: str) -> None:
    _check_keys(probe, PROBE_KEYS, where, host)
    for key in ("probe", "target", "state", "saw"):
        _want(probe, key, str, host, f"{where}.")
    _want(probe, "healthy", bool, host, f"{where}.")
    if probe["latency_ms"] is not None and (
        isinstance(probe["latency_ms"], bool) or not isinstance(probe["latency_ms"], (int, float))
    ):
        raise refuse(host, f"{where}.latency_ms is {probe['latency_ms']!r}, wanted is a number of milliseconds")


def _check_keys(item: Any, keys: Sequence[str], where: str, host: str) -> None:
    if not isinstance(item, dict):
        raise refuse(host, f"{where} is not a mapping")
    missing = [key for key in keys if key not in item]
    if missing:
        raise refuse(host, f"{where} has no {', '.join(missing)}")


def _want(data: Json, key: str, kind: type, host: str, where: str = "") -> Any:
    if not isinstance(data.get(key), kind):
        fault = f"is {data[key]!r}"[:120] if key in data else "is missing"
        raise refuse(host, f"{where}{key} {fault}, wanted is a {kind.__name__}")
    return data[key]


def _optional(data: Json, key: str, kind: type, host: str) -> Any:
    if key in data:
        return _want(data, key, kind, host)
    return None


def _choice(data: Json, key: str, choices: Sequence[str], host: str, where: str = "") -> str:
    value: str = _want(data, key, str, host, where)
    if value not in choices:
        raise refuse(host, f"{where}{key} is {value!r}", f"Known words: {', '.join(choices)}.")
    return value


def refuse(
    host: str, fault: str, try_this: str = "Pass the registered result of healthops.clinical.baseline or patch."
) -> ClinicalError:
    """Return the error of a result that is no evidence; nothing secret that it quotes is shown."""
    return ClinicalError("Recording", f"the result of {host}", shown(fault), try_this)
