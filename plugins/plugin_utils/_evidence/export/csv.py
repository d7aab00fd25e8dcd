# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""findings.csv and updates.csv: a line for each control, or package, on each host, for spreadsheets. Private.

RFC 4180, UTF-8, every field quoted. A spreadsheet takes a field that begins with certain characters for a formula and
would carry out what a host wrote there, so such a field gets an apostrophe in front, which spreadsheets do not show.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    VERDICTS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.common import (
    Files,
    ended,
    findings,
    silent,
    supports,
    text,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_record import (
    package_changes,
    patch_records,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
)

COLUMNS = (
    "run_id",
    "mode",
    "host",
    "judged",
    "control",
    "title",
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
    *VERDICTS,
    "waived_until",
    "ticket",
    "references",
)
UPDATE_COLUMNS = (
    "run_id",
    "host",
    "status",
    "name",
    "arch",
    "change",
    "from",
    "to",
    "security",
    "severity",
    "cves",
    "advisories",
    "epss",
    "first_seen",
    "deadline",
    "days_left",
    "restarts",
    "reboot",
    "origin",
    "source",
    "reason",
    "expires",
    "why",
    "digest",
)
#: The last two are what an input method for full-width text makes of them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_FROM_FINDING = (
    "title",
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
)


def export(run: Json) -> Files:
    """Return findings.csv, and updates.csv where packages were looked at, as bytes by name."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows(run):
        writer.writerow([safe(row.get(column, "")) for column in COLUMNS])
    return {"findings.csv": stream.getvalue().encode("utf-8"), **_updates(run)}


def _updates(run: Json) -> Files:
    """updates.csv: one line for each package on each host, where packages were looked at."""
    if not patch_records(run):
        return {}
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(UPDATE_COLUMNS)
    for host, result, status, change in package_changes(run):
        known = {**change, "run_id": run["run_id"], "host": host, "status": status, "digest": result["patch"]["digest"]}
        writer.writerow([safe(_cell(known.get(column))) for column in UPDATE_COLUMNS])
    return {"updates.csv": stream.getvalue().encode("utf-8")}


def _cell(value: Any) -> str:
    return "\n".join(map(text, value)) if isinstance(value, list) else text(value)


def rows(run: Json) -> Iterator[dict[str, str]]:
    """Yield a row for each finding, and one for each host without a result, by the names of the columns."""
    of_run = {"run_id": str(run["run_id"]), "mode": str(run["mode"])}
    for host, why in silent(run):
        yield {**of_run, "host": host, "result": "noresult", "reason": why}
    for host, result, finding in findings(run):
        waiver = finding.get("waiver", {})
        yield {
            **of_run,
            "host": host,
            "judged": ended(run, result),
            "control": str(finding["id"]),
            **{key: text(finding[key]) for key in _FROM_FINDING},
            **{aspect: str(finding["verdicts"].get(aspect, {}).get("state", "")) for aspect in VERDICTS},
            "waived_until": text(waiver.get("expires")),
            "ticket": text(waiver.get("ticket")),
            "references": "\n".join(supports(finding)),
        }


def safe(field: str) -> str:
    """The field, with an apostrophe before what a spreadsheet would calculate."""
    if field.startswith(_FORMULA) or field.lstrip().startswith(_FORMULA):
        return f"'{field}"
    return field
