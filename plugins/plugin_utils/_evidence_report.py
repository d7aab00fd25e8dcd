# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the records on disk to the bundle and the report on disk. Private to the collection."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import (
    bundle,
    headline,
    not_confirmed,
    unknown_hosts,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_formats import exported, present
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_html import render
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_shared import stored
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_store import (
    latest_run,
    load_records,
    load_run,
    point_latest,
    run_dir,
    write,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_words import (
    Json,
    canonical,
    check_run_id,
    count,
)


def report(
    evidence_dir: Path,
    template: str,
    *,
    run_id: str = "",
    hosts: t.Sequence[str] = (),
    mode: str = "",
    formats: t.Sequence[str] = (),
) -> Json:
    """Write run.json, report.html, the ``formats`` and ``latest`` for a run; returns what evidence_report returns.

    ``hosts`` are the expected names. Names that an earlier report of this run expected stay expected, and formats that
    it was written in are written again.
    """
    run_id = check_run_id(run_id) if run_id else latest_run(evidence_dir)
    records, unreadable = load_records(evidence_dir, run_id)
    expected, mode = _remembered(evidence_dir, run_id, hosts, mode)
    if not (records or unreadable or expected):
        raise ClinicalError(
            "Reporting",
            f"on run {run_id} in {evidence_dir}",
            "nothing was recorded of it",
            "Check the run id and the path, or name the hosts that the run was meant for.",
        )
    run = bundle(run_id, records, expected, unreadable, mode)
    folder = run_dir(evidence_dir, run_id)
    files = exported(run, {*formats, *present(folder)})
    files["run.json"] = canonical(stored(run))
    files["report.html"] = render(run, template).encode("utf-8")
    written = [write(folder / path, files[path]) for path in sorted(files)]
    written.append(point_latest(evidence_dir, run))
    unknown = unknown_hosts(run)
    return {
        "changed": any(written),
        "run_id": run_id,
        "path": str(folder),
        "json": str(folder / "run.json"),
        "html": str(folder / "report.html"),
        "files": sorted(files),
        "mode": run["mode"],
        "headline": headline(run),
        "summary": run["summary"],
        "per_host": {name: _counts(result) for name, result in run["hosts"].items() if name not in unknown},
        "unknown_hosts": unknown,
        # Said again at the end of the run, where the message of the failed task is far above.
        "warnings": [f"{name}: {why}" for name, why in {**unknown, **not_confirmed(run)}.items()],
    }


def _counts(result: Json) -> t.Dict[str, int]:
    if result["state"] == "reverted":
        return {"restored": len(result["restored"])}
    return count(result["findings"])


def _remembered(evidence_dir: Path, run_id: str, hosts: t.Sequence[str], mode: str) -> t.Tuple[t.Set[str], str]:
    """Expected names and mode, with what the run's earlier report knew. If it is damaged, the names must be given."""
    expected = set(hosts)
    try:
        earlier = load_run(evidence_dir, run_id)
    except ClinicalError as exc:
        if expected:
            return expected, mode
        try_this = "Move it away and name the hosts that the run was meant for; it alone knows who gave no result."
        raise ClinicalError(exc.doing, exc.subject, exc.saw, try_this) from exc
    if earlier is not None:
        expected.update(earlier["hosts"], earlier["missing"], earlier["unreadable"])
        mode = mode or str(earlier.get("mode") or "")
    return expected, mode
