# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the bundles in a directory are those that were written, all of them, in their order. Private.

It says which bundle and which file. What it can tell depends on what is kept elsewhere: without a list of allowed
signers, whoever can write the directory can write a new chain; without a remembered head, they can cut off its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._text.numbers import is_natural
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp, parse_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.chain import Link, fleets_of_notes
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import read, sha256
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

#: What can be wrong with a bundle or a file of it.
WHAT = (
    "changed",
    "missing",
    "added",
    "reordered",
    "forked",
    "signature",
    "truncated",
    "withdrawn",
    "unsealed",
    "clock",
)
#: Seconds by which the clock of a control node may be behind that of another, or be set back by its time servers.
CLOCKS_DIFFER = 300
#: Of so many numbers in a row that are not here, each is named.
MOST_MISSING = 100


@dataclass(frozen=True)
class ChainProblem:
    """``run_id`` and ``number`` name the bundle, ``file`` the file in it where it is about one."""

    what: str
    fault: str
    run_id: str = ""
    number: int = 0
    file: str = ""

    def as_result(self) -> Json:
        """Return the problem under the keys that a module's result has."""
        return {"what": self.what, "saw": self.fault, "run_id": self.run_id, "number": self.number, "file": self.file}

    def __str__(self) -> str:
        place = [f"run {self.run_id}" if self.run_id else "", f"number {self.number}" if self.number else "", self.file]
        where = ", ".join(part for part in place if part)
        return ": ".join(part for part in (where, self.what, self.fault) if part)


def verify(
    evidence_dir: Path,
    *,
    fleet: str = "",
    allowed_signers: Path | None = None,
    head: str = "",
    oldest: int = 1,
    own_writes: OwnWrites | None = None,
) -> Json:
    """Everything that is wrong with the chains in a directory, or with that of one fleet.

    ``head`` is what an operator remembers of the end, ``own_writes`` what this account does; ``oldest`` is the first
    number that is still kept.
    """
    if not evidence_dir.is_dir():
        raise ClinicalError("Verifying", str(evidence_dir), "it is no directory", "Name the directory of all bundles.")
    if allowed_signers is not None and not allowed_signers.is_file():
        raise ClinicalError(
            "Verifying", str(evidence_dir), f"{allowed_signers} is no file", "Name the allowed signers."
        )
    remembered = _remembered(head)
    bundles = [path for path in sorted(evidence_dir.iterdir()) if _is_bundle(path)]
    links, problems = _read(bundles)
    ends = own_writes.ends() if own_writes else {}
    fleets = [fleet] if fleet else sorted({link.fleet for link in links} | fleets_of_notes(evidence_dir) | set(ends))
    if head and len(fleets) != 1:
        raise ClinicalError("Verifying", f"the head {head}", f"there are {len(fleets)} fleets", "Name the fleet, too.")
    for name in fleets:
        fleet_links = [link for link in links if link.fleet == name]
        problems += _order(fleet_links, oldest) + _clock(fleet_links)
        problems += _end(fleet_links, _known_ends(evidence_dir, name, remembered, ends.get(name)))
        problems += [problem for link in fleet_links for problem in _place(link)]
        problems += [problem for link in fleet_links for problem in _signature(link, fleet_links, allowed_signers)]
        problems += _files(fleet_links)
    problems += _in_two_chains(links)
    chosen = [link for link in links if link.fleet in fleets]
    if not (chosen or problems):
        problems.append(ChainProblem("missing", f"there is nothing to verify in {evidence_dir}"))
    return {
        "bundles": len({link.run_id for link in chosen}),
        "manifests": len(chosen),
        "signed": sum(bool(link.manifest["signer"]) for link in chosen),
        "heads": {name: _last(name, chosen).head for name in fleets if _last_or_none(name, chosen)},
        "problems": [problem.as_result() for problem in problems],
        "told": [str(problem) for problem in problems],
        "notes": [note for name in fleets for note in _notes([link for link in chosen if link.fleet == name])],
    }


