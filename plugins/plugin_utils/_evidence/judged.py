# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headline and the end of the lead of runs that judge controls of the baseline. Pure."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    failed_probes_clause,
    host_count,
    lost_change_clause,
    plural,
    silent_clause,
    unknown_hosts,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


def losses(run: Json) -> str:
    """Return the end of the headline: who gave no result, lost the change, or has services that do not answer."""
    return silent_clause(run) + lost_change_clause(run) + failed_probes_clause(run)


def audited(run: Json) -> str:
    """Return the headline of a run that only looked."""
    summary = run["summary"]
    good, deviating = _good_and_open(run)
    return _headline(run, f"{good:,} as wanted, {deviating:,} not as wanted, {summary['error']:,} unknown")


def enforced(run: Json) -> str:
    """Return the headline of a run that repaired what it could."""
    summary = run["summary"]
    good, undecided = _good_and_open(run)
    need = "needs" if undecided == 1 else "need"
    return _headline(run, f"{good:,} pass or fixed, {undecided:,} {need} a decision, {summary['error']:,} unknown")


def unjudged(run: Json) -> list[str]:
    """Return the last sentence of the lead, where checks could not be judged."""
    errors = run["summary"]["error"]
    if errors:
        return [f"{plural(errors, 'check')} could not be judged."]
    return []


def _good_and_open(run: Json) -> tuple[int, int]:
    summary = run["summary"]
    return summary["pass"] + summary["fixed"], summary["fail"] + summary["deferred"]


def _headline(run: Json, counts: str) -> str:
    checks = sum(run["summary"].values())
    if unknown_hosts(run) and not checks:
        return f"{host_count(run)}: nothing is known{losses(run)}"
    return f"{host_count(run)}, {plural(checks, 'check')}: {counts}{losses(run)}"
