# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headline and the lead that all runs about packages share. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.patch import LEFT_OUT
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import patch_record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import (
    failed_probes_clause,
    host_count,
    plural,
    silent_clause,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json


@dataclass(frozen=True)
class ChangeCounts:
    """How many changes of packages the hosts of a run have: all of the set, those made, and those that are late."""

    chosen: int
    done: int
    security: int
    late: int

    @property
    def open(self) -> int:
        return self.chosen - self.done


def has_state(results: Sequence[Json], *states: str) -> bool:
    """Return True if a host's packages came to one of these states."""
    return any("patch" in result and result["patch"]["state"] in states for result in results)


def count_changes(run: Json) -> ChangeCounts:
    """Return how many changes of the run's hosts are chosen, done, for security and late."""
    changes = [(status, change) for _name, _result, status, change in patch_record.package_changes(run)]
    chosen = [change for status, change in changes if status not in LEFT_OUT]
    return ChangeCounts(
        chosen=len(chosen),
        done=sum(status in ("installed", "taken_back") for status, _change in changes),
        security=sum(change.get("security") is not False for change in chosen),
        late=sum(status == "late" for status, _change in changes),
    )


def waiting(counts: ChangeCounts) -> str:
    """Return how many updates wait, in words."""
    return f"{plural(counts.open, 'update')} {'waits' if counts.open == 1 else 'wait'}"


def pressing(counts: ChangeCounts) -> list[str]:
    """Return how many updates are for security, and how many are late; where there are any."""
    parts = [f"{counts.security:,} for security"] if counts.chosen else []
    if counts.late:
        parts.append(f"{counts.late:,} past {'its' if counts.late == 1 else 'their'} deadline")
    return parts


def headline(run: Json, parts: Sequence[str]) -> str:
    """Return the headline of a run about packages; ``parts`` are those that only its mode has."""
    records = patch_record.patch_records(run)
    if not records:
        return f"{host_count(run)}: nothing is known{silent_clause(run)}"
    doubtful = sum(result["patch"]["verdict"] == "unknown" for _name, result in records)
    failed = sum(bool(result.get("failed")) for _name, result in records)
    parts = [*parts]
    if doubtful:
        parts.append(f"{plural(doubtful, 'host')} of which nobody can tell")
    if failed:
        parts.append(f"{plural(failed, 'host')} failed")
    return f"{host_count(run)}: {', '.join(parts)}{silent_clause(run)}{failed_probes_clause(run)}"


def lead(run: Json, sentences: Sequence[str]) -> list[str]:
    """Return the lead of a run about packages; ``sentences`` are those that only its mode has."""
    patches = [result["patch"] for _name, result in patch_record.patch_records(run)]
    sentences = [*sentences]
    if any(patch["verdict"] == "unknown" for patch in patches):
        sentences.append("A host of which nobody can tell is never one without updates.")
    if any((patch.get("reboot") or {}).get("needed") for patch in patches):
        sentences.append("Some hosts want a restart before they run what is installed.")
    return sentences
