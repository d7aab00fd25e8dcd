# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a patch run came, on disk before each step is taken, so that whoever comes next knows. Private.

``/var/lib/healthops/patch/runs/<run id>/`` holds ``run`` (the stage, in one step), ``plan`` (what was approved) and
``before`` (what the host was: holds, marks, configuration, kept packages). ``plan`` and ``before`` are written first.
"""

from __future__ import annotations

import posixpath
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from .._change.journal import STATE, check_run_id, line, unline
from .._errors import ClinicalError
from .._host.door import Host
from .ledger import FOLDER
from .manager import Kept
from .model import Plan

RUNS = posixpath.join(FOLDER, "runs")
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
FOLLOWS: Mapping[str, Tuple[str, ...]] = {
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
class Run:
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
        return self.stage in AT_WORK

    @property
    def folder(self) -> str:
        return posixpath.join(RUNS, self.run_id)

    @property
    def archives(self) -> str:
        """Where the downloaded packages are."""
        return posixpath.join(CACHE, self.run_id)

    @property
    def log(self) -> str:
        return posixpath.join(self.folder, "log")

    def told(self) -> Dict[str, Any]:
        left = {"left": LEFT[self.stage]} if self.stage in LEFT else {}
        return {key: value for key, value in {**asdict(self), **left}.items() if key != "sequence"}


#: What a run that was cut, or that failed, left behind, and what to do.
LEFT = {
    STAGING: "Downloading was cut; the host runs what it ran. Stage again, and what is there already is kept.",
    APPLYING: "Installing was cut. Apply the same digest again, and it is finished; or roll the run back.",
    BROKEN: "Installing failed. Apply the same digest again with repair, or roll the run back.",
    ROLLING_BACK: "Rolling back was cut. Roll the same run back again, and it is finished.",
}


@dataclass(frozen=True)
class Before:
    """What the host was before the run. ``files`` are the configuration files with their content in base 64."""

    holds: Tuple[str, ...] = ()
    marks: str = ""
    kept: Tuple[Kept, ...] = ()
    files: Mapping[str, Optional[Mapping[str, Any]]] = field(default_factory=dict)
    units: Tuple[str, ...] = ()
    listeners: Tuple[Mapping[str, Any], ...] = ()
    boot: str = ""

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Before:
        return cls(
            holds=tuple(data["holds"]),
            marks=data["marks"],
            kept=tuple(Kept(**one) for one in data["kept"]),
            files=data["files"],
            units=tuple(data["units"]),
            listeners=tuple(data["listeners"]),
            boot=data["boot"],
        )


def runs(host: Host) -> List[Run]:
    """Every run, oldest first."""
    found = (_read(host, name) for name in host.listdir(RUNS))
    return sorted((run for run in found if run is not None), key=lambda run: run.sequence)


def newest(host: Host) -> Optional[Run]:
    """The newest run that means anything: what was dropped does not."""
    return next((run for run in reversed(runs(host)) if run.stage != DROPPED), None)


def find(host: Host, run_id: str) -> Run:
    found = _read(host, run_id) if run_id else None
    if found is None:
        known = ", ".join(run.run_id for run in runs(host)) or "none"
        raise ClinicalError("Finding the patch run", run_id or "without a name", f"this host knows: {known}")
    return found


def begin(host: Host, run_id: str, plan: Plan, at: str) -> Run:
    """A run that is about to be staged; its plan is on disk when this returns."""
    check_run_id(run_id)
    earlier = runs(host)
    if any(run.run_id == run_id for run in earlier):
        raise ClinicalError("Beginning the patch run", run_id, "there is one of this name already", "Choose another.")
    run = Run(run_id, earlier[-1].sequence + 1 if earlier else 1, STAGING, plan.digest, at, at)
    for folder in (STATE, FOLDER, RUNS, run.folder):
        host.mkdir(folder, 0o700, 0, 0)
    _write(host, run, "plan", plan.plain())
    _write(host, run, "run", asdict(run))
    return run


def move(host: Host, run: Run, stage: str, at: str, why: str = "") -> Run:
    """Note the next stage."""
    if stage not in FOLLOWS[run.stage]:
        raise ClinicalError("Going on with the patch run", run.run_id, f"it is {run.stage}, and cannot become {stage}")
    moved = replace(run, stage=stage, changed=at, why=why)
    _write(host, run, "run", asdict(moved))
    return moved


def note_before(host: Host, run: Run, before: Before) -> None:
    _write(host, run, "before", asdict(before))


def plan_of(host: Host, run: Run) -> Plan:
    return Plan.of(_load(host, run, "plan"))


def before_of(host: Host, run: Run) -> Before:
    return Before.of(_load(host, run, "before"))


def note_after(host: Host, run: Run, sums: Mapping[str, str]) -> None:
    """What the configuration files were when the run ended."""
    _write(host, run, "after", dict(sums))


def after_of(host: Host, run: Run) -> Dict[str, str]:
    """None of them for a run that was cut before it wrote them."""
    return _load(host, run, "after") if host.stat(posixpath.join(run.folder, "after")) is not None else {}


def note_drift(host: Host, run: Run, paths: Sequence[str]) -> None:
    """The configuration files that somebody has changed since, as they are found before the run is taken back."""
    _write(host, run, "drift", {"paths": list(paths)})


def drift_of(host: Host, run: Run) -> Tuple[str, ...]:
    return tuple(_load(host, run, "drift")["paths"])


def has_before(host: Host, run: Run) -> bool:
    return host.stat(posixpath.join(run.folder, "before")) is not None


def prune(host: Host, keep: int) -> Tuple[str, ...]:
    """Forget the oldest runs beyond ``keep`` with their downloads, and kept packages that no run needs any more."""
    known = runs(host)
    old = [run for run in known[: max(0, len(known) - max(1, keep))] if not run.cut]
    gone = {run.run_id for run in old}
    for run in old:
        drop_archives(host, run)
    for name in {*gone, *host.listdir(RUNS)} - {run.run_id for run in known if run.run_id not in gone}:
        _forget(host, posixpath.join(RUNS, name))
    needed = {
        one.path
        for run in known
        if run.run_id not in gone and has_before(host, run)
        for one in before_of(host, run).kept
    }
    for path in (posixpath.join(KEPT, name) for name in host.listdir(KEPT) if name.endswith(_KEPT_FILES)):
        if path not in needed and path.rpartition(".")[0] not in needed:
            host.remove(path)
    return tuple(sorted(gone))


def _forget(host: Host, folder: str) -> None:
    """A run, or what one that was cut before it began has left."""
    host.remove(posixpath.join(folder, "run"))  # first: a folder without it is no run any more
    for name in host.listdir(folder):
        host.remove(posixpath.join(folder, name))
    host.remove(folder)


def drop_archives(host: Host, run: Run) -> None:
    """Give back the room that the downloads of a run take."""
    for folder in (posixpath.join(run.archives, "partial"), run.archives):
        for name in host.listdir(folder):
            if posixpath.join(folder, name) != posixpath.join(run.archives, "partial"):
                host.remove(posixpath.join(folder, name))
        if host.stat(folder) is not None:
            host.remove(folder)


def _read(host: Host, run_id: str) -> Optional[Run]:
    content = host.read(posixpath.join(RUNS, run_id, "run"))
    if content is None:
        return None
    record = unline(content.rstrip(b"\n"))
    if record is None:
        saw = "its record is damaged"
        raise ClinicalError(
            "Reading the patch run", run_id, saw, f"Look at {RUNS}/{run_id} before anything is patched."
        )
    return Run(**record)


def _write(host: Host, run: Run, name: str, record: Dict[str, Any]) -> None:
    host.write(posixpath.join(run.folder, name), line(record), 0o600, 0, 0, {})


def _load(host: Host, run: Run, name: str) -> Dict[str, Any]:
    path = posixpath.join(run.folder, name)
    record = unline((host.read(path) or b"").rstrip(b"\n"))
    if record is None:
        raise ClinicalError("Reading", path, "it is not there or damaged", "Nothing was changed.")
    return record
