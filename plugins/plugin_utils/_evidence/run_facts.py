# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions about a bundle that its headline, its report and its exports ask alike. Pure."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import LOST
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def plural(number: int, noun: str, several: str = "") -> str:
    """Return the number with its noun, like "1 host" and "2,000 hosts"; ``several`` is an irregular plural."""
    return f"{number:,} {noun if number == 1 else several or noun + 's'}"


def host_count(run: Json) -> str:
    """Return how many hosts the run was meant for, in words."""
    return plural(len(run["hosts"]) + len(run["missing"]) + len(run["unreadable"]), "host")


def unknown_hosts(run: Json) -> dict[str, str]:
    """Return the hosts about which nothing is known, sorted by name, each with the reason in words."""
    reasons = dict.fromkeys(run["missing"], "no record: unreachable, or it failed before it came to a result")
    reasons.update({name: f"record unreadable: {why}" for name, why in run["unreadable"].items()})
    reasons.update({name: str(run["hosts"][name]["msg"]) for name in run["failed"]})
    return {name: reasons[name] for name in sorted(reasons)}


def not_confirmed(run: Json) -> dict[str, str]:
    """Return the hosts that gave a result and lost their change, or may have, each with the reason in words."""
    results = {name: result for name, result in run["hosts"].items() if name not in run["failed"]}
    return {name: str(result["msg"]) for name, result in results.items() if guard_state(result) in LOST}


def guard_state(result: Json) -> str:
    """Return what became of the guarded change of a host; records of before there were guards say "none"."""
    return str(result.get("guard", {}).get("state", "none"))


def only_looked(run: Json) -> bool:
    """Return True if the run changed nothing: in check mode, or only planning, wherever a host gave a result."""
    results = [result for result in run["hosts"].values() if result["state"] != "failed"]
    return bool(results) and all(result["check_mode"] or _only_planned(result) for result in results)


def _only_planned(result: Json) -> bool:
    return result["state"] == "patched" and result["patch"]["state"] in ("planned", "staged")


def probes(run: Json) -> list[tuple[str, Json]]:
    """Return (host, probe) for every question that a service was asked in this run."""
    return [(name, probe) for name, result in run["hosts"].items() for probe in result.get("probes", [])]


def configurations(run: Json) -> list[tuple[str, Json]]:
    """Return (host, how it stands) for every configuration of a system that this run looked at or applied."""
    return [(name, system) for name, result in run["hosts"].items() for system in result.get("configurations", [])]


def silent_clause(run: Json) -> str:
    """Return the end of a headline where hosts gave no result; else the empty text."""
    unknown = unknown_hosts(run)
    if unknown:
        return f"; {plural(len(unknown), 'host')} gave no result"
    return ""


def lost_change_clause(run: Json) -> str:
    """Return the end of a headline where hosts did not keep their change, or may not have."""
    states = [guard_state(run["hosts"][name]) for name in not_confirmed(run)]
    back, silent = states.count("reverted"), states.count("unknown")
    clause = ""
    if back:
        clause += f"; {plural(back, 'host')} took {'its' if back == 1 else 'their'} change back"
    if silent:
        clause += f"; {plural(silent, 'host')} stopped answering after {'its' if silent == 1 else 'their'} change"
    return clause


def failed_probes_clause(run: Json) -> str:
    """Return the end of a headline where services answered as they should not, or did not answer."""
    questions = probes(run)
    failed = sum(not probe["healthy"] for _name, probe in questions)
    if failed:
        return f"; {failed} of {plural(len(questions), 'service check')} failed"
    return ""
