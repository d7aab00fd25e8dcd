# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit: the baseline was only held against the hosts."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import WOULD_CHANGE, Mode, Undo
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def _is_told_by(results: Sequence[Json]) -> bool:
    return any(result["state"] == "enforced" for result in results)


def _lead(run: Json) -> list[str]:
    sentences = ["This was an audit: it only looked, and changed nothing."]
    if run["summary"]["fail"]:
        sentences.append("What is not as wanted comes first, with the value that hardening would set.")
    return [*sentences, *judged.unjudged(run)]


def _undo(_rehearsal: bool) -> Undo:
    return Undo("There is nothing to undo: an audit changes nothing.")


MODE = Mode(
    name="audit",
    place=1,
    title="Audit",
    is_told_by=_is_told_by,
    precedence=5,
    headline=judged.audited,
    lead=_lead,
    undo=_undo,
    label="audit (looked only)",
    wording=WOULD_CHANGE,
)