def bundle_problems(links: Sequence[Link]) -> list[ChainProblem]:
    """Return what is wrong with the manifests of one bundle, as far as they alone tell, whatever its files are."""
    problems = [problem for link in links for problem in _place(link)] + _in_two_chains(links)
    return problems + [problem for link in links for problem in _signature(link, links, None)]


def _is_bundle(path: Path) -> bool:
    if path.name.startswith(".") or path.is_symlink() or not path.is_dir():
        return False
    return any((path / name).exists() for name in (chain.FOLDER, "hosts", "run.json"))


def _remembered(head: str) -> tuple[int, str] | None:
    if not head:
        return None
    number, _colon, digest = head.partition(":")
    digest = digest.replace("sha256:", "")
    if not is_natural(number) or len(digest) != 64:
        raise ClinicalError(
            "Reading", f"the head {head!r}", "it is not like 12:0123...", "Copy it from a run's output."
        )
    return int(number), digest


def _read(bundles: Sequence[Path]) -> tuple[list[Link], list[ChainProblem]]:
    """Every manifest; bundles without one, and manifests that are none, are problems."""
    links: list[Link] = []
    problems: list[ChainProblem] = []
    for bundle in bundles:
        folder = bundle / chain.FOLDER
        if folder.is_symlink():
            problems.append(ChainProblem("changed", "it is a link", bundle.name, file=chain.FOLDER))
        paths = sorted(path for path in folder.glob("*.json") if path.is_file()) if folder.is_dir() else []
        for path in paths:
            try:
                links.append(chain.open_link(path))
            except ClinicalError as exc:
                problems.append(ChainProblem("changed", str(exc), bundle.name, file=f"{chain.FOLDER}/{path.name}"))
        if not paths:
            fault = "it has no manifest: it was added by hand, its run has not ended, or it is older than the chain"
            problems.append(ChainProblem("unsealed", fault, bundle.name))
    return links, problems


def _order(links: Sequence[Link], oldest: int) -> list[ChainProblem]:
    """Gaps, numbers that are there twice, and manifests that are not the ones that their successors name."""
    problems: list[ChainProblem] = []
    by_number: dict[int, list[Link]] = {}
    for link in links:
        by_number.setdefault(link.number, []).append(link)
    before = oldest - 1
    for number in sorted(number for number in by_number if number >= oldest):
        here, after = by_number[number], by_number.get(number + 1, [])
        problems += _gap(before + 1, number - 1, here)
        before = number
        if len(here) > 1:
            runs = " and ".join(sorted({link.run_id for link in here}))
            problems.append(ChainProblem("forked", f"two manifests have this number: {runs}", here[0].run_id, number))
        named = {(link.manifest["previous"] or {}).get("sha256") for link in after}
        if after and not {link.sha256 for link in here} & named:
            fault = f"its manifest is not the one that number {number + 1} names"
            problems.append(
                ChainProblem("changed", fault, here[0].run_id, number, f"{chain.FOLDER}/{here[0].path.name}")
            )
    problems += [
        ChainProblem("changed", "number 1 names one before it", link.run_id, 1)
        for link in by_number.get(1, [])
        if link.manifest["previous"]
    ]
    return problems


def _gap(first: int, last: int, after: Sequence[Link]) -> list[ChainProblem]:
    """Return the problems of numbers that are not here: each of a few, the last with its run; of many, all in one."""
    named = next((link.manifest["previous"] for link in after if link.manifest["previous"]), None)
    if last - first >= MOST_MISSING:
        return [ChainProblem("missing", f"the bundles of numbers {first} to {last} are not here", number=first)]
    run_ids = {last: str(named["run_id"])} if named else {}
    return [
        ChainProblem("missing", "the bundle is not here", run_ids.get(number, ""), number)
        for number in range(first, last + 1)
    ]


