# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""findings.csv: one line for each control on each host, for spreadsheets. Private to the collection.

RFC 4180, UTF-8, every field quoted. A spreadsheet takes a field that begins with certain characters for a formula and
would carry out what a host wrote there, so such a field gets an apostrophe in front, which spreadsheets do not show.
"""

from __future__ import annotations

import csv
import io
import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_export import (
    Files,
    ended,
    findings,
    silent,
    supports,
    text,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_words import VERDICTS, Json

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
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for row in rows(run):
        writer.writerow([safe(row.get(column, "")) for column in COLUMNS])
    return {"findings.csv": stream.getvalue().encode("utf-8")}


def rows(run: Json) -> t.Iterator[t.Dict[str, str]]:
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
            **{look: str(finding["verdicts"].get(look, {}).get("state", "")) for look in VERDICTS},
            "waived_until": text(waiver.get("expires")),
            "ticket": text(waiver.get("ticket")),
            "references": "\n".join(supports(finding)),
        }


def safe(field: str) -> str:
    """The field, with an apostrophe before what a spreadsheet would calculate."""
    return f"'{field}" if field.startswith(_FORMULA) or field.lstrip().startswith(_FORMULA) else field
