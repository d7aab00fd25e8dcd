# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit: it only looked, and says so."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.audit import MODE
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.bundles import sample_record


def test_what_was_judged_in_check_mode_is_an_audit() -> None:
    assert MODE.is_told_by([sample_record(mode="audit")])
    assert not MODE.is_told_by([{"state": "failed"}, {"state": "probed"}])


def test_it_counts_what_is_as_wanted_and_promises_nothing() -> None:
    run = bundle(samples.RUN_ID, {"a": sample_record(mode="audit")})
    summary = run["summary"]
    assert run["mode"] == "audit"
    assert MODE.headline(run) == (
        f"1 host, 84 checks: {summary['pass']} as wanted, {summary['fail'] + summary['deferred']} not as wanted, "
        f"{summary['error']} unknown"
    )
    assert MODE.lead(run)[0] == "This was an audit: it only looked, and changed nothing."
    assert "changes nothing" in MODE.undo(False).text
    assert MODE.undo(False).playbook == ""
