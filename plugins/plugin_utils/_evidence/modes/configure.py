# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration: clinical systems were set up, and asked in their own protocols."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import REHEARSED, Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    configurations,
    failed_probes_clause,
    host_count,
    lost_change_clause,
    plural,
    probes,
    silent_clause,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return any(result["state"] in ("configured", "probed") for result in results)


def _headline(run: Json) -> str:
    systems = [system for _name, system in configurations(run)]
    if not (probes(run) or systems):
        return judged.enforced(run)
    parts = _counted(systems)
    if probes(run):
        healthy = plural(sum(probe["healthy"] for _name, probe in probes(run)), "service check")
        parts.append(f"{healthy} healthy")
    losses = f"{failed_probes_clause(run)}{silent_clause(run)}{lost_change_clause(run)}"
    return f"{host_count(run)}: {', '.join(parts)}{losses}"


def _counted(systems: Sequence[Json]) -> list[str]:
    """Return how many systems are as they are to be, were changed for it, and could not be."""
    if not systems:
        return []
    failed = sum(bool(system["errors"]) for system in systems)
    changed = sum(system["changed"] for system in systems)
    parts = [f"{plural(len(systems) - failed, 'system')} configured", f"{changed:,} changed"]
    return [*parts, f"{failed:,} failed"] if failed else parts


def _lead(run: Json) -> list[str]:
    sentences = ["The services were asked in their own protocols; no control of the baseline was judged."]
    if configurations(run):
        sentences.insert(0, "A configuration is there as a whole; where it failed, the host has its earlier one.")
    return sentences


def _undo(rehearsal: bool) -> Undo:
    if rehearsal:
        return REHEARSED
    return Undo(
        "On the control node, with the inventory of this run. Each host gets the configuration back that it had before "
        "this run; what others changed since stays and is named.",
        playbook="healthops.clinical.rollback",
        option="hardening_revert_run",
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
