# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics: hosts, controls, waivers, guards, probes and updates."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
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
