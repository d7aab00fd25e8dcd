# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a patch run came, on disk before each step is taken, so that whoever comes next knows.

``/var/lib/healthops/patch/runs/<run id>/`` holds ``run`` (the stage, in one step), ``plan`` (what was approved) and
``before`` (what the host was: holds, marks, configuration, kept packages). ``plan`` and ``before`` are written first.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._change.run_store import RUN, RunStore, misfit
from .._errors import ClinicalError
from .._host.door import Host
from .._vocabulary.run_id import RunId
from .ledger import FOLDER
from .manager import KeptPackage
from .model import Plan

RUNS = posixpath.join(FOLDER, "runs")
_STORE = RunStore(RUNS)
KEPT = posixpath.join(FOLDER, "kept")
#: A kept package, and the note beside it of how it was had.
_KEPT_FILES = (".deb", ".rpm", ".how")
CACHE = "/var/cache/healthops/packages"

STAGING = "staging"
STAGED = "staged"
APPLYING = "applying"
#: The package manager came to its end and was not content.
BROKEN = "broken"
APPLIED = "applied"
ROLLING_BACK = "rolling_back"
ROLLED_BACK = "rolled_back"
#: Another plan took the place of what was staged.
DROPPED = "dropped"

#: What may follow; who finds a run at work under the lock knows that it was cut.
FOLLOWS: Mapping[str, tuple[str, ...]] = {
    STAGING: (STAGING, STAGED, DROPPED),
    STAGED: (STAGING, APPLYING, DROPPED),
    APPLYING: (APPLYING, STAGED, APPLIED, BROKEN, ROLLING_BACK),
    BROKEN: (APPLYING, ROLLING_BACK),
    APPLIED: (ROLLING_BACK,),
    ROLLING_BACK: (ROLLING_BACK, ROLLED_BACK),
    ROLLED_BACK: (),
    DROPPED: (),
}
AT_WORK = (STAGING, APPLYING, ROLLING_BACK)


@dataclass(frozen=True)
class PatchRun:
    """One patch run. ``why`` says what went wrong, where something did."""

    run_id: str
    sequence: int
    stage: str
    digest: str
    begun: str
    changed: str
    why: str = ""

    @property
    def cut(self) -> bool:
        """True where it was at work when it was last written down; under the lock that means that it was cut."""
        return self.stage in AT_WORK

    @property
    def folder(self) -> str:
        """The directory on the host with what is known of the run."""
        return _STORE.path(self.run_id)

    @property
    def archives(self) -> str:
        """The directory on the host with the downloaded packages."""
        return posixpath.join(CACHE, RunId.of(self.run_id))

    @property
    def log(self) -> str:
        """The file on the host with what the package manager said."""
        return posixpath.join(self.folder, "log")

    def as_result(self) -> dict[str, Any]:
        """Return the run as the module does; one that is not at its end says under ``left`` what to do."""
        result = asdict(self)
        del result["sequence"]
        if self.stage in STAGE_ADVICE:
            result["left"] = STAGE_ADVICE[self.stage]
        return result


#: What to do where rolling back came to its end and the host is not what it was.
UNFINISHED_ADVICE = "Mend the cause, then roll the same run back again: what is back already stays."
#: What a run that was cut, or that failed, left behind, and what to do.
STAGE_ADVICE = {
    STAGING: "Downloading was cut; the host runs what it ran. Stage again, and what is there already is kept.",
    APPLYING: "Installing was cut. Apply the same digest again, and it is finished; or roll the run back.",
    BROKEN: "Installing failed. Apply the same digest again with repair, or roll the run back.",
    ROLLING_BACK: "Rolling back was cut, or could not end. Roll the same run back again, and it is finished.",
}


@dataclass(frozen=True)
class HostBefore:
    """What the host was before the run. ``files`` are the configuration files with their content in base 64."""

    holds: tuple[str, ...] = ()
    marks: str = ""
    kept: tuple[KeptPackage, ...] = ()
    files: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    units: tuple[str, ...] = ()
    listeners: tuple[Mapping[str, Any], ...] = ()
    boot: str = ""

    @classmethod
    def from_record(cls, data: Mapping[str, Any]) -> HostBefore:
        """Return what was written to disk, read back. Raises KeyError where a part is missing."""
        return cls(
            holds=tuple(data["holds"]),
            marks=data["marks"],
            kept=tuple(KeptPackage(**package) for package in data["kept"]),
            files=data["files"],
            units=tuple(data["units"]),
            listeners=tuple(data["listeners"]),
            boot=data["boot"],
        )


def runs(host: Host) -> list[PatchRun]:
    """Return every run, oldest first. Raises ClinicalError where the record of one is damaged."""
    records = (_read(host, name) for name in _STORE.names(host))
    return sorted((run for run in records if run is not None), key=lambda run: run.sequence)


def newest(host: Host) -> PatchRun | None:
    """Return the newest run that means anything, or None: one that was dropped does not."""
    return next((run for run in reversed(runs(host)) if run.stage != DROPPED), None)


def find(host: Host, run_id: str) -> PatchRun:
    """Return the run of this id. Raises ClinicalError with the known ones where there is none."""
    run = _read(host, run_id) if run_id else None
    if run is None:
        known = ", ".join(known_run.run_id for known_run in runs(host)) or "none"
        raise ClinicalError("Finding the patch run", run_id or "without a name", f"this host knows: {known}")
    return run


