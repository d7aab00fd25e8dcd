# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration: clinical systems were set up, and asked in their own protocols."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    failed_probes_clause,
    host_count,
    lost_change_clause,
    plural,
    probes,
    silent_clause,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return any(result["state"] == "probed" for result in results)


def _headline(run: Json) -> str:
    if not probes(run):
        return judged.enforced(run)
    healthy = plural(sum(probe["healthy"] for _name, probe in probes(run)), "service check")
    losses = f"{failed_probes_clause(run)}{silent_clause(run)}{lost_change_clause(run)}"
    return f"{host_count(run)}: {healthy} healthy{losses}"


def _lead(_run: Json) -> list[str]:
    return ["The services were asked in their own protocols; no control of the baseline was judged."]


def _undo(_rehearsal: bool) -> Undo:
    return Undo(
        "Questions to services change nothing, so there is nothing of them to undo. What a role configured is taken "
        "back by its own settings."
    )


MODE = Mode(
    name="configure",
    place=4,
    title="Configuration",
    is_told_by=_is_told_by,
    precedence=-1,
    headline=_headline,
    lead=_lead,
    undo=_undo,
    figure="services",
)
