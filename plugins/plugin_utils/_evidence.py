# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evidence is: the record of one host and the bundle of a run. Pure data. Private to the collection.

A *record* is the cleaned result of ``healthops.clinical.baseline`` on one host. A *bundle* is the records of all hosts
of one run id together with the names of the hosts that gave none. Nothing here looks at a clock or a disk: the same
results make the same bytes on any day and any machine.
"""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError

Json = t.Dict[str, t.Any]

RECORD_SCHEMA = "healthops.clinical/record/1"
RUN_SCHEMA = "healthops.clinical/run/1"

#: The result words, worst first. The first six are XCCDF's, the last two ours.
RESULTS = ("error", "fail", "deferred", "waived", "fixed", "pass", "notchecked", "notapplicable")
STATES = ("enforced", "reverted", "failed")
MODES = ("audit", "harden", "rollback")
TIERS = ("essential", "standard", "strict")
SEVERITIES = ("critical", "high", "medium", "low")
HAZARDS = ("none", "lockout", "restart", "reboot", "app_break", "availability")
VERDICTS = ("running", "on_disk", "survives_reboot")
#: What became of a change that could have kept people out. Records of before there were guards have none.
GUARD_STATES = ("none", "armed", "confirmed", "reverted", "skipped", "off", "unknown")
#: Those after which a host is without its change, or may be.
LOST = ("reverted", "unknown")
VERDICT_STATES = ("ok", "deviates", "unknown", "notapplicable")

#: What is kept of a result. Everything else (invocation, ansible_facts, diff, exception, _ansible_*) is dropped:
#: only what is named here can be evidence, so nothing secret slips in beside it.
KEPT = (
    "changed",
    "msg",
    "run_id",
    "state",
    "check_mode",
    "tier",
    "started",
    "finished",
    "catalogue",
    "host",
    "summary",
    "findings",
    "changes",
    "guard",
    "warnings",
    "restored",
    "reverted_run_id",
    "failed",
    "unreachable",
)
#: A record's times and what the baseline calls them: Ansible keeps "started" and "finished" in results for async tasks,
#: and from 2.21 on makes a boolean of the latter.
TIMES = {"started": "began", "finished": "ended"}
FINDING_KEYS = (
    "id",
    "title",
    "rationale",
    "severity",
    "hazard",
    "tier",
    "kind",
    "result",
    "reason",
    "subject",
    "wanted",
    "before",
    "after",
    "verdicts",
    "references",
)
MESSAGE_LIMIT = 4000

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def canonical(value: t.Any) -> bytes:
    """The one spelling of a value: sorted keys, no spaces, UTF-8, one newline at the end.

    Bytes that were no text (kept by Python as lone surrogates) become JSON's own ``\\udcXX`` and so are not lost.
    """
    try:
        text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as exc:
        raise ClinicalError("Writing", "evidence as JSON", str(exc), "Only plain data can be evidence.") from exc
    return text.encode("utf-8", "backslashreplace") + b"\n"


def plain(value: t.Any, where: str = "result") -> t.Any:
    """A deep copy made of exact built-in types only; Ansible hands over tagged, lazy or "unsafe" subclasses of them."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, t.Mapping):
        return {_key(key, where): plain(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    raise ClinicalError(
        "Recording", where, f"it is a {type(value).__name__}, not plain data", "Pass the registered baseline result."
    )


def _key(key: t.Any, where: str) -> str:
    if not isinstance(key, str):
        raise ClinicalError("Recording", where, f"the key {key!r} is not text", "Pass the registered baseline result.")
    return str.__str__(key)


def check_run_id(run_id: str) -> str:
    """The run id, if it may name a directory; else ClinicalError."""
    if _RUN_ID.fullmatch(run_id) and run_id != "latest":
        return run_id
    raise ClinicalError(
        "Using",
        f"the run id {run_id!r}",
        "it cannot name a directory",
        "Use letters, digits, '.', '_' and '-', at most 80, starting with a letter or digit, and not 'latest'.",
    )


def check_host_name(name: str) -> str:
    """The inventory name, if it may name a file and cannot lead anywhere else; else ClinicalError."""
    bad = ""
    if not name or name != name.strip():
        bad = "it is empty or has blanks around it"
    elif name.startswith("."):
        bad = "it starts with a dot"
    elif "/" in name or "\\" in name or _CONTROL_CHARACTER.search(name):
        bad = "it has a slash, a backslash or a control character in it"
    elif len(name.encode("utf-8", "surrogatepass")) > 200:
        bad = "it is longer than 200 bytes"
    if bad:
        raise ClinicalError(
            "Using", f"the host name {name!r}", f"{bad}, so it cannot name a record", "Rename the host."
        )
    return name


def clean_result(result: t.Any, host: str, run_id: str = "") -> Json:
    """The part of a registered baseline result that is evidence, checked.

    ``run_id`` is what the caller believes; it must agree with the result and is needed where the task failed so early
    that the result has none. Such a result becomes a record in state ``failed`` with no findings: unknown, never good.
    """
    if not isinstance(result, t.Mapping):
        raise _refuse(host, f"the result is a {type(result).__name__}, not a mapping")
    data = {key: plain(result[key], key) for key in KEPT if key != "warnings" and result.get(key) is not None}
    kept = dict(data)
    for key, name in TIMES.items():
        if isinstance(result.get(name), str):
            kept[key] = plain(result[name], name)
    if isinstance(result.get("warnings"), (list, tuple)):  # each is a text or one of Ansible's own objects
        kept["warnings"] = [str(plain(str(each))) for each in result["warnings"]]
    if run_id and kept.setdefault("run_id", run_id) != run_id:
        raise _refuse(host, f"it belongs to run {kept['run_id']!r}, not to run {run_id!r}")
    if "findings" not in kept and "restored" not in kept:
        kept = _failed_result(result, kept, host)
    return check_result(kept, host)


def _failed_result(data: t.Mapping[str, t.Any], kept: Json, host: str) -> Json:
    if "results" in data:
        raise _refuse(host, "it is the result of a loop", "Record each item's result on its own.")
    if not (data.get("failed") or data.get("unreachable") or data.get("skipped")):
        raise _refuse(host, "it has no findings and did not fail")
    message = str(kept.get("msg") or plain(data.get("skip_reason")) or "The task ended with no message.")
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
            key: kept[key]
            for key in ("run_id", "tier", "started", "finished", "host", "changes", "guard")
            if key in kept
        },
        **record,
    }


