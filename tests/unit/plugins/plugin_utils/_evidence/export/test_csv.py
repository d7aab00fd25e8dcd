# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables: every finding and every package is a line, and a spreadsheet calculates nothing."""

from __future__ import annotations

import csv
import io
import typing as t
from collections import Counter

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import csv as csv_export
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.export.fleets import Json, result_counts, sample_bundle
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
        evidence.bundle(samples.RUN_ID, {"a": record.clean_result(samples.result(0, 6), "a")}), ["csv"]
    )


def table(run: Json) -> t.List[t.Dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(run, ["csv"])["findings.csv"].decode("utf-8"), newline="")))


def test_every_finding_is_a_line_and_hosts_without_result_are_too() -> None:
    run = sample_bundle()
    lines = table(run)
    assert Counter(line["result"] for line in lines) == {**result_counts(run), "noresult": 2}
    assert {line["host"] for line in lines if line["result"] == "noresult"} == {"down", "early"}
    waived = next(line for line in lines if line["result"] == "waived")
    assert (waived["waived_until"], waived["ticket"]) == ("2026-12-12", "CHG-4711")
    assert "HIPAA Security Rule NPRM (proposed) 164.312(c): supports" in lines[2]["references"].splitlines()


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\n=cmd|' /C calc'!A0",
        "  =HYPERLINK(1)",
        "|x",
        "\uff1d1",
        '=1","=2',
    ],
    ids=repr,
)
def test_a_spreadsheet_calculates_nothing_that_a_host_wrote(text: str) -> None:
    result = samples.result(0, 1)
    result["findings"][0].update(reason=text, before=text)
    run = evidence.bundle(samples.RUN_ID, {"a": record.clean_result(result, "a")})
    (line,) = table(run)
    assert line["before"].startswith("'")
    assert line["before"][1:] == text
    assert csv_export.safe("plain = text") == "plain = text"
    assert csv_export.safe("\r=1").startswith("'")  # as records of older releases may hold it
