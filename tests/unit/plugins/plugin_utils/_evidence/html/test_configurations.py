# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of the report about configurations."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.configurations import drifted
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.page import render
from unit_tests.plugin_utils._evidence import samples, system_samples

TEMPLATE = (Path(__file__).resolve().parents[6] / "roles" / "evidence" / "templates" / "report.html.j2").resolve()


def page(result: samples.Json, mode: str = "") -> str:
    records = {"gateway-01": record.clean_result(result, "gateway-01", samples.RUN_ID)}
    return render(bundle(samples.RUN_ID, records, mode=mode), TEMPLATE.read_text(encoding="utf-8"), "d")


def test_each_entry_that_drifted_has_its_values() -> None:
    text = page(system_samples.audited(system_samples.drifted()))
    assert '<section id="drift"' in text
    for value in ("file /etc/haproxy/haproxy.cfg", "0640", "0666", "changed by somebody since"):
        assert value in text
    assert "before that: absent" in text
    assert "22 November 2026, 14:00:00 UTC" in text
    assert "The system gateway is as it was configured" in text


def test_markup_in_a_value_is_only_text() -> None:
    odd = {**system_samples.DRIFT, "now": "<script>alert(1)</script>", "before": "", "since": ""}
    text = page(system_samples.audited(system_samples.drifted("gateway", odd)))
    assert "<script>" not in text
    assert "before that" not in text


def test_without_drift_there_is_no_such_part() -> None:
    assert 'id="drift"' not in page(samples.result())
    run = bundle(samples.RUN_ID, {"a": record.clean_result(samples.result(), "a")})
    assert drifted(run, {"a": "h1"}) == []


def test_what_a_configuration_changed_is_shown_as_other_changes_are() -> None:
    text = page(system_samples.configured(), "configure")
    assert 'id="changes"' in text
    assert "sha256 ba9876543210 root:haproxy 0640" in text
    assert "healthops.clinical.rollback" in text
    assert f"hardening_revert_run={samples.RUN_ID}" in text
