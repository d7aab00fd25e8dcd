# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch plan: each host said what it would install, and may have fetched it."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_report
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return patch_report.has_state(results, "planned", "staged")


def _headline(run: Json) -> str:
    counts = patch_report.count_changes(run)
    return patch_report.headline(run, [patch_report.waiting(counts), *patch_report.pressing(counts)])


def _lead(run: Json) -> list[str]:
    return patch_report.lead(
        run,
        [
            "This run only looked. What it lists is what each host would do now, under the digest of its plan.",
            "Nothing of it happens before somebody approves just that digest.",
        ],
    )


def _undo(_rehearsal: bool) -> Undo:
    return Undo("There is nothing to undo: a plan changes nothing.")


MODE = Mode(
    name="patch_plan",
    place=5,
    title="Patch plan",
    is_told_by=_is_told_by,
    precedence=2,
    headline=_headline,
    lead=_lead,
    undo=_undo,
    label="patch plan (changed nothing)",
    figure="updates",
    hosts_note="One bar a host: what is as wanted, waits, or is late.",
)