def begin(host: Host, run_id: str, plan: Plan, at: str) -> PatchRun:
    """Begin a run that is about to be staged; its plan is on disk when this returns.

    Raises ClinicalError where the id is taken or could not be the name of a folder.
    """
    run_id = RunId.of(run_id)
    earlier = runs(host)
    if any(run.run_id == run_id for run in earlier):
        raise ClinicalError("Beginning the patch run", run_id, "there is one of this name already", "Choose another.")
    run = PatchRun(
        run_id=run_id,
        sequence=earlier[-1].sequence + 1 if earlier else 1,
        stage=STAGING,
        digest=plan.digest,
        begun=at,
        changed=at,
    )
    _STORE.make(host, run_id)
    _write(host, run, "plan", plan.as_result())
    _write(host, run, RUN, asdict(run))
    return run


def move(host: Host, run: PatchRun, stage: str, at: str, why: str = "") -> PatchRun:
    """Write down the next stage, and return the run at it. Raises ClinicalError where it cannot follow."""
    if stage not in FOLLOWS[run.stage]:
        raise ClinicalError("Going on with the patch run", run.run_id, f"it is {run.stage}, and cannot become {stage}")
    moved = replace(run, stage=stage, changed=at, why=why)
    _write(host, run, RUN, asdict(moved))
    return moved


def note_before(host: Host, run: PatchRun, before: HostBefore) -> None:
    """Write down what the host was before the run."""
    _write(host, run, "before", asdict(before))


def read_plan(host: Host, run: PatchRun) -> Plan:
    """Return the plan that the run follows."""
    return Plan.from_result(_load(host, run, "plan"))


def read_before(host: Host, run: PatchRun) -> HostBefore:
    """Return what the host was before the run. Raises ClinicalError where that is missing or damaged."""
    record = _load(host, run, "before")
    try:
        return HostBefore.from_record(record)
    except (KeyError, TypeError):
        raise _of_another_release(run.run_id, record) from None


def note_after(host: Host, run: PatchRun, sums: Mapping[str, str]) -> None:
    """Write down the checksums of the configuration files when the run ended, by path."""
    _write(host, run, "after", dict(sums))


def read_after(host: Host, run: PatchRun) -> dict[str, str]:
    """Return the checksums that ``note_after`` wrote; none for a run that was cut before."""
    if _STORE.has(host, run.run_id, "after"):
        return _load(host, run, "after")
    return {}


def note_drift(host: Host, run: PatchRun, paths: Sequence[str]) -> None:
    """Write down the configuration files that somebody has changed since, before the run is taken back."""
    _write(host, run, "drift", {"paths": list(paths)})


def read_drift(host: Host, run: PatchRun) -> tuple[str, ...]:
    """Return the paths that ``note_drift`` wrote."""
    return tuple(_load(host, run, "drift")["paths"])


def has_before(host: Host, run: PatchRun) -> bool:
    """Return whether it is written down what the host was before the run."""
    return _STORE.has(host, run.run_id, "before")


def prune(host: Host, keep: int) -> tuple[str, ...]:
    """Forget the oldest runs beyond ``keep`` with their downloads, and kept packages that no run needs any more.

    Those that were dropped changed nothing, so they are all forgotten and push out none that can be rolled back.
    """
    known = runs(host)
    counted = [run for run in known if run.stage != DROPPED]
    beyond = counted[: max(0, len(counted) - max(1, keep))]
    old = [run for run in known if run.stage == DROPPED or (run in beyond and not run.cut)]
    remaining = [run for run in known if run not in old]
    for run in old:
        drop_archives(host, run)
    names = {run.run_id for run in old} | set(_STORE.names(host))
    for name in names - {run.run_id for run in remaining}:
        _STORE.forget(host, name)
    _forget_packages(host, remaining)
    return tuple(sorted(run.run_id for run in old))


def _forget_packages(host: Host, remaining: Iterable[PatchRun]) -> None:
    """Remove kept packages that none of these runs needs, and the notes beside them."""
    needed: set[str] = set()
    for run in remaining:
        if has_before(host, run):
            needed.update(package.path for package in read_before(host, run).kept)
    for name in host.listdir(KEPT):
        path = posixpath.join(KEPT, name)
        if name.endswith(_KEPT_FILES) and path not in needed and path.rpartition(".")[0] not in needed:
            host.remove(path)


def drop_archives(host: Host, run: PatchRun) -> None:
    """Give back the room that the downloads of a run take."""
    for folder in (posixpath.join(run.archives, "partial"), run.archives):
        for name in host.listdir(folder):
            if posixpath.join(folder, name) != posixpath.join(run.archives, "partial"):
                host.remove(posixpath.join(folder, name))
        if host.stat(folder) is not None:
            host.remove(folder)


def _read(host: Host, run_id: str) -> PatchRun | None:
    if not _STORE.has(host, run_id, RUN):
        return None
    record = _STORE.read_record(host, run_id, RUN)
    if record is None or record.get("run_id") != run_id:
        problem = "its record is damaged" if record is None else "its record is that of another run"
        raise ClinicalError(
            "Reading the patch run", run_id, problem, f"Look at {RUNS}/{run_id} before anything is patched."
        )
    if misfit(PatchRun, record):
        raise _of_another_release(run_id, record)
    return PatchRun(**record)


def _of_another_release(run_id: str, record: Mapping[str, Any]) -> ClinicalError:
    problem = f"its record has the parts {', '.join(sorted(record))}, which are not those that this release writes"
    try_this = "Nothing was changed. Use the release of the collection that wrote it, or a newer one."
    return ClinicalError("Reading the patch run", run_id, problem, try_this)


def _write(host: Host, run: PatchRun, name: str, record: dict[str, Any]) -> None:
    _STORE.write_record(host, run.run_id, name, record)


def _load(host: Host, run: PatchRun, name: str) -> dict[str, Any]:
    record = _STORE.read_record(host, run.run_id, name)
    if record is None:
        path = _STORE.path(run.run_id, name)
        raise ClinicalError("Reading", path, "it is not there or damaged", "Nothing was changed.")
    return record
