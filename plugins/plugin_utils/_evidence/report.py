# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the records on disk to the bundle and the report on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.approval_files import (
    approval_names,
    kept_approvals,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.decisions import decisions
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported, present
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import sha256, write
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.page import render
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.known_files import (
    KnownFiles,
    known_files,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import not_confirmed, unknown_hosts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.shared import stored
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import (
    StoredRecords,
    latest_run,
    load_records,
    load_run,
    point_latest,
    run_dir,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import bundle_problems, content_fault
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
    check_run_id,
    count,
)


@dataclass(frozen=True)
class Sealing:
    """How a bundle is sealed: in which fleet's chain, with which key, when, and what else vouches for its files.

    ``take_over`` seals records as well that neither the newest manifest nor ``own_writes`` knows; the manifest says so.
    ``cache`` is the folder that keeps the report's template compiled.
    """

    own_writes: OwnWrites
    fleet: str = "fleet"
    key: Path | None = None
    take_over: bool = False
    now: datetime | None = None
    cache: Path | None = None


def report(
    evidence_dir: Path,
    template: str,
    sealing: Sealing,
    *,
    run_id: str = "",
    hosts: Sequence[str] = (),
    mode: str = "",
    formats: Sequence[str] = (),
    approvals: bytes | None = None,
) -> Json:
    """Write run.json, report.html and the ``formats`` of a run, and add it to the chain of its fleet.

    Returns what evidence_report returns. ``hosts`` are the expected names. Names that an earlier report of this run
    expected stay expected, and formats that it was written in are written again. ``approvals`` is the content
    of a file that the records name by its hash; it is kept beside them.
    """
    run_id = check_run_id(run_id) if run_id else latest_run(evidence_dir)
    folder = run_dir(evidence_dir, run_id)
    if not (hosts or folder.is_dir()):
        raise _nothing(evidence_dir, run_id)
    with chain.held(evidence_dir, run_id):
        _refuse_broken(folder)
        known = known_files(folder, run_id, sealing.own_writes, sealing.take_over)
        records = load_records(evidence_dir, run_id, known)
        expected, mode = _remembered(evidence_dir, run_id, hosts, mode, known)
        if not (records.results or records.unreadable or expected):
            raise _nothing(evidence_dir, run_id)
        run = bundle(run_id, records.results, expected, records.unreadable, mode)
        files = {**exported(run, {*formats, *present(folder)}), **kept_approvals(run, approvals)}
        files["run.json"] = canonical(stored(run))
        content = _content(run, files, records, known)
        link, changed, mended = _sealed(evidence_dir, run, files, content, template, sealing)
        changed = point_latest(evidence_dir, run) or changed
    made = _as_result(folder, run, link)
    made["warnings"] += _lost_approvals(run, content)
    made["warnings"] += [f"{name} was not as number {known.number} has sealed it; it was made anew" for name in mended]
    return {**made, "changed": changed, "files": sorted({*files, "report.html"})}


def _nothing(evidence_dir: Path, run_id: str) -> ClinicalError:
    return ClinicalError(
        "Reporting",
        f"on run {run_id} in {evidence_dir}",
        "nothing was recorded of it",
        "Check the run id and the path, or name the hosts that the run was meant for.",
    )


def _refuse_broken(folder: Path) -> None:
    """Raise ClinicalError where the manifests of a bundle cannot be what was sealed: all else is held against them."""
    problems = bundle_problems(chain.links(folder))
    if problems:
        advice = "Run verify_evidence, and put the bundle's chain folder back from a copy. Nothing was sealed."
        raise ClinicalError("Reporting", f"on {folder}", str(problems[0]), advice)


def _content(run: Json, files: Mapping[str, bytes], records: StoredRecords, known: KnownFiles) -> Json:
    """Return what the manifest says of the bundle, but for the report, which names its place in the chain.

    A sealed file stays in it as it was sealed, whatever lies there now.
    """
    made = {**records.digests, **{name: sha256(data) for name, data in files.items()}}
    content: Json = {
        "files": {**known.sealed, **made},
        "silent": sorted([*run["missing"], *run["unreadable"]]),
        "mode": run["mode"],
    }
    taken_over = sorted(name for name, digest in records.digests.items() if not known.is_known(name, digest))
    return {**content, "taken_over": taken_over} if taken_over else content


def _lost_approvals(run: Json, content: Json) -> list[str]:
    """Return a warning for each approvals file that records name and the bundle does not hold."""
    lost = sorted(approval_names(run) - set(content["files"]))
    return [
        f"{name} could not be kept: the file of approvals is not the one that the hosts were let by" for name in lost
    ]


def _sealed(
    evidence_dir: Path, run: Json, files: dict[str, bytes], content: Json, template: str, sealing: Sealing
) -> tuple[chain.Link, bool, list[str]]:
    """Write the bundle; its manifest, whether anything changed, and which sealed files were otherwise.

    The report says which place in the chain it has. A run whose files are as its newest manifest says keeps that place,
    so that rendering it again, with whatever key, is the same to the byte.
    """
    folder, digest = run_dir(evidence_dir, run["run_id"]), content["files"]["run.json"]
    earlier = chain.links(folder)

    def with_page(seal: chain.Seal) -> tuple[dict[str, bytes], dict[str, str]]:
        page = render(run, template, digest, seal, sealing.cache).encode("utf-8")
        return {**files, "report.html": page}, {**content["files"], "report.html": sha256(page)}

    mended = _otherwise(folder, earlier[-1], {*files, "report.html"}) if earlier else []
    if earlier and not mended and earlier[-1].manifest["files"].get("run.json") == digest:
        same, digests = with_page(chain.seal_of(earlier[-1]))
        if digests == earlier[-1].manifest["files"]:
            return earlier[-1], _written(folder, same), []
    seal = chain.next_seal(evidence_dir, chain.fleet_of(earlier, sealing.fleet), sealing.key, sealing.own_writes)
    new, digests = with_page(seal)
    sealing.own_writes.note(run["run_id"], "run.json", digest)
    _written(folder, new)
    sealed = {"sealed": format_stamp(sealing.now or datetime.now(timezone.utc))}
    content = {**content, **sealed, "files": digests, **({"mended": mended} if mended else {})}
    link = chain.append(evidence_dir, run["run_id"], seal, sealing.key, sealing.own_writes, content)
    return link, True, mended


def _otherwise(folder: Path, newest: chain.Link, names: Iterable[str]) -> list[str]:
    """Return which of the files, about to be made anew, are not as they were sealed, or gone."""
    sealed = {name: newest.manifest["files"][name] for name in sorted(names) if name in newest.manifest["files"]}
    return [name for name, digest in sealed.items() if content_fault(folder / name, digest)]


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
        "decisions": decisions(run),
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


def _remembered(
    evidence_dir: Path, run_id: str, hosts: Sequence[str], mode: str, known: KnownFiles
) -> tuple[set[str], str]:
    """Return the expected names and the mode, with what the run's earlier report knew of them.

    The manifest tells it; one of before it did so has the bundle to ask, if that is as it was sealed.
    """
    newest = chain.newest(run_dir(evidence_dir, run_id))
    if newest is not None and "silent" in newest.manifest:
        return {*hosts, *newest.manifest["silent"]}, mode or str(newest.manifest.get("mode", ""))
    try:
        earlier = _earlier_bundle(evidence_dir, run_id, known)
    except ClinicalError as exc:
        if hosts:
            return set(hosts), mode
        try_this = "Move it away and name the hosts that the run was meant for; it alone knows who gave no result."
        raise ClinicalError(exc.doing, exc.subject, exc.saw, try_this) from exc
    if earlier is None:
        return set(hosts), mode
    names = {*earlier["hosts"], *earlier["missing"], *earlier["unreadable"]}
    return {*hosts, *names}, mode or str(earlier.get("mode") or "")


def _earlier_bundle(evidence_dir: Path, run_id: str, known: KnownFiles) -> Json | None:
    """Return the run.json that is there; none before the first report. Raises ClinicalError if it is not as sealed."""
    earlier = load_run(evidence_dir, run_id)
    if earlier is None:
        return None
    path = run_dir(evidence_dir, run_id) / "run.json"
    fault = known.fault("run.json", path.read_bytes())
    if fault:
        raise ClinicalError("Reading", str(path), fault, "")
    return earlier
