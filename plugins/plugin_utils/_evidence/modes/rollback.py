# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollback: what an earlier hardening replaced was put back."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import REHEARSED, Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    host_count,
    only_looked,
    plural,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return any(result["state"] == "reverted" for result in results)


def _headline(run: Json) -> str:
    restored = sum(len(result.get("restored", [])) for result in run["hosts"].values())
    verb = "would be put back" if only_looked(run) else "put back"
    left = sum(len(result.get("left", [])) for result in run["hosts"].values())
    as_found = "it is" if left == 1 else "they are"
    apart = f", {left} left as {as_found}" if left else ""
    return f"{host_count(run)}: {plural(restored, 'item')} {verb} as before{apart}{judged.losses(run)}"


def _lead(run: Json) -> list[str]:
    if only_looked(run):
        return ["This was a rehearsal in check mode: it only looked, and changed nothing."]
    return ["Each item was restored from the journal that the earlier run wrote before its first change."]


def _undo(rehearsal: bool) -> Undo:
    if rehearsal:
        return REHEARSED
    text = "A rollback keeps its own journal, so it can be taken back too: run "
    return Undo(text, code="healthops.clinical.harden", end=" again.")


MODE = Mode(
    name="rollback",
    place=3,
    title="Rollback",
    is_told_by=_is_told_by,
    precedence=7,
    headline=_headline,
    lead=_lead,
    undo=_undo,
    figure="restored",
    hosts_note="What each host got back.",
)
