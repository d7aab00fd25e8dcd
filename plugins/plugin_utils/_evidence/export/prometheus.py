# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""metrics.prom: the run for the textfile collector of a node exporter. Private to the collection.

Times stand as times rather than as days left, so that an alert grows old by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ansible_collections.healthops.clinical.plugins.module_utils._text.quoting import prometheus_label
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import (
    STATES as GUARD_STATES,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    Files,
    day,
    ended,
    findings,
    seconds,
    text,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_record import (
    package_changes,
    patch_records,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import guard_state, unknown_hosts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
)

Labels = dict[str, str]
Samples = list[tuple[Labels, float]]


def export(run: Json) -> Files:
    """Return the metrics of the run in the text format of Prometheus; families without samples are left out."""
    lines: list[str] = []
    for name, about, samples in _families(run):
        if samples:
            lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
            lines += sorted(f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples)
    return {"metrics.prom": "".join(f"{line}\n" for line in lines).encode("utf-8")}


def _families(run: Json) -> list[tuple[str, str, Samples]]:
    unknown = unknown_hosts(run)
    hosts = sorted({*run["hosts"], *unknown})
    results = {name: result for name, result in run["hosts"].items() if result["state"] != "failed"}
    return [
        (
            "healthops_run_timestamp_seconds",
            "When the result of a host was complete.",
            [
                ({"host": name, "mode": run["mode"]}, seconds(ended(run, result)) or 0)
                for name, result in results.items()
            ],
        ),
        (
            "healthops_host_unknown",
            "1 where a host gave no result in this run, so that nothing is known about it.",
            [({"host": name}, float(name in unknown)) for name in hosts],
        ),
        ("healthops_host_controls", "How many controls of a host have a result.", _by_host(results)),
        ("healthops_control_hosts", "On how many hosts a control has a result.", _by_control(run)),
        (
            "healthops_waiver_expires_timestamp_seconds",
            "When a waiver ends, at the beginning of that day in UTC.",
            _waivers(run),
        ),
        (
            "healthops_guard_state",
            "1 for what became of the change of a host that could have kept people out.",
            [
                ({"host": name, "state": state}, float(guard_state(result) == state))
                for name, result in results.items()
                if "guard" in result
                for state in GUARD_STATES
            ],
        ),
        (
            "healthops_availability_lost",
            "How many sockets or units of a host answered before the run and not after it.",
            _lost(results),
        ),
        (
            "healthops_probe_healthy",
            "1 where a service gave the right answer.",
            [(_of(name, p), float(p["healthy"])) for name, p in _probes(results)],
        ),
        (
            "healthops_probe_latency_seconds",
            "How long the answer of a service took.",
            [(_of(name, p), p["latency_ms"] / 1000) for name, p in _probes(results) if p["latency_ms"] is not None],
        ),
        *_of_updates(run),
    ]


def _of_updates(run: Json) -> list[tuple[str, str, Samples]]:
    counted: Counter[tuple[str, str, str]] = Counter()
    deadlines: dict[tuple[str, str], float] = {}
    for name, _result, status, change in package_changes(run):
        counted[name, change["severity"], status] += 1
        ends = seconds(str(change.get("deadline") or ""))
        if status in ("waits", "late") and ends is not None:
            key = (name, change["severity"])
            deadlines[key] = min(ends, deadlines.get(key, ends))
    patches = [(name, result["patch"]) for name, result in patch_records(run)]
    return [
        (
            "healthops_updates",
            "How many packages of a host have which severity and state.",
            [({"host": h, "severity": s, "state": state}, n) for (h, s, state), n in counted.items()],
        ),
        (
            "healthops_updates_deadline_timestamp_seconds",
            "The first deadline of the updates that wait on a host.",
            [({"host": h, "severity": s}, ends) for (h, s), ends in deadlines.items()],
        ),
        (
            "healthops_updates_unknown",
            "1 where nobody can tell whether a host needs updates.",
            [({"host": name}, float(patch["verdict"] == "unknown")) for name, patch in patches],
        ),
        (
            "healthops_updates_reboot_needed",
            "1 where a host has to be restarted to run what is installed.",
            [({"host": name}, float(bool((patch.get("reboot") or {}).get("needed")))) for name, patch in patches],
        ),
    ]


def _by_host(results: Mapping[str, Json]) -> Samples:
    samples: Samples = []
    for name, result in results.items():
        if "findings" in result:
            counted = Counter(finding["result"] for finding in result["findings"])
            samples += [({"host": name, "result": outcome}, counted[outcome]) for outcome in WORST_FIRST]
    return samples


def _by_control(run: Json) -> Samples:
    counted = Counter((f["id"], f["severity"], f["result"]) for _name, _result, f in findings(run))
    return [({"control": c, "severity": s, "result": outcome}, number) for (c, s, outcome), number in counted.items()]


def _waivers(run: Json) -> Samples:
    """The first end of those that one series would stand for."""
    ending: dict[tuple[str, str, str], int] = {}
    for name, result in run["hosts"].items():
        for waiver in result.get("waivers", []):
            ends, series = day(waiver["expires"]), (name, waiver["control"], text(waiver.get("ticket")))
            if ends is not None:
                ending[series] = min(ends, ending.get(series, ends))
    return [({"host": h, "control": c, "ticket": ticket}, ends) for (h, c, ticket), ends in ending.items()]


def _lost(results: Mapping[str, Json]) -> Samples:
    """Count, where it was compared, what is gone or cannot be reached from the control node any more."""
    samples: Samples = []
    for name, result in results.items():
        about = result.get("availability", {})
        if about.get("compared", bool(about)):
            samples.append(({"host": name}, len({*about.get("lost", []), *about.get("unreachable", [])})))
    return samples


def _probes(results: Mapping[str, Json]) -> list[tuple[str, Json]]:
    return [(name, probe) for name, result in results.items() for probe in result.get("probes", [])]


def _of(host: str, probe: Json) -> Labels:
    return {"host": host, "probe": probe["probe"], "target": probe["target"]}


def _labels(labels: Labels) -> str:
    return ",".join(f'{name}="{prometheus_label(text(value))}"' for name, value in sorted(labels.items()))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else f"{value:.6f}".rstrip("0")
