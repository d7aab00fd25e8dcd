# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one point at which a result becomes a record: what may be kept is chosen, cleaned and checked here.

Private to the collection. Two nets, one behind the other: only named keys are kept, at every depth; and from the texts
that they hold, secrets and what names a patient are taken out (``_text.outlet``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._text.outlet import outgoing
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.availability import (
    KEYS as AVAILABILITY_KEYS,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import (
    KEYS as GUARD_KEYS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import (
    configuration_findings,
    patch_findings,
    patch_record,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.check import check_result, refuse
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    CHANGE_KEYS,
    FINDING_KEYS,
    FRAMEWORK_KEYS,
    KEPT,
    LEFT_KEYS,
    MESSAGE_LIMIT,
    PROBE_KEYS,
    PROFILE_KEYS,
    RECORD_SCHEMA,
    REFERENCE_KEYS,
    TIMES,
    WAIVER_KEYS,
    Json,
    check_host_name,
    count,
    plain,
)


def clean_result(result: Any, host: str, run_id: str = "") -> Json:
    """The part of a registered baseline result that is evidence, checked.

    ``run_id`` is what the caller believes; it must agree with the result and is needed where the task failed so early
    that the result has none. Such a result becomes a record in state ``failed`` with no findings: unknown, never good.
    """
    if not isinstance(result, Mapping):
        raise refuse(host, f"the result is a {type(result).__name__}, not a mapping")
    data = {key: plain(result[key], key) for key in KEPT if key != "warnings" and result.get(key) is not None}
    evidence = dict(data)
    for key, name in TIMES.items():
        if isinstance(result.get(name), str):
            evidence[key] = plain(result[name], name)
    if isinstance(result.get("warnings"), (list, tuple)):  # each is a text or one of Ansible's own objects
        evidence["warnings"] = [str(plain(_warning_text(warning))) for warning in result["warnings"]]
    if result.get("configurations") and run_id and str(evidence.get("run_id")).startswith(f"{run_id}-"):
        evidence["run_id"] = run_id  # that of the host's journal has the name of the system after it
    if run_id and evidence.setdefault("run_id", run_id) != run_id:
        raise refuse(host, f"it belongs to run {evidence['run_id']!r}, not to run {run_id!r}")
    if patch_record.plan_of(result):
        return _patch_result(result, evidence, host)
    if result.get("configurations"):
        return _with_configurations(result, evidence, host)
    if "findings" not in evidence and "restored" not in evidence:
        evidence = _failed_result(result, evidence, host)
    return _cleaned(check_result(_with_links(evidence, host), host))


def _with_links(evidence: Json, host: str) -> Json:
    for finding in evidence.get("findings") or ():
        if isinstance(finding, dict) and isinstance(finding.get("references"), dict):
            finding["references"] = _links(finding["references"], evidence.get("frameworks"), host)
    return evidence


def _warning_text(warning: Any) -> str:
    """Return what is warned of, without what Ansible's own object says of where that came from."""
    return str(getattr(getattr(warning, "event", warning), "msg", warning))


def _links(supported: Json, frameworks: Any, host: str) -> list[Json]:
    """The references of a control one by one, each with what is known of its framework."""
    links = []
    for name, references in supported.items():
        about = frameworks.get(name) if isinstance(frameworks, dict) else None
        if not isinstance(about, dict) or not isinstance(references, dict):
            raise refuse(host, f"nothing is known of the framework {name!r} that its findings name")
        whose = {"framework": name, "title": about.get("title", name), "status": about.get("status", "guidance")}
        links += [{**whose, "reference": reference, "strength": strength} for reference, strength in references.items()]
    return links


def _patch_result(result: Mapping[str, Any], base: Json, host: str) -> Json:
    """A patch result keeps its plan, cleaned before findings are made of it, so that these are clean as well."""
    patch = outgoing(patch_record.evidence_of(result))
    names = ("run_id", "started", "finished", "host", "warnings", "changed", "check_mode", "failed")
    made = {"changed": False, "check_mode": False, **{name: base[name] for name in names if name in base}}
    made.update(
        state="patched", msg=str(base.get("msg") or "")[:MESSAGE_LIMIT], patch=patch, findings=[], summary=count([])
    )
    return _cleaned(check_result(patch_findings.with_findings(check_result(made, host)), host))


def _with_configurations(result: Mapping[str, Any], base: Json, host: str) -> Json:
    """A result of the baseline with what it says of the configurations, or that of one system that was configured."""
    configurations = outgoing(configuration_findings.evidence_of(result))
    if "findings" in base:
        made = {**check_result(_with_links(base, host), host), "configurations": configurations}
    else:
        names = ("run_id", "started", "finished", "warnings", "changed", "check_mode", "failed", "guard")
        made = {"changed": False, "check_mode": False, **{name: base[name] for name in names if name in base}}
        made.update(state="configured", msg=str(base.get("msg") or "")[:MESSAGE_LIMIT], findings=[], summary=count([]))
        made["configurations"] = configurations
    return _cleaned(check_result(configuration_findings.with_findings(check_result(made, host)), host))


def _failed_result(data: Mapping[str, Any], base: Json, host: str) -> Json:
    if "results" in data:
        raise refuse(host, "it is the result of a loop", "Record each item's result on its own.")
    if not (data.get("failed") or data.get("unreachable") or data.get("skipped")):
        raise refuse(host, "it has no findings and did not fail")
    message = str(base.get("msg") or plain(data.get("skip_reason")) or "The task ended with no message.")
    if data.get("unreachable"):
        message = f"Unreachable: {message}"
    elif data.get("skipped"):
        message = f"Skipped: {message}"
    record: Json = {
        "changed": bool(data.get("changed", False)),
        "check_mode": bool(data.get("check_mode", False)),
        "failed": True,
        "findings": [],
        "msg": message[:MESSAGE_LIMIT],
        "state": "failed",
        "summary": count([]),
    }
    return {
        **{
            key: base[key]
            for key in ("run_id", "tier", "started", "finished", "host", "changes", "guard", "waivers", "availability")
            if key in base
        },
        **record,
    }


def clean_probes(probes: Sequence[Any], host: str, run_id: str, check_mode: bool = False) -> Json:
    """A result that holds nothing but how services answered: in state ``probed``, with no word about any control."""
    clean = [plain(probe, f"probes[{number}]") for number, probe in enumerate(probes)]
    clean = [{"latency_ms": None, **probe} if isinstance(probe, dict) else probe for probe in clean]
    made = {"run_id": run_id, "state": "probed", "msg": "", "changed": False, "check_mode": check_mode, "probes": clean}
    return _cleaned(check_result(made, host))


def merged(earlier: Json | None, new: Json) -> Json:
    """One record out of what was kept of a host in this run before and what comes now.

    A result of the baseline takes the place of an earlier one, and so does one of patching, or of the configuration of
    the same system; a probe takes that of the same probe of the same target. So the order of two writes of different
    things does not matter, and the same write twice changes nothing.
    """
    if earlier is None:
        return new
    probes = {
        (probe["probe"], probe["target"]): probe for result in (earlier, new) for probe in result.get("probes", [])
    }
    combined = dict(earlier if new["state"] == "probed" else _combined(earlier, new))
    if probes:
        combined["probes"] = [probes[key] for key in sorted(probes)]
    return combined


#: The states that say something of one subject and nothing of others, the one that gives the record its rest first.
_OF_ONE_SUBJECT = ("enforced", "patched", "configured")
_KINDS_BESIDE = (patch_findings.KIND, configuration_findings.KIND)


def _combined(earlier: Json, later: Json) -> Json:
    """Return the later of two results of one host in one run, and with it what the other says of other subjects."""
    if not {earlier["state"], later["state"]} <= {*_OF_ONE_SUBJECT}:
        return later
    base = min((later, earlier), key=lambda result: _OF_ONE_SUBJECT.index(result["state"]))
    made = dict(base)
    if earlier["state"] != later["state"]:
        made["changed"] = earlier["changed"] or later["changed"]
    findings = [finding for finding in base["findings"] if finding["kind"] not in _KINDS_BESIDE]
    patched = later if "patch" in later else earlier
    if "patch" in patched:
        made["patch"] = patched["patch"]
        findings += _of_kind(patch_findings.KIND, patched)
    systems = {system["name"]: system for result in (earlier, later) for system in result.get("configurations", ())}
    if systems:
        made["configurations"] = [systems[name] for name in sorted(systems)]
        judged = {
            item["id"]: item for result in (earlier, later) for item in _of_kind(configuration_findings.KIND, result)
        }
        findings += [judged[control] for control in sorted(judged)]
    return {**made, "findings": findings, "summary": count(findings)}


def _of_kind(kind: str, result: Json) -> list[Json]:
    return [finding for finding in result["findings"] if finding["kind"] == kind]


def _cleaned(result: Json) -> Json:
    """A checked result without keys that nobody named, and without what a text must not quote."""
    made = {key: value if key in _OWN_WORDS else outgoing(value) for key, value in result.items()}
    if "findings" in result:
        made["findings"] = [_clean_finding(finding) for finding in result["findings"]]
    for key, keys in _LISTS.items():
        if key in result:
            made[key] = [_only(item, keys) for item in made[key]]
    for key, keys in _MAPPINGS.items():
        if key in result:
            made[key] = _only(made[key], keys)
    if "frameworks" in result:
        known = {name: about for name, about in result["frameworks"].items() if isinstance(about, dict)}
        made["frameworks"] = {name: _only(about, FRAMEWORK_KEYS) for name, about in known.items()}
    return made


#: What the collection itself says, in its catalogue or as one of its words; a pattern could only harm it.
_OWN_WORDS = (
    "run_id",
    "state",
    "tier",
    "started",
    "finished",
    "catalogue",
    "summary",
    "findings",
    "frameworks",
    "patch",
    "configurations",
)
_MAPPINGS: dict[str, Sequence[str]] = {"availability": AVAILABILITY_KEYS, "guard": GUARD_KEYS}
_LISTS: dict[str, Sequence[str]] = {
    "changes": CHANGE_KEYS,
    "restored": CHANGE_KEYS,
    "left": LEFT_KEYS,
    "waivers": WAIVER_KEYS,
    "probes": PROBE_KEYS,
    "profiles": PROFILE_KEYS,
}
_OWN_WORDS_OF_A_FINDING = ("id", "title", "rationale", "severity", "hazard", "tier", "kind", "result", "references")


def _clean_finding(finding: Json) -> Json:
    made = {
        key: finding[key] if key in _OWN_WORDS_OF_A_FINDING else outgoing(finding[key])
        for key in (*FINDING_KEYS, "waiver")
        if key in finding
    }
    made["verdicts"] = {aspect: _only(verdict, ("state", "saw")) for aspect, verdict in made["verdicts"].items()}
    made["references"] = [_only(reference, REFERENCE_KEYS) for reference in made["references"]]
    if "waiver" in made:
        made["waiver"] = _only(made["waiver"], WAIVER_KEYS)
    return made


def _only(data: Json, keys: Sequence[str]) -> Json:
    return {key: data[key] for key in keys if key in data}


def record(host: str, result: Json) -> Json:
    """Return the content of a record's file; the host's name is inside, so that a renamed file is noticed."""
    return {"schema": RECORD_SCHEMA, "hostname": check_host_name(host), "result": result}


def open_record(data: Any, host: str, run_id: str) -> Json:
    """The checked result out of a record's file content; ClinicalError where it is another's."""
    if not isinstance(data, dict) or data.get("schema") != RECORD_SCHEMA:
        raise refuse(host, f"its schema is not {RECORD_SCHEMA}", "")
    if data.get("hostname") != host:
        raise refuse(host, f"the record is of {data.get('hostname')!r}", "")
    result = check_result(data.get("result"), host)
    if result["run_id"] != run_id:
        raise refuse(host, f"it belongs to run {result['run_id']!r}, not to run {run_id!r}", "")
    return result
