# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What waits for somebody's decision, the most severe first, in lines for a console. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import MOST_SEVERE_FIRST
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, visible

#: How many lines a console is given, how many hosts a line names, and how much of a text.
MOST_LINES = 10
MOST_HOSTS = 3
MOST_CHARACTERS = 240
_OPEN = ("fail", "deferred")


def decisions(run: Json) -> list[str]:
    """Return a line for each control that is open, with its hosts and what to do; what is too much is counted."""
    open_hosts: dict[tuple[int, str, str], list[str]] = {}
    for host, result in run["hosts"].items():
        for finding in result.get("findings", []):
            if finding["result"] in _OPEN:
                key = (MOST_SEVERE_FIRST.index(finding["severity"]), str(finding["id"]), _what_to_do(finding))
                open_hosts.setdefault(key, []).append(host)
    lines = [
        f"{MOST_SEVERE_FIRST[severity]}: {_named(open_hosts[severity, control, advice])}: {control}: {advice}"
        for severity, control, advice in sorted(open_hosts)
    ]
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], f"{len(lines) - MOST_LINES:,} more are in the report."]


def _what_to_do(finding: Json) -> str:
    """Return what the host said of a finding; where it said nothing, what there is to choose from."""
    if finding["reason"]:
        return _shortened(visible(str(finding["reason"])))
    values = f"{finding['subject']} is {finding['before'] or 'not set'}, wanted is {finding['wanted']}"
    return f"{_shortened(visible(values))}; harden, repair it by hand, skip it with a reason, or waive it"


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS].rstrip()} ..."


def _named(hosts: Sequence[str]) -> str:
    more = f" and {plural(len(hosts) - MOST_HOSTS, 'other')}" if len(hosts) > MOST_HOSTS else ""
    return ", ".join(hosts[:MOST_HOSTS]) + more
