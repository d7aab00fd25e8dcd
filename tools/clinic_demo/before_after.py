# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares runs by the evidence they left: ``<evidence_dir>/<run_id>/run.json`` with ``{"hosts": {name: result}}``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from .outside import Answers

COUNTS = ("pass", "fail", "error")
HEADINGS = ("host", "system", *COUNTS, *COUNTS, "fixed", "n/a", "second run", "ssh", "http", "syslog")
GROUPS = {2: "before", 5: "after"}
GOOD = ("pass", "fixed", "notapplicable", "waived")


def read_run(run_dir: Path) -> dict[str, Any]:
    """host name -> result, as the runs' evidence has it."""
    hosts: dict[str, Any] = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))["hosts"]
    return hosts


Result = Mapping[str, Any]


def row(name: str, audit: Result, harden: Result, again: Result, answers: Answers) -> list[str]:
    """One host. "before" is the audit; "after" is what the second run found when it came back."""
    host, was, now = audit["host"], audit["summary"], again["summary"]
    return [
        name,
        f"{host['distribution']} {host['version']}",
        *(str(was[key]) for key in COUNTS),
        *(str(now[key]) for key in COUNTS),
        str(harden["summary"]["fixed"]),
        str(now["notapplicable"]),
        f"{len(again['changes'])} changed",
        *("ok" if said == "ok" else "DOWN" for said in (answers.ssh, answers.http, answers.syslog)),
    ]


def table(rows: Sequence[Sequence[str]]) -> str:
    """Text columns, numbers to the right, and one line above them that says what is before and what is after."""
    cells = [list(HEADINGS), *map(list, rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEADINGS))]

    def show(line: Sequence[str]) -> str:
        texts = [cell.ljust(width) for cell, width in zip(line[:2], widths)]
        numbers = [cell.rjust(width) for cell, width in zip(line[2:], widths[2:])]
        return "  ".join(texts + numbers)

    lines = [group_line(widths), show(HEADINGS), "  ".join("-" * width for width in widths), *map(show, rows)]
    return "\n".join(lines)


def group_line(widths: Sequence[int]) -> str:
    line = ""
    for column, title in GROUPS.items():
        start = sum(widths[:column]) + 2 * column
        span = sum(widths[column : column + 3]) + 4
        line = line.ljust(start) + f" {title} ".center(span, "-")
    return line


def probe_lines(results: Mapping[str, Result]) -> list[str]:
    """Return how each clinical system answered in its own protocol, by the record of the configured host."""
    return [
        f"  {name}: {probe['probe']} of {probe['target']}: {probe['state']} ({probe['saw']})"
        for name, result in sorted(results.items())
        for probe in result.get("probes", [])
    ]


def unhealthy(results: Mapping[str, Result]) -> list[str]:
    return [
        f"  {name}: {probe['target']}: {probe['state']}"
        for name, result in sorted(results.items())
        for probe in result.get("probes", [])
        if not probe["healthy"]
    ]


def still_open(results: Mapping[str, Result]) -> list[str]:
    """Return what hardening left open, one line per control and reason, with the hosts that it concerns."""
    hosts: dict[str, list[str]] = {}
    for name, result in sorted(results.items()):
        for finding in result["findings"]:
            if finding["result"] not in GOOD:
                line = f"{finding['id']} ({finding['result']}): {finding['reason'] or finding['title']}"
                hosts.setdefault(line, []).append(name)
    return [f"{line} [{', '.join(names)}]" for line, names in sorted(hosts.items())]
