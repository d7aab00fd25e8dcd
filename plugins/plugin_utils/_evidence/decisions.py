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
CHOICES = "To decide, the most severe first: harden, repair it by hand, skip it with a reason, or waive it."
_OPEN = ("fail", "deferred")


def decisions(run: Json) -> list[str]:
    """Return the choices there are, and a line for each control that is open, with its hosts and what stands there.

    What is too much for a console is counted.
    """
    open_hosts: dict[tuple[int, str, str], list[str]] = {}
    for host, result in run["hosts"].items():
        for finding in result.get("findings", []):
            if finding["result"] in _OPEN:
                key = (MOST_SEVERE_FIRST.index(finding["severity"]), str(finding["id"]), _what_is_so(finding))
                open_hosts.setdefault(key, []).append(host)
    lines = [
        f"{MOST_SEVERE_FIRST[severity]}: {_named(open_hosts[severity, control, state])}: {control}: {state}"
        for severity, control, state in sorted(open_hosts)
    ]
    if not lines:
        return []
    more = [f"{len(lines) - MOST_LINES:,} more are in the report."] if len(lines) > MOST_LINES else []
    return [CHOICES, *lines[:MOST_LINES], *more]


def _what_is_so(finding: Json) -> str:
    """Return what the host said of a finding, often with what to do; else the value and the one that is wanted."""
    values = f"{finding['subject']} is {finding['before'] or 'not set'}, wanted is {finding['wanted']}"
    return _shortened(visible(str(finding["reason"] or values)))


def _shortened(text: str) -> str:
    text = " ".join(text.split())
    if len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS].rstrip()} ..."


def _named(hosts: Sequence[str]) -> str:
    more = f" and {plural(len(hosts) - MOST_HOSTS, 'other')}" if len(hosts) > MOST_HOSTS else ""
    return ", ".join(hosts[:MOST_HOSTS]) + more