def check_result(data: t.Any, host: str) -> Json:
    """``data`` itself, if it has the shape of a record; else a ClinicalError that names the host and the key."""
    if not isinstance(data, dict):
        raise _refuse(host, "it is not a mapping")
    check_run_id(_want(data, "run_id", str, host))
    state = _word(data, "state", STATES, host)
    _want(data, "msg", str, host)
    _want(data, "changed", bool, host)
    _want(data, "check_mode", bool, host)
    for key in ("started", "finished"):
        if (state == "enforced" or key in data) and not _TIME.fullmatch(_want(data, key, str, host)):
            raise _refuse(host, f"{key} is {data[key]!r}, not a time like 2026-11-22T15:00:00Z")
    if state == "enforced":
        _check_enforced(data, host)
    if state == "reverted":
        for number, item in enumerate(_want(data, "restored", list, host)):
            _check_keys(item, ("subject", "before", "after"), f"restored[{number}]", host)
    for number, item in enumerate(_optional(data, "changes", list, host) or []):
        _check_keys(item, ("subject", "before", "after"), f"changes[{number}]", host)
    if "guard" in data:
        _check_guard(_want(data, "guard", dict, host), host)
    _optional(data, "host", dict, host)
    _optional(data, "warnings", list, host)
    return data


def _check_enforced(data: Json, host: str) -> None:
    _word(data, "tier", TIERS, host)
    _want(data, "host", dict, host)
    _want(_want(data, "catalogue", dict, host), "digest", str, host, "catalogue.")
    findings = _want(data, "findings", list, host)
    seen: t.Set[str] = set()
    for number, finding in enumerate(findings):
        _check_finding(finding, f"findings[{number}]", host)
        if finding["id"] in seen:
            raise _refuse(host, f"the control {finding['id']!r} has two findings")
        seen.add(finding["id"])
    summary = _want(data, "summary", dict, host)
    counted = count(findings)
    if {word: summary.get(word, 0) for word in {*counted, *summary}} != counted:
        raise _refuse(host, f"the summary {summary} does not add up with its findings {counted}")


def _check_guard(guard: Json, host: str) -> None:
    _word(guard, "state", GUARD_STATES, host, "guard.")
    _want(guard, "why", str, host, "guard.")
    for key in ("until", "ended"):
        if _want(guard, key, str, host, "guard.") and not _TIME.fullmatch(guard[key]):
            raise _refuse(host, f"guard.{key} is {guard[key]!r}, not a time like 2026-11-22T15:00:00Z")


