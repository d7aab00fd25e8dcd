# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardening: what was not as wanted was repaired, as far as that was allowed."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import not_confirmed, plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return any(result["state"] == "enforced" and not result["check_mode"] for result in results)


def _lead(run: Json) -> list[str]:
    summary, sentences = run["summary"], []
    if summary["fixed"]:
        sentences.append(f"This run repaired {plural(summary['fixed'], 'finding')}; one command takes that back.")
    elif not not_confirmed(run) and not any(result.get("changed") for result in run["hosts"].values()):
        sentences.append("Nothing had to be changed.")
    if summary["fail"] + summary["deferred"]:
        sentences.append(
            "What needs a decision comes first: repair it by hand, consent to what it interrupts, or waive it."
        )
    return [*sentences, *judged.unjudged(run)]


def _undo(_rehearsal: bool) -> Undo:
    return Undo(
        "On the control node, with the inventory of this run. It restores exactly what the run replaced, and refuses "
        "where something changed since.",
        playbook="healthops.clinical.rollback",
        option="hardening_revert_run",
    )


MODE = Mode(
    name="harden",
    place=2,
    title="Hardening",
    is_told_by=_is_told_by,
    precedence=6,
    headline=judged.enforced,
    lead=_lead,
    undo=_undo,
)
