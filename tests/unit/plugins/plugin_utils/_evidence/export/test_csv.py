# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables: every finding and every package is a line, and a spreadsheet calculates nothing."""

from __future__ import annotations

import csv
import io

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_run


def test_every_package_is_a_line_for_spreadsheets() -> None:
    made = exported(patch_run(), ["csv"])
    rows = list(csv.DictReader(io.StringIO(made["updates.csv"].decode("utf-8"), newline="")))
    told = [(row["host"], row["name"], row["status"]) for row in rows]
    assert told[:3] == [
        ("imaging-archive-01", "tzdata", "waits"),
        ("imaging-archive-01", "orthanc", "excluded"),
        ("interface-engine-01", "libssl3", "late"),
    ]
    assert rows[2]["cves"] == "CVE-2026-1001\nCVE-2026-1002"
    assert rows[1]["reason"] == "excluded: The vendor of the archive tests it first."
    assert {row["digest"] for row in rows} == {patch_samples.DIGEST}
    assert "updates.csv" not in exported(
        bundle(samples.RUN_ID, {"a": record.clean_result(samples.result(0, 6), "a")}), ["csv"]
    )
