# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patching: the approved updates were installed."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import REHEARSED, Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return patch_report.has_state(results, "applied")


def _headline(run: Json) -> str:
    counts = patch_report.count_changes(run)
    parts = [f"{plural(counts.done, 'update')} installed"]
    if counts.open:
        parts.append(patch_report.waiting(counts))
    return patch_report.headline(run, [*parts, *patch_report.pressing(counts)])


def _lead(run: Json) -> list[str]:
    sentence = "Only the sets that somebody had approved were installed; what each replaced is kept on its host."
    return patch_report.lead(run, [sentence])


def _undo(rehearsal: bool) -> Undo:
    if rehearsal:
        return REHEARSED
    return Undo(
        "On the control node, with the inventory of this run. It installs the earlier versions from the packages that "
        "each host kept, and tells what that opens again.",
        playbook="healthops.clinical.patch_rollback",
        option="patching_run_id",
    )


MODE = Mode(
    name="patch_apply",
    place=6,
    title="Patching",
    is_told_by=_is_told_by,
    precedence=3,
    headline=_headline,
    lead=_lead,
    undo=_undo,
    label="patch",
    figure="updates",
    hosts_note="One bar a host: what is as wanted, waits, or is late.",
)
