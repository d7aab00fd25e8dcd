# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics: hosts, controls, waivers, guards, probes and updates."""

from __future__ import annotations

import re
import typing as t
from collections import Counter

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.export.fleets import Json, result_counts, sample_bundle
from unit_tests.plugin_utils._evidence.patch_bundles import patch_run


def test_metrics_tell_how_many_wait_and_until_when() -> None:
    lines = exported(patch_run(), ["prometheus"])["metrics.prom"].decode("utf-8").splitlines()
    assert 'healthops_updates{host="interface-engine-01",severity="kev",state="late"} 1' in lines
    assert 'healthops_updates{host="imaging-archive-01",severity="high",state="excluded"} 1' in lines
    assert 'healthops_updates_unknown{host="log-host-01"} 1' in lines
    assert 'healthops_updates_unknown{host="portal-01"} 0' in lines
    assert 'healthops_updates_reboot_needed{host="scheduling-db-01"} 1' in lines
    deadline = 'healthops_updates_deadline_timestamp_seconds{host="interface-engine-01",severity="kev"} 1763884800'
    assert deadline.rsplit(" ", 1)[0] in "\n".join(lines)
    assert not any("deadline" in line and "imaging-archive-01" in line and "high" in line for line in lines)


SAMPLE = re.compile(
    r'(healthops_[a-z_]+)\{([a-z]+="(?:[^"\\\n]|\\[\\n"])*"(?:,[a-z]+="(?:[^"\\\n]|\\[\\n"])*")*)\} (\S+)'
)


def metrics(run: Json) -> t.Dict[t.Tuple[str, str], float]:
    found: t.Dict[t.Tuple[str, str], float] = {}
    for line in exported(run, ["prometheus"])["metrics.prom"].decode("utf-8").splitlines():
        if not line.startswith("# "):
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert (match[1], match[2]) not in found
            found[match[1], match[2]] = float(match[3])
    return found


def test_metrics_tell_of_hosts_controls_waivers_guards_and_probes() -> None:
    run = sample_bundle()
    told = metrics(run)
    assert told["healthops_host_unknown", 'host="down"'] == told["healthops_host_unknown", 'host="early"'] == 1
    assert told["healthops_host_unknown", 'host="portal-01"'] == 0
    assert told["healthops_run_timestamp_seconds", 'host="portal-01",mode="harden"'] == 1795359605
    counted = Counter(finding["result"] for finding in run["hosts"]["portal-01"]["findings"])
    assert told["healthops_host_controls", 'host="portal-01",result="fail"'] == counted["fail"]
    by_control = sum(value for (name, _labels), value in told.items() if name == "healthops_control_hosts")
    assert by_control == sum(result_counts(run).values())
    spare = 'control="banner_ssh",host="portal-01",ticket="CHG-4712"'
    assert told["healthops_waiver_expires_timestamp_seconds", spare] == 1806451200
    assert told["healthops_guard_state", 'host="portal-01",state="confirmed"'] == 1
    assert told["healthops_guard_state", 'host="portal-01",state="reverted"'] == 0
    assert told["healthops_availability_lost", 'host="portal-01"'] == 0
    assert told["healthops_probe_healthy", 'host="imaging-archive-01",probe="dicom_echo",target="127.0.0.1:4242"'] == 0
    assert (
        told["healthops_probe_latency_seconds", 'host="only-asked",probe="mllp_echo",target="127.0.0.1:6661"'] == 0.0032
    )


def test_what_a_host_says_cannot_break_a_metric() -> None:
    result = samples.whole(0, 1)
    result["waivers"] = [samples.waiver(ticket='a"} 1\nx{b="\\'), samples.waiver(ticket='a"} 1\nx{b="\\')]
    metrics(evidence.bundle(samples.RUN_ID, {"a": record.clean_result(result, "a")}))
