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
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._change import lock
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.sign import fingerprint, sign
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import load_json, make_dirs, write
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import Json, canonical, check_run_id

MANIFEST_SCHEMA = "healthops.clinical/manifest/1"
FOLDER = "chain"
NOTES = ".chain"
PATIENCE = 300.0  # seconds for another run to finish its report; a large fleet's takes a while
_FLEET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_NAME = re.compile(r"(?P<fleet>.+)-(?P<number>\d{6,})\.json")
_LEFT_OVER = re.compile(r"\..*\.tmp")  # of a write that was cut


@dataclass(frozen=True)
class Link:
    """One manifest as it lies there."""

    path: Path
    sha256: str
    manifest: Json

    @property
    def number(self) -> int:
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


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


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


def hashes(bundle: Path) -> dict[str, str]:
    return {name: sha256(path.read_bytes()) for name, path in contents(bundle).items()}


def links(bundle: Path) -> list[Link]:
    """The manifests of a bundle, the newest last. ClinicalError where one is none."""
    folder = bundle / FOLDER
    paths = [path for path in folder.glob("*.json") if not path.name.startswith(".")] if folder.is_dir() else []
    return sorted((open_link(path) for path in paths), key=lambda link: link.number)


def open_link(path: Path) -> Link:
    data = load_json(path)
    wanted: dict[str, Any] = {"fleet": str, "sequence": int, "run_id": str, "files": dict, "signer": str}
    if (
        not isinstance(data, dict)
        or data.get("schema") != MANIFEST_SCHEMA
        or any(not isinstance(data.get(key), kind) for key, kind in wanted.items())
        or not isinstance(data.get("previous"), (dict, type(None)))
    ):
        raise ClinicalError("Reading", str(path), "it is no manifest", "It was changed by hand.")
    return Link(path, sha256(path.read_bytes()), data)


def fleet_of(sealed: Sequence[Link], requested: str) -> str:
    """A bundle stays in the chain in which it was first."""
    return sealed[0].fleet if sealed else check_fleet(requested)


def end(evidence_dir: Path, fleet: str) -> Link | None:
    """The newest manifest of a fleet, or None: by the note where there is one, else by looking at every bundle."""
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
    if "sha256" not in note:
        return None
    # The bundle is not here any more (archived, perhaps); its hash still is, so the chain goes on.
    known = {key: note[key] for key in ("sequence", "run_id")}
    return Link(evidence_dir, note["sha256"], {**known, "fleet": fleet, "files": {}, "signer": "", "previous": None})


def note_of(evidence_dir: Path, fleet: str) -> Json | None:
    """The note of the end of a fleet's chain; none where it cannot be read, since the bundles tell as well."""
    path = evidence_dir / NOTES / f"{fleet}.json"
    if not path.is_file():
        return None
    try:
        note = load_json(path)
    except ClinicalError:
        return None
    return note if isinstance(note, dict) and ("pending" in note or "sha256" in note) else None


def _path(evidence_dir: Path, fleet: str, at: Mapping[str, Any]) -> Path | None:
    run_id, number = at.get("run_id"), at.get("sequence")
    if not isinstance(run_id, str) or not isinstance(number, int):
        return None
    return evidence_dir / check_run_id(run_id) / FOLDER / file_name(fleet, number)


def file_name(fleet: str, number: int) -> str:
    return f"{fleet}-{number:06d}.json"


def named(path: Path) -> tuple[str, int] | None:
    """(fleet, number) by the name of a manifest's file."""
    match = _NAME.fullmatch(path.name)
    return (match["fleet"], int(match["number"])) if match else None


def _all(evidence_dir: Path, fleet: str) -> list[Link]:
    bundles = [path for path in evidence_dir.iterdir() if not path.is_symlink()]
    paths = [path for bundle in bundles for path in bundle.glob(f"{FOLDER}/{fleet}-*.json")]
    return [open_link(path) for path in paths if (named(path) or ("", 0))[0] == fleet]


def seal_of(link: Link) -> Seal:
    previous = link.manifest["previous"] or {}
    return Seal(
        fleet=link.fleet,
        number=link.number,
        previous=str(previous.get("run_id", "")),
        signer=link.manifest["signer"],
    )


def next_seal(evidence_dir: Path, fleet: str, key: Path | None) -> Seal:
    """The seal that the next bundle of a fleet will have."""
    last = end(evidence_dir, fleet)
    return Seal(
        fleet=fleet,
        number=last.number + 1 if last else 1,
        previous=last.run_id if last else "",
        signer=fingerprint(key) if key else "",
    )


def append(evidence_dir: Path, run_id: str, seal: Seal, key: Path | None) -> Link:
    """Add the bundle as it lies there to its fleet's chain. The signature comes first, the manifest makes it valid."""
    bundle, last = evidence_dir / run_id, end(evidence_dir, seal.fleet)
    before = {"sequence": last.number, "run_id": last.run_id, "sha256": last.sha256} if last else None
    manifest = {
        "schema": MANIFEST_SCHEMA,
        "fleet": seal.fleet,
        "sequence": seal.number,
        "run_id": run_id,
        "previous": before,
        "signer": seal.signer,
        "files": hashes(bundle),
    }
    data, path = canonical(manifest), bundle / FOLDER / file_name(seal.fleet, seal.number)
    signature = sign(key, data) if key else None
    note = evidence_dir / NOTES / f"{seal.fleet}.json"
    write(note, canonical({**(before or {}), "pending": {"sequence": seal.number, "run_id": run_id}}))
    if signature is not None:
        write(path.with_suffix(".sig"), signature)
    write(path, data)
    write(note, canonical({"sequence": seal.number, "run_id": run_id, "sha256": sha256(data)}))
    return Link(path, sha256(data), manifest)
