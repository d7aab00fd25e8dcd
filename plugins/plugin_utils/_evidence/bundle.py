# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What evidence is: the record of one host and the bundle of a run. Pure data. Private to the collection.

A *record* is what was kept of one host (``record``). A *bundle* is the records of all hosts
of one run id together with the names of the hosts that gave none. Nothing here looks at a clock or a disk: the same
results make the same bytes on any day and any machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.tiers import (
    TIERS,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import run_modes
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import Shared, frameworks
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    RUN_SCHEMA,
    Json,
    canonical,
    check_host_name,
    check_run_id,
    count,
)


def bundle(
    run_id: str,
    records: Mapping[str, Json],
    expected: Iterable[str] = (),
    unreadable: Mapping[str, str] | None = None,
    mode: str = "",
) -> Json:
    """One run: ``records`` (host -> checked result), the ``expected`` names, ``unreadable`` (host -> why).

    ``mode`` is only believed where no record says what the run was. ``missing``, ``failed`` and ``unreadable`` hosts
    are all unknown. The shape is told in the role's README.
    """
    expected = set(expected)
    broken = {**dict(unreadable or {}), **_unusable(expected)}
    for name in records:
        check_host_name(name)
    shared = Shared()
    hosts = {name: shared.of(records[name]) for name in sorted(records)}
    results = list(hosts.values())
    summary = dict.fromkeys(WORST_FIRST, 0)
    for result in results:
        for outcome, number in count(result.get("findings", [])).items():
            summary[outcome] += number
    return {
        "schema": RUN_SCHEMA,
        "run_id": check_run_id(run_id),
        "mode": run_modes.recognise(results, mode),
        "tier": ", ".join(tier for tier in TIERS if any(result.get("tier") == tier for result in results)) or None,
        "started": min((result["started"] for result in results if "started" in result), default=None),
        "finished": max((result["finished"] for result in results if "finished" in result), default=None),
        "catalogue": _catalogue(results),
        "summary": summary,
        "frameworks": frameworks(results),
        "hosts": hosts,
        "failed": sorted(name for name in records if records[name]["state"] == "failed"),
        "missing": sorted(expected - set(records) - set(broken)),
        "unreadable": {name: broken[name] for name in sorted(broken)},
    }


def _catalogue(results: Sequence[Json]) -> Json | None:
    """The catalogue all hosts share, or, where groups of hosts bring their own, the list of all."""
    different = {canonical(result["catalogue"]): result["catalogue"] for result in results if result.get("catalogue")}
    if len(different) > 1:
        return {"digest": None, "several": [different[key] for key in sorted(different)]}
    return next(iter(different.values()), None)


def _unusable(names: Iterable[str]) -> dict[str, str]:
    """Return the names that can name no record, each with the reason; the report of all others is made."""
    reasons: dict[str, str] = {}
    for name in names:
        try:
            check_host_name(name)
        except ClinicalError as exc:
            reasons[name] = str(exc)
    return reasons
