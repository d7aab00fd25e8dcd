# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the records on disk to the bundle and the report on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported, present
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.page import render
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import not_confirmed, unknown_hosts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import stored
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import (
    latest_run,
    load_records,
    load_run,
    point_latest,
    run_dir,
    write,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
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
    hosts: Sequence[str] = (),
    mode: str = "",
    formats: Sequence[str] = (),
    fleet: str = "fleet",
    key: Path | None = None,
    cache: Path | None = None,
) -> Json:
    """Write run.json, report.html and the ``formats`` of a run, and add it to the chain of its ``fleet``.

    Returns what evidence_report returns. ``hosts`` are the expected names. Names that an earlier report of this run
    expected stay expected, and formats that it was written in are written again. ``key`` signs what is new. ``cache``
    is the folder that keeps the template compiled.
    """
    run_id = check_run_id(run_id) if run_id else latest_run(evidence_dir)
    folder = run_dir(evidence_dir, run_id)
    if not (hosts or folder.is_dir()):
        raise _nothing(evidence_dir, run_id)
    with chain.held(evidence_dir, run_id):
        records, unreadable = load_records(evidence_dir, run_id)
        expected, mode = _remembered(evidence_dir, run_id, hosts, mode)
        if not (records or unreadable or expected):
            raise _nothing(evidence_dir, run_id)
        run = bundle(run_id, records, expected, unreadable, mode)
        files = exported(run, {*formats, *present(folder)})
        files["run.json"] = canonical(stored(run))

        def page(digest: str, seal: chain.Seal) -> bytes:
            return render(run, template, digest, seal, cache).encode("utf-8")

        link, changed = _sealed(evidence_dir, run, files, page, fleet, key)
        changed = point_latest(evidence_dir, run) or changed
    return {**_as_result(folder, run, link), "changed": changed, "files": sorted({*files, "report.html"})}


def _nothing(evidence_dir: Path, run_id: str) -> ClinicalError:
    return ClinicalError(
        "Reporting",
        f"on run {run_id} in {evidence_dir}",
        "nothing was recorded of it",
        "Check the run id and the path, or name the hosts that the run was meant for.",
    )


def _sealed(
    evidence_dir: Path,
    run: Json,
    files: dict[str, bytes],
    page: Callable[[str, chain.Seal], bytes],
    fleet: str,
    key: Path | None,
) -> tuple[chain.Link, bool]:
    """Write the bundle; its manifest, and whether anything changed.

    The report says which place in the chain it has. A run whose files are as its newest manifest says keeps that place,
    so that rendering it again, with whatever key, is the same to the byte.
    """
    folder, digest = run_dir(evidence_dir, run["run_id"]), chain.sha256(files["run.json"])
    earlier = chain.links(folder)
    if earlier and earlier[-1].manifest["files"].get("run.json") == digest:
        same = {**files, "report.html": page(digest, chain.seal_of(earlier[-1]))}
        digests = {**chain.hashes(folder), **{path: chain.sha256(data) for path, data in same.items()}}
        if digests == earlier[-1].manifest["files"]:
            return earlier[-1], _written(folder, same)
    seal = chain.next_seal(evidence_dir, chain.fleet_of(earlier, fleet), key)
    _written(folder, {**files, "report.html": page(digest, seal)})
    return chain.append(evidence_dir, run["run_id"], seal, key), True


def _written(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Write all of them; whether any was not there just so."""
    written = [write(folder / path, files[path]) for path in sorted(files)]
    return any(written)


def _as_result(folder: Path, run: Json, link: chain.Link) -> Json:
    unknown = unknown_hosts(run)
    return {
        "run_id": run["run_id"],
        "path": str(folder),
        "json": str(folder / "run.json"),
        "html": str(folder / "report.html"),
        "manifest": str(link.path),
        "fleet": link.fleet,
        "sequence": link.number,
        "head": link.head,
        "signer": link.manifest["signer"],
        "mode": run["mode"],
        "headline": headline(run),
        "summary": run["summary"],
        "per_host": {name: _counts(result) for name, result in run["hosts"].items() if name not in unknown},
        "unknown_hosts": unknown,
        # Said again at the end of the run, where the message of the failed task is far above.
        "warnings": [f"{name}: {why}" for name, why in {**unknown, **not_confirmed(run)}.items()],
    }


def _counts(result: Json) -> dict[str, int]:
    if result["state"] == "reverted":
        return {"restored": len(result["restored"])}
    return count(result.get("findings", []))


def _remembered(evidence_dir: Path, run_id: str, hosts: Sequence[str], mode: str) -> tuple[set[str], str]:
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
