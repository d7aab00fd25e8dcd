# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of a fleet's bundles, to which a bundle is added when it is complete. Private to the collection.

``<run>/chain/<fleet>-<number>.json`` is a manifest: the hash of every file of the bundle, the bundle's number in the
chain of its fleet, and the hash of the manifest with the number before. ``.sig`` beside it is its signature. Nothing is
ever rewritten: a bundle that changes (a later batch of the same run, another format) gets a further manifest with the
next number, and its newest counts.

``.chain/<fleet>.json`` notes the end of the chain, and what was about to become it, so that neither a run that is cut
nor two that end at once make two manifests of one number.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._change import lock
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import (
    load_json,
    make_dirs,
    sha256,
    write,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import fingerprint, sign
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, canonical, check_run_id

MANIFEST_SCHEMA = "healthops.clinical/manifest/1"
FOLDER = "chain"
NOTES = ".chain"
PATIENCE = 300.0  # seconds for another run to finish its report; a large fleet's takes a while
_FLEET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NAME = re.compile(r"(?P<fleet>.+)-(?P<number>\d{6,})\.json")
#: Lists of names that a manifest may have: of hosts without result, and of files that were taken over or made anew.
_NAMES = ("silent", "taken_over", "mended")
_LEFT_OVER = re.compile(r"\..*\.tmp")  # of a write that was cut


@dataclass(frozen=True)
class Link:
    """One manifest as it lies there."""

    path: Path
    sha256: str
    manifest: Json

    @property
    def number(self) -> int:
        """Return its place in the chain, from 1."""
        return int(self.manifest["sequence"])

    @property
    def run_id(self) -> str:
        return str(self.manifest["run_id"])

    @property
    def fleet(self) -> str:
        return str(self.manifest["fleet"])

    @property
    def head(self) -> str:
        """Return what an operator writes down, like "12:0123...": the number and the hash."""
        return f"{self.number}:{self.sha256}"


@dataclass(frozen=True)
class Seal:
    """What the report itself says of its place in the chain. ``signer`` is the key's fingerprint, empty without one."""

    fleet: str
    number: int
    previous: str
    signer: str


def check_fleet(name: str) -> str:
    """Return the name of a fleet. Raises ClinicalError where it cannot name files."""
    if _FLEET.fullmatch(name):
        return name
    advice = "Use letters, digits, '.', '_' and '-', at most 80, starting with a letter or digit."
    raise ClinicalError("Using", f"the fleet name {name!r}", "it cannot name a chain", advice)


@contextlib.contextmanager
def held(evidence_dir: Path, run_id: str) -> Iterator[None]:
    """One report at a time in an evidence directory; another waits."""
    make_dirs(evidence_dir / NOTES)
    with lock.held(run_id, str(evidence_dir / NOTES / "lock"), PATIENCE):
        yield


def contents(bundle: Path) -> dict[str, Path]:
    """All files of a bundle but its chain, by their path in it."""
    paths = {str(path.relative_to(bundle)): path for path in sorted(bundle.rglob("*")) if not _is_folder(path)}
    return {
        name: path
        for name, path in paths.items()
        if name.split("/")[0] != FOLDER and not _LEFT_OVER.fullmatch(path.name)
    }


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def links(bundle: Path) -> list[Link]:
    """The manifests of a bundle, the newest last. ClinicalError where one is none."""
    folder = bundle / FOLDER
    paths = [path for path in folder.glob("*.json") if not path.name.startswith(".")] if folder.is_dir() else []
    return sorted((open_link(path) for path in paths), key=lambda link: link.number)


def newest(bundle: Path) -> Link | None:
    """Return the newest manifest of a bundle, which counts; None before it is sealed."""
    return max(links(bundle), key=lambda link: link.number, default=None)


def open_link(path: Path) -> Link:
    """Return the manifest in a file. Raises ClinicalError where it is none."""
    data = load_json(path)
    if not _is_manifest(data):
        raise ClinicalError("Reading", str(path), "it is no manifest", "It was changed by hand.")
    return Link(path, sha256(path.read_bytes()), data)


def _is_manifest(data: Any) -> bool:
    """Return True if the data have the shape of a manifest, so that nobody has to look again."""
    if not isinstance(data, dict) or data.get("schema") != MANIFEST_SCHEMA:
        return False
    texts = [data.get("fleet"), data.get("run_id"), data.get("signer"), data.get("sealed", "")]
    files, names = data.get("files"), [name for key in _NAMES for name in _listed(data, key)]
    if not isinstance(files, dict) or not _all_text([*texts, *files.values(), *names]):
        return False
    return _is_number(data.get("sequence")) and (data.get("previous") is None or _is_place(data["previous"]))


def _listed(data: Mapping[str, Any], key: str) -> list[Any]:
    """Return the items of a list; where it is none, something that is no text."""
    value = data.get(key, [])
    return value if isinstance(value, list) else [value]


def _is_place(data: Any) -> bool:
    """Return True if the data name a manifest, as its successor does."""
    if not isinstance(data, dict):
        return False
    return _is_number(data.get("sequence")) and _all_text([data.get("run_id"), data.get("sha256")])


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _all_text(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def fleet_of(sealed: Sequence[Link], requested: str) -> str:
    """A bundle stays in the chain in which it was first."""
    return sealed[0].fleet if sealed else check_fleet(requested)


def end(evidence_dir: Path, fleet: str, own_writes: OwnWrites) -> Link | None:
    """Return the newest manifest of a fleet, or None where its chain begins.

    Where this account remembers a later end than lies there, the chain goes on from that: what was cut off stays
    missing, and is found.
    """
    newest_here, remembered = _end_there(evidence_dir, fleet), own_writes.ends().get(fleet)
    if newest_here is None or remembered is None or newest_here.number > remembered["sequence"]:
        return newest_here
    if newest_here.sha256 == remembered["sha256"]:
        return newest_here
    return _end_elsewhere(evidence_dir, fleet, remembered)


def _end_there(evidence_dir: Path, fleet: str) -> Link | None:
    """Return the end by the directory's note where there is one, else by looking at every bundle."""
    note = note_of(evidence_dir, fleet)
    if note is None:
        return max(_all(evidence_dir, fleet), key=lambda link: link.number, default=None)
    for place in (
        note.get("pending"),
        note,
    ):  # the run that wrote the note may have been cut before or after the manifest
        path = _path(evidence_dir, fleet, place) if isinstance(place, dict) else None
        if path is not None and path.is_file():
            return open_link(path)
    if _is_place(note):
        return _end_elsewhere(evidence_dir, fleet, note)
    return None


def _end_elsewhere(evidence_dir: Path, fleet: str, place: Mapping[str, Any]) -> Link:
    """Return an end that is not here any more (archived, perhaps); its hash still is known, so the chain goes on."""
    known = {key: place[key] for key in ("sequence", "run_id")}
    manifest = {**known, "fleet": fleet, "files": {}, "signer": place.get("signer", ""), "previous": None}
    return Link(evidence_dir, place["sha256"], manifest)


def note_of(evidence_dir: Path, fleet: str) -> Json | None:
    """The note of the end of a fleet's chain; none where it cannot be read, since the bundles tell as well."""
    path = evidence_dir / NOTES / f"{fleet}.json"
    if not path.is_file():
        return None
    try:
        note = load_json(path)
    except ClinicalError:
        return None
    if isinstance(note, dict) and ("pending" in note or "sha256" in note):
        return note
    return None


def fleets_of_notes(evidence_dir: Path) -> set[str]:
    """Return the fleets whose chains this directory has had, whatever is left of them."""
    folder = evidence_dir / NOTES
    names = [path.stem for path in folder.glob("*.json")] if folder.is_dir() else []
    return {name for name in names if _FLEET.fullmatch(name)}


def _path(evidence_dir: Path, fleet: str, place: Mapping[str, Any]) -> Path | None:
    run_id, number = place.get("run_id"), place.get("sequence")
    if not isinstance(run_id, str) or not isinstance(number, int):
        return None
    return evidence_dir / check_run_id(run_id) / FOLDER / file_name(fleet, number)


def file_name(fleet: str, number: int) -> str:
    return f"{fleet}-{number:06d}.json"


def named(path: Path) -> tuple[str, int] | None:
    """(fleet, number) by the name of a manifest's file."""
    match = _NAME.fullmatch(path.name)
    if match:
        return (match["fleet"], int(match["number"]))
    return None


def _all(evidence_dir: Path, fleet: str) -> list[Link]:
    bundles = [path for path in evidence_dir.iterdir() if not path.is_symlink()]
    paths = [path for bundle in bundles for path in bundle.glob(f"{FOLDER}/{fleet}-*.json")]
    return [open_link(path) for path in paths if (named(path) or ("", 0))[0] == fleet]


def seal_of(link: Link) -> Seal:
    """Return what a manifest says of its place in the chain and of who signed it."""
    previous = link.manifest["previous"] or {}
    return Seal(
        fleet=link.fleet,
        number=link.number,
        previous=str(previous.get("run_id", "")),
        signer=link.manifest["signer"],
    )


def next_seal(evidence_dir: Path, fleet: str, key: Path | None, own_writes: OwnWrites) -> Seal:
    """Return the seal that the next bundle of a fleet will have.

    Raises ClinicalError where the chain was signed so far and would not be any more.
    """
    last = end(evidence_dir, fleet, own_writes)
    if key is None and last is not None and last.manifest["signer"]:
        raise unsigned(fleet, last)
    return Seal(
        fleet=fleet,
        number=last.number + 1 if last else 1,
        previous=last.run_id if last else "",
        signer=fingerprint(key) if key else "",
    )


def unsigned(fleet: str, last: Link) -> ClinicalError:
    """Return the error of a bundle that would stand unsigned behind a signed one, where anybody could have put it."""
    problem = f"number {last.number} is signed, and no key is named for the next"
    advice = "Name the key in evidence_signing_key, or begin another chain with another evidence_fleet."
    return ClinicalError("Sealing a bundle in", f"the chain of fleet {fleet}", problem, advice)


def append(
    evidence_dir: Path, run_id: str, seal: Seal, key: Path | None, own_writes: OwnWrites, content: Mapping[str, Any]
) -> Link:
    """Add a bundle to its fleet's chain. The signature comes first, the manifest makes it valid.

    ``content`` is what the manifest says of the bundle itself, beside its place: its files and their hashes above all.
    """
    bundle, last = evidence_dir / run_id, end(evidence_dir, seal.fleet, own_writes)
    before = {"sequence": last.number, "run_id": last.run_id, "sha256": last.sha256} if last else None
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "fleet": seal.fleet,
        "sequence": seal.number,
        "run_id": run_id,
        "previous": before,
        "signer": seal.signer,
        **content,
    }
    data, path = canonical(manifest), bundle / FOLDER / file_name(seal.fleet, seal.number)
    signature = sign(key, data) if key else None
    note = evidence_dir / NOTES / f"{seal.fleet}.json"
    write(note, canonical({**(before or {}), "pending": {"sequence": seal.number, "run_id": run_id}}))
    if signature is not None:
        write(path.with_suffix(".sig"), signature)
    write(path, data)
    place = {"sequence": seal.number, "run_id": run_id, "sha256": sha256(data)}
    write(note, canonical(place))
    own_writes.remember_end(seal.fleet, {**place, "signer": seal.signer})
    own_writes.settle(run_id, manifest["files"].items())
    return Link(path, sha256(data), manifest)