def _check_finding(finding: t.Any, where: str, host: str) -> None:
    _check_keys(finding, FINDING_KEYS, where, host)
    for key in ("id", "title", "rationale", "kind", "reason", "subject"):
        _want(finding, key, str, host, f"{where}.")
    _word(finding, "result", RESULTS, host, f"{where}.")
    _word(finding, "severity", SEVERITIES, host, f"{where}.")
    _word(finding, "hazard", HAZARDS, host, f"{where}.")
    _word(finding, "tier", TIERS, host, f"{where}.")
    for name, verdict in _want(finding, "verdicts", dict, host, f"{where}.").items():
        if name not in VERDICTS:
            raise _refuse(host, f"{where}.verdicts has the unknown key {name!r}", f"Known: {', '.join(VERDICTS)}.")
        _check_keys(verdict, ("state", "saw"), f"{where}.verdicts.{name}", host)
        _word(verdict, "state", VERDICT_STATES, host, f"{where}.verdicts.{name}.")
    for number, reference in enumerate(_want(finding, "references", list, host, f"{where}.")):
        _check_keys(reference, ("framework", "title", "reference"), f"{where}.references[{number}]", host)


def _check_keys(item: t.Any, keys: t.Sequence[str], where: str, host: str) -> None:
    if not isinstance(item, dict):
        raise _refuse(host, f"{where} is not a mapping")
    missing = [key for key in keys if key not in item]
    if missing:
        raise _refuse(host, f"{where} has no {', '.join(missing)}")


def _want(data: Json, key: str, kind: type, host: str, where: str = "") -> t.Any:
    if not isinstance(data.get(key), kind):
        saw = f"is {data[key]!r}"[:120] if key in data else "is missing"
        raise _refuse(host, f"{where}{key} {saw}, wanted is a {kind.__name__}")
    return data[key]


def _optional(data: Json, key: str, kind: type, host: str) -> t.Any:
    return _want(data, key, kind, host) if key in data else None


def _word(data: Json, key: str, words: t.Sequence[str], host: str, where: str = "") -> str:
    word: str = _want(data, key, str, host, where)
    if word not in words:
        raise _refuse(host, f"{where}{key} is {word!r}", f"Known words: {', '.join(words)}.")
    return word


def _refuse(
    host: str, saw: str, try_this: str = "Pass the registered result of healthops.clinical.baseline."
) -> ClinicalError:
    return ClinicalError("Recording", f"the result of {host}", saw, try_this)


def record(host: str, result: Json) -> Json:
    """What stands in the record's file. The name is inside too, so that a copied or renamed file is noticed."""
    return {"schema": RECORD_SCHEMA, "hostname": check_host_name(host), "result": result}


def open_record(data: t.Any, host: str, run_id: str) -> Json:
    """The checked result out of a record's file content; ClinicalError where it is another's."""
    if not isinstance(data, dict) or data.get("schema") != RECORD_SCHEMA:
        raise _refuse(host, f"its schema is not {RECORD_SCHEMA}", "")
    if data.get("hostname") != host:
        raise _refuse(host, f"the record is of {data.get('hostname')!r}", "")
    result = check_result(data.get("result"), host)
    if result["run_id"] != run_id:
        raise _refuse(host, f"it belongs to run {result['run_id']!r}, not to run {run_id!r}", "")
    return result


def count(findings: t.Sequence[Json]) -> t.Dict[str, int]:
    """How many findings have each result word; every word is there."""
    counted = dict.fromkeys(RESULTS, 0)
    for finding in findings:
        counted[finding["result"]] += 1
    return counted


def bundle(
    run_id: str,
    records: t.Mapping[str, Json],
    expected: t.Iterable[str] = (),
    unreadable: t.Optional[t.Mapping[str, str]] = None,
    mode: str = "",
) -> Json:
    """One run: ``records`` (host -> checked result), the ``expected`` names, ``unreadable`` (host -> why).

    ``mode`` is only believed where no record says what the run was. ``missing``, ``failed`` and ``unreadable`` hosts
    are all unknown. The shape is told in the role's README.
    """
    broken = dict(unreadable or {})
    for name in [*expected, *records, *broken]:
        check_host_name(name)
    results = [records[name] for name in sorted(records)]
    summary = dict.fromkeys(RESULTS, 0)
    for result in results:
        for word, number in count(result.get("findings", [])).items():
            summary[word] += number
    return {
        "schema": RUN_SCHEMA,
        "run_id": check_run_id(run_id),
        "mode": run_mode(results, mode),
        "tier": ", ".join(tier for tier in TIERS if any(result.get("tier") == tier for result in results)) or None,
        "started": min((result["started"] for result in results if "started" in result), default=None),
        "finished": max((result["finished"] for result in results if "finished" in result), default=None),
        "catalogue": _catalogue(results),
        "summary": summary,
        "hosts": {name: records[name] for name in sorted(records)},
        "failed": sorted(name for name in records if records[name]["state"] == "failed"),
        "missing": sorted(set(expected) - set(records) - set(broken)),
        "unreadable": {name: broken[name] for name in sorted(broken)},
    }