def _clock(links: Sequence[Link]) -> list[ChainProblem]:
    """Return where a manifest says that it was sealed before its predecessor; older ones do not say when they were."""
    problems: list[ChainProblem] = []
    latest: datetime | None = None
    for link in sorted(links, key=lambda link: link.number):
        moment = _moment(str(link.manifest.get("sealed", "")))
        if moment is None:
            continue
        if latest is not None and (latest - moment).total_seconds() > CLOCKS_DIFFER:
            fault = (
                f"it was sealed at {format_stamp(moment)}, after one of {format_stamp(latest)}: a clock was set back"
            )
            problems.append(ChainProblem("clock", fault, link.run_id, link.number))
        latest = max(moment, latest) if latest else moment
    return problems


def _moment(stamp: str) -> datetime | None:
    try:
        return parse_stamp(stamp)
    except ValueError:
        return None


def _known_ends(
    evidence_dir: Path, fleet: str, remembered: tuple[int, str] | None, account: Mapping[str, Any] | None
) -> list[tuple[str, int, str]]:
    """Return what is known of the end of a chain: by whom, the number and the hash."""
    note = chain.note_of(evidence_dir, fleet) or {}
    ends = [("the remembered head", *remembered)] if remembered else []
    if isinstance(note.get("sequence"), int) and isinstance(note.get("sha256"), str):
        ends.append(("the directory's own note of the end", note["sequence"], note["sha256"]))
    if account:
        ends.append(("the end as this account wrote it", account["sequence"], account["sha256"]))
    return ends


def _end(links: Sequence[Link], known: Sequence[tuple[str, int, str]]) -> list[ChainProblem]:
    """Return where the chain lacks what somebody knows of its end; of several who know the same, the first says so."""
    last = max(links, key=lambda link: link.number, default=None)
    problems: list[ChainProblem] = []
    reported: set[tuple[int, str]] = set()
    for who, number, digest in known:
        if (number, digest) in reported:
            continue
        reported.add((number, digest))
        numbered = [link for link in links if link.number == number]
        if last is None or number > last.number:
            ends = f"the chain ends with number {last.number} of run {last.run_id}" if last else "there is no chain"
            problems.append(ChainProblem("truncated", f"{who} is number {number}, but {ends}", number=number))
        elif numbered and digest not in [link.sha256 for link in numbered]:
            problems.append(ChainProblem("changed", f"it is not the manifest of {who}", numbered[0].run_id, number))
    return problems


def _in_two_chains(links: Sequence[Link]) -> list[ChainProblem]:
    """Return the bundles with manifests of two fleets: each bundle stays in the chain in which it was first."""
    fleets: dict[str, set[str]] = {}
    for link in links:
        fleets.setdefault(link.path.parent.parent.name, set()).add(link.fleet)
    return [
        ChainProblem("reordered", f"it stands in the chains of {' and '.join(sorted(names))}", run_id)
        for run_id, names in sorted(fleets.items())
        if len(names) > 1
    ]


def _place(link: Link) -> list[ChainProblem]:
    """Return the problems of a manifest that does not lie where it says."""
    at, problems = f"{chain.FOLDER}/{link.path.name}", []
    bundle = link.path.parent.parent.name
    if bundle != link.run_id:
        problems.append(ChainProblem("reordered", f"it is of run {link.run_id}", bundle, link.number, at))
    if chain.named(link.path) != (link.fleet, link.number):
        fault = f"its name is not that of number {link.number} of fleet {link.fleet}"
        problems.append(ChainProblem("reordered", fault, bundle, link.number, at))
    return problems


