# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch rollback: the versions from before a patch run were installed again."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import REHEARSED, Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return patch_report.has_state(results, "rolled_back")


def _headline(run: Json) -> str:
    counts = patch_report.count_changes(run)
    if counts.done:
        return patch_report.headline(run, [f"{plural(counts.done, 'package')} taken back"])
    return patch_report.headline(run, [f"{plural(counts.open, 'package')} to take back"])


def _lead(run: Json) -> list[str]:
    sentence = "The earlier versions came out of the packages that the hosts had kept; they are held for a time."
    return patch_report.lead(run, [sentence])


def _undo(rehearsal: bool) -> Undo:
    if rehearsal:
        return REHEARSED
    return Undo(
        "The earlier versions are held for a time. When the hold has ended, or was lifted, the next plan lists the "
        "updates again."
    )


MODE = Mode(
    name="patch_rollback",
    place=7,
    title="Patch rollback",
    is_told_by=_is_told_by,
    precedence=4,
    headline=_headline,
    lead=_lead,
    undo=_undo,
    label="patch rollback",
    figure="updates",
    hosts_note="One bar a host: what is as wanted, waits, or is late.",
    done="taken back",
    open="to take back",
)