def run_mode(results: t.Sequence[Json], asked: str = "") -> str:
    """What the run did, by its records; ``asked`` counts only where no host came to a result."""
    if asked and asked not in MODES:
        raise ClinicalError("Reading", "the mode of the run", f"it is {asked!r}", f"Known words: {', '.join(MODES)}.")
    told = [result for result in results if result["state"] != "failed"]
    if any(result["state"] == "reverted" for result in told):
        return "rollback"
    if any(not result["check_mode"] for result in told):
        return "harden"
    if told:
        return "audit"
    return asked or "audit"


def _catalogue(results: t.Sequence[Json]) -> t.Optional[Json]:
    """The catalogue all hosts share, or, where groups of hosts bring their own, the list of all."""
    different = {canonical(result["catalogue"]): result["catalogue"] for result in results if result.get("catalogue")}
    if len(different) > 1:
        return {"digest": None, "several": [different[key] for key in sorted(different)]}
    return next(iter(different.values()), None)


def unknown_hosts(run: Json) -> t.Dict[str, str]:
    """Hosts of a bundle about which nothing is known, with the reason in words."""
    told = dict.fromkeys(run["missing"], "no record: unreachable, or it failed before it came to a result")
    told.update({name: f"record unreadable: {why}" for name, why in run["unreadable"].items()})
    told.update({name: str(run["hosts"][name]["msg"]) for name in run["failed"]})
    return {name: told[name] for name in sorted(told)}


def not_confirmed(run: Json) -> t.Dict[str, str]:
    """Hosts that gave a result and did not keep their change, or do not say whether they did, with the reason."""
    told = {name: result for name, result in run["hosts"].items() if name not in run["failed"]}
    return {name: str(result["msg"]) for name, result in told.items() if guard_state(result) in LOST}


def guard_state(result: Json) -> str:
    return str(result.get("guard", {}).get("state", "none"))


def only_looked(run: Json) -> bool:
    """Whether the run changed nothing, since it ran in check mode on every host that gave a result."""
    told = [result for result in run["hosts"].values() if result["state"] != "failed"]
    return bool(told) and all(result["check_mode"] for result in told)


def plural(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _without_change(run: Json) -> str:
    """The end of the headline where hosts did not keep their change, or may not have."""
    states = [guard_state(run["hosts"][name]) for name in not_confirmed(run)]
    back, silent = states.count("reverted"), states.count("unknown")
    told = f"; {plural(back, 'host')} took {'its' if back == 1 else 'their'} change back" if back else ""
    if silent:
        told += f"; {plural(silent, 'host')} stopped answering after {'its' if silent == 1 else 'their'} change"
    return told


def headline(run: Json) -> str:
    """The one sentence that a manager reads."""
    hosts = plural(len(run["hosts"]) + len(run["missing"]) + len(run["unreadable"]), "host")
    unknown = unknown_hosts(run)
    lost = (f"; {plural(len(unknown), 'host')} gave no result" if unknown else "") + _without_change(run)
    if run["mode"] == "rollback":
        restored = sum(len(result.get("restored", [])) for result in run["hosts"].values())
        verb = "would be put back" if only_looked(run) else "put back"
        return f"{hosts}: {plural(restored, 'item')} {verb} as before{lost}"
    words = run["summary"]
    if unknown and not sum(words.values()):
        return f"{hosts}: nothing is known{lost}"
    good, decide = words["pass"] + words["fixed"], words["fail"] + words["deferred"]
    if run["mode"] == "audit":
        told = f"{good:,} as wanted, {decide:,} not as wanted"
    else:
        told = f"{good:,} pass or fixed, {decide:,} need{'s' if decide == 1 else ''} a decision"
    return f"{hosts}, {plural(sum(words.values()), 'check')}: {told}, {words['error']:,} unknown{lost}"
