# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evidence is: the record of one host and the bundle of a run. Pure data. Private to the collection.

A *record* is what was kept of one host (``record``). A *bundle* is the records of all hosts
of one run id together with the names of the hosts that gave none. Nothing here looks at a clock or a disk: the same
results make the same bytes on any day and any machine.
"""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import (
    LOST,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import (
    LEFT_OUT,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import (
    TIERS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_findings as patches
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import Shared, frameworks
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    MODES,
    RUN_SCHEMA,
    Json,
    canonical,
    check_host_name,
    check_run_id,
    count,
)


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
    shared = Shared()
    hosts = {name: shared.of(records[name]) for name in sorted(records)}
    results = list(hosts.values())
    summary = dict.fromkeys(WORST_FIRST, 0)
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
        "frameworks": frameworks(results),
        "hosts": hosts,
        "failed": sorted(name for name in records if records[name]["state"] == "failed"),
        "missing": sorted(set(expected) - set(records) - set(broken)),
        "unreadable": {name: broken[name] for name in sorted(broken)},
    }


def run_mode(results: t.Sequence[Json], asked: str = "") -> str:
    """What the run did, by its records; ``asked`` counts only where no host came to a result."""
    if asked and asked not in MODES:
        raise ClinicalError("Reading", "the mode of the run", f"it is {asked!r}", f"Known words: {', '.join(MODES)}.")
    told = [result for result in results if result["state"] in ("enforced", "reverted")]
    if any(result["state"] == "reverted" for result in told):
        return "rollback"
    if any(not result["check_mode"] for result in told):
        return "harden"
    if told:
        return "audit"
    modes = {patches.MODES[result["patch"]["state"]] for result in results if "patch" in result}
    if modes:
        return next(word for word in ("patch_rollback", "patch_apply", "patch_plan") if word in modes)
    probed = any(result["state"] == "probed" for result in results)
    return asked or ("configure" if probed else "audit")


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
    """Whether the run changed nothing: it ran in check mode, or only planned, wherever a host gave a result."""
    told = [result for result in run["hosts"].values() if result["state"] != "failed"]
    return bool(told) and all(result["check_mode"] or _only_planned(result) for result in told)


def _only_planned(result: Json) -> bool:
    return result["state"] == "patched" and result["patch"]["state"] in ("planned", "staged")


def probes(run: Json) -> t.List[t.Tuple[str, Json]]:
    """(host, probe) of every question that a service was asked in this run."""
    return [(name, probe) for name, result in run["hosts"].items() for probe in result.get("probes", [])]


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


def _unwell(run: Json) -> str:
    """The end of the headline where services answered as they should not, or did not answer."""
    asked = probes(run)
    bad = sum(not probe["healthy"] for _name, probe in asked)
    return f"; {bad} of {plural(len(asked), 'service check')} failed" if bad else ""


def _patch_headline(run: Json) -> str:
    """The same of a run that planned, installed or took back updates."""
    hosts = plural(len(run["hosts"]) + len(run["missing"]) + len(run["unreadable"]), "host")
    lost = unknown_hosts(run)
    silent = f"; {plural(len(lost), 'host')} gave no result" if lost else ""
    told = [(word, change) for _name, _result, word, change in patches.changes(run)]
    mine = [change for word, change in told if word not in LEFT_OUT]
    if not patches.patched(run):
        return f"{hosts}: nothing is known{silent}"
    security = sum(change.get("security") is not False for change in mine)
    late = sum(word == "late" for word, _change in told)
    doubt = sum(result["patch"]["verdict"] == "unknown" for _name, result in patches.patched(run))
    done = [word for word, _change in told if word in ("installed", "taken_back")]
    open_ = len(mine) - len(done)
    parts = []
    if run["mode"] == "patch_rollback":
        parts.append(
            f"{plural(len(done), 'package')} taken back" if done else f"{plural(open_, 'package')} to take back"
        )
    else:
        if run["mode"] == "patch_apply":
            parts.append(f"{plural(len(done), 'update')} installed")
        if open_ or run["mode"] == "patch_plan":
            parts.append(f"{plural(open_, 'update')} {'waits' if open_ == 1 else 'wait'}")
        parts.append(f"{security:,} for security" if mine else "")
        parts.append(f"{late:,} past {'its' if late == 1 else 'their'} deadline" if late else "")
    parts.append(f"{plural(doubt, 'host')} of which nobody can tell" if doubt else "")
    broken = sum(bool(result.get("failed")) for _name, result in patches.patched(run))
    parts.append(f"{plural(broken, 'host')} failed" if broken else "")
    return f"{hosts}: {', '.join(part for part in parts if part)}{silent}{_unwell(run)}"


def headline(run: Json) -> str:
    """The one sentence that a manager reads."""
    if run["mode"] in patches.MODES.values():
        return _patch_headline(run)
    hosts = plural(len(run["hosts"]) + len(run["missing"]) + len(run["unreadable"]), "host")
    unknown = unknown_hosts(run)
    lost = (f"; {plural(len(unknown), 'host')} gave no result" if unknown else "") + _without_change(run)
    if run["mode"] == "configure" and probes(run):
        healthy = sum(probe["healthy"] for _name, probe in probes(run))
        return f"{hosts}: {plural(healthy, 'service check')} healthy{_unwell(run)}{lost}"
    lost += _unwell(run)
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