def _signature(link: Link, links: Sequence[Link], allowed: Path | None) -> list[ChainProblem]:
    path, signer = link.path.with_suffix(".sig"), link.manifest["signer"]
    at = f"{chain.FOLDER}/{path.name}"
    earlier = any(other.number < link.number and other.manifest["signer"] for other in links)
    if not signer and not path.exists():
        if earlier:
            fault = "it is not signed, though one before it is: whoever can write the directory can have put it there"
            return [ChainProblem("signature", fault, link.run_id, link.number, at)]
        # A later signature covers what is before it, since it covers its hash.
        covered = any(later.number > link.number and later.manifest["signer"] for later in links)
        if allowed is None or covered:
            return []
        return [ChainProblem("signature", "it is not signed, nor is any after it", link.run_id, link.number, at)]
    if not path.is_file():
        return [ChainProblem("signature", f"the signature of {signer} is missing", link.run_id, link.number, at)]
    signed = judged(link.path.read_bytes(), path, allowed)
    fault = signed.problem or (
        "" if signed.key == signer else f"{signed.key} signed it, the manifest names {signer or 'nobody'}"
    )
    if fault:
        return [ChainProblem("signature", fault, link.run_id, link.number, at)]
    return []


def _files(links: Sequence[Link]) -> list[ChainProblem]:
    """The files of each bundle against its newest manifest, and its manifests against each other."""
    problems: list[ChainProblem] = []
    newest: dict[Path, Link] = {}
    for link in sorted(links, key=lambda link: link.number):
        bundle = link.path.parent.parent
        earlier = newest.get(bundle)
        if earlier is not None:
            withdrawn = sorted(set(earlier.manifest["files"]) - set(link.manifest["files"]))
            fault = f"it was in number {earlier.number} and is not in number {link.number}"
            problems += [ChainProblem("withdrawn", fault, link.run_id, link.number, name) for name in withdrawn]
        newest[bundle] = link
    for bundle, link in newest.items():
        problems += [
            ChainProblem(what, fault, link.run_id, link.number, name)
            for what, fault, name in _differences(bundle, link)
        ]
    return problems


def _notes(links: Sequence[Link]) -> list[str]:
    """Return what is no problem by itself, and whoever verifies wants to know."""
    remarks = {
        "taken_over": "it was taken over on request, whoever had written it",
        "mended": "it was not as it had been sealed, and was made anew: somebody wrote, or a report was cut",
    }
    return _rewritten(links) + [
        f"run {link.run_id}, number {link.number}, {name}: {remark}"
        for link in links
        for key, remark in remarks.items()
        for name in link.manifest.get(key, ())
    ]


def _rewritten(links: Sequence[Link]) -> list[str]:
    """Records that a later manifest of one run has otherwise: a host answered twice, or somebody wrote."""
    notes: list[str] = []
    newest: dict[str, Link] = {}
    for link in sorted(links, key=lambda link: link.number):
        before = newest.get(link.run_id)
        files = before.manifest["files"] if before else {}
        notes += [
            f"run {link.run_id}, number {link.number}, {name}: it was written again after number {before.number}"
            for name, digest in sorted(link.manifest["files"].items())
            if before and name.startswith("hosts/") and files.get(name, digest) != digest
        ]
        newest[link.run_id] = link
    return notes


def _differences(bundle: Path, link: Link) -> Iterator[tuple[str, str, str]]:
    present, wanted = chain.contents(bundle), link.manifest["files"]
    for name in sorted({*present, *wanted}):
        if name not in present:
            yield "missing", "the file is not here", name
        elif name not in wanted:
            yield "added", "the manifest does not name this file", name
        elif present[name].is_symlink():
            yield "changed", "it is a link", name
        elif fault := content_fault(present[name], wanted[name]):
            yield "changed", fault, name


def content_fault(path: Path, digest: str) -> str:
    """Return why a file is not the one that was sealed with this hash; empty where it is."""
    if not path.is_file():
        return "it is no file, or not here"
    try:
        if sha256(read(path)) == digest:
            return ""
        return "its content is not what was written"
    except ClinicalError as exc:
        return str(exc)


def _last_or_none(fleet: str, links: Sequence[Link]) -> bool:
    return any(link.fleet == fleet for link in links)


def _last(fleet: str, links: Sequence[Link]) -> Link:
    return max((link for link in links if link.fleet == fleet), key=lambda link: link.number)
