# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the bundles in a directory are those that were written, all of them, in their order. Private.

It says which bundle and which file. What it can tell depends on what is kept elsewhere: without a list of allowed
signers, whoever can write the directory can write a new chain; without a remembered head, they can cut off its end.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import chain
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.chain import Link
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json

#: What can be wrong with a bundle or a file of it.
WHAT = ("changed", "missing", "added", "reordered", "forked", "signature", "truncated", "withdrawn", "unsealed")


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
        return f"{', '.join(part for part in place if part)}: {self.what}: {self.fault}"


def verify(
    evidence_dir: Path,
    *,
    fleet: str = "",
    allowed_signers: Path | None = None,
    head: str = "",
    oldest: int = 1,
) -> Json:
    """Everything that is wrong with the chains in a directory, or with that of one fleet.

    ``head`` is what an operator remembers of the end, ``oldest`` the first number that is still kept.
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
    fleets = [fleet] if fleet else sorted({link.fleet for link in links})
    if head and len(fleets) != 1:
        raise ClinicalError("Verifying", f"the head {head}", f"there are {len(fleets)} fleets", "Name the fleet, too.")
    for name in fleets:
        fleet_links = [link for link in links if link.fleet == name]
        problems += _order(fleet_links, oldest) + _end(evidence_dir, name, fleet_links, remembered)
        problems += [problem for link in fleet_links for problem in _place(link)]
        problems += [problem for link in fleet_links for problem in _signature(link, fleet_links, allowed_signers)]
        problems += _files(fleet_links)
    chosen = [link for link in links if link.fleet in fleets]
    return {
        "bundles": len({link.run_id for link in chosen}),
        "manifests": len(chosen),
        "signed": sum(bool(link.manifest["signer"]) for link in chosen),
        "heads": {name: _last(name, chosen).head for name in fleets if _last_or_none(name, chosen)},
        "problems": [problem.as_result() for problem in problems],
        "told": [str(problem) for problem in problems],
        "notes": [note for name in fleets for note in _rewritten([link for link in chosen if link.fleet == name])],
    }


def _is_bundle(path: Path) -> bool:
    if path.name.startswith(".") or path.is_symlink() or not path.is_dir():
        return False
    return any((path / name).exists() for name in (chain.FOLDER, "hosts", "run.json"))


def _remembered(head: str) -> tuple[int, str] | None:
    if not head:
        return None
    number, _colon, digest = head.partition(":")
    digest = digest.replace("sha256:", "")
    if not number.isdigit() or len(digest) != 64:
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
    for number in range(oldest, max(by_number, default=oldest - 1) + 1):
        here, after = by_number.get(number, []), by_number.get(number + 1, [])
        named = [link.manifest["previous"] or {} for link in after]
        if not here:
            run_id = next((str(previous["run_id"]) for previous in named if "run_id" in previous), "")
            problems.append(ChainProblem("missing", "the bundle is not here", run_id, number))
        elif len(here) > 1:
            runs = " and ".join(sorted({link.run_id for link in here}))
            problems.append(ChainProblem("forked", f"two manifests have this number: {runs}", here[0].run_id, number))
        if here and named and not {link.sha256 for link in here} & {previous.get("sha256") for previous in named}:
            fault = f"its manifest is not the one that number {number + 1} names"
            problems.append(
                ChainProblem("changed", fault, here[0].run_id, number, f"{chain.FOLDER}/{here[0].path.name}")
            )
    first = by_number.get(1, [])
    problems += [
        ChainProblem("changed", "number 1 names one before it", link.run_id, 1)
        for link in first
        if link.manifest["previous"]
    ]
    return problems


def _end(
    evidence_dir: Path, fleet: str, links: Sequence[Link], remembered: tuple[int, str] | None
) -> list[ChainProblem]:
    """Return where the chain lacks what a person or the directory's own note remembers of its end."""
    note = chain.note_of(evidence_dir, fleet) or {}
    known = [("the remembered head", *remembered)] if remembered else []
    if isinstance(note.get("sequence"), int) and isinstance(note.get("sha256"), str):
        known.append(("the directory's own note of the end", note["sequence"], note["sha256"]))
    last = max(links, key=lambda link: link.number, default=None)
    problems = []
    for who, number, digest in known:
        numbered = [link for link in links if link.number == number]
        if last is None or number > last.number:
            ends = f"the chain ends with number {last.number} of run {last.run_id}" if last else "there is no chain"
            problems.append(ChainProblem("truncated", f"{who} is number {number}, but {ends}", number=number))
        elif numbered and digest not in [link.sha256 for link in numbered]:
            problems.append(ChainProblem("changed", f"it is not the manifest of {who}", numbered[0].run_id, number))
    return problems


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
    if not signer and not path.exists():
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
    return [ChainProblem("signature", fault, link.run_id, link.number, at)] if fault else []


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
        elif chain.sha256(present[name].read_bytes()) != wanted[name]:
            yield "changed", "its content is not what was written", name


def _last_or_none(fleet: str, links: Sequence[Link]) -> bool:
    return any(link.fleet == fleet for link in links)


def _last(fleet: str, links: Sequence[Link]) -> Link:
    return max((link for link in links if link.fleet == fleet), key=lambda link: link.number)
