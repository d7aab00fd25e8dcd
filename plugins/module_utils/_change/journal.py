# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before-images on disk, synced before the first change, and a run's way back.

``/var/lib/healthops/journal/<run id>/`` holds four files, each written in one step:

- ``entries``: one line for each subject, with the image that the run replaces and the one it wants. Every line carries
  its own checksum.
- ``folders``: when the folders around them were last changed. Earlier releases wrote none.
- ``run``: what run this is and how far it came. It is written after ``entries``; without it a run never began.
- ``after``: what the subjects looked like when the run ended, which is how a later change is told from the run's own.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._errors import ClinicalError
from .._host.door import Host
from .._vocabulary.run_id import RunId
from .folder_times import FolderTimes, read_times
from .run_store import RUN, STATE, RunStore, line, misfit, unline
from .steps import Effect, Group, JournalEntry, Step
from .subjects.account_file import AccountFile
from .subjects.accounts import AccountField
from .subjects.audit import KernelRules, RulesFile
from .subjects.authselect import AuthselectFeatures
from .subjects.awaited import AwaitedFile
from .subjects.base import Image, Subject
from .subjects.compiled import Compiled
from .subjects.files import File, Meta
from .subjects.firewall import FilterTable
from .subjects.generated import GeneratedFile
from .subjects.kernel import KernelValue, LoadedModule
from .subjects.local_accounts import LocalAccount, LocalGroup
from .subjects.made import MadeFile
from .subjects.mounts import MountOptions
from .subjects.packages import Packages
from .subjects.pam import PamProfiles
from .subjects.trees import Tree
from .subjects.units import ActiveUnit, EnabledUnit, OwnUnit

#: The keys of the lines for groups, and of those for entries.
_GROUP_KEYS: Mapping[str, Any] = {"group": int, "name": str, "checks": list, "effects": list, "guarded": bool}
_ENTRY_KEYS: Mapping[str, Any] = {
    "of": int,
    "type": str,
    "name": str,
    "wanted": (dict, type(None)),
    "replaced": dict,
    "before": str,
    "after": str,
    "why": str,
    "controls": list,
    "watched": bool,
}
#: Earlier releases wrote none of these.
_LATER_KEYS = frozenset({"guarded"})
JOURNAL = posixpath.join(STATE, "journal")
_STORE = RunStore(JOURNAL)
SUBJECTS: dict[str, Any] = {
    subject.type: subject
    for subject in (
        *(
            File,
            AccountFile,
            AwaitedFile,
            RulesFile,
            MadeFile,
            GeneratedFile,
            Compiled,
            Meta,
            Tree,
            KernelValue,
            LoadedModule,
        ),
        *(
            ActiveUnit,
            OwnUnit,
            EnabledUnit,
            LocalAccount,
            LocalGroup,
            MountOptions,
            Packages,
            AccountField,
            PamProfiles,
            AuthselectFeatures,
            FilterTable,
            KernelRules,
        ),
    )
}


@dataclass(frozen=True)
class JournaledRun:
    """One journaled run. ``made_by`` is the module that made it, baseline or commit_confirm.

    ``progress`` is applying, complete, undone, or damaged where the note itself cannot be read. Under the lock, an
    applying run is one that was cut.
    """

    run_id: str
    sequence: int
    started: str
    progress: str
    entries: int
    checksum: str
    reverts: str = ""
    reverted_by: str = ""
    made_by: str = "baseline"


@dataclass(frozen=True)
class LoadedRun:
    """A run read back. ``damaged`` counts unreadable lines; ``after`` is empty for a run that was cut."""

    run: JournaledRun
    groups: tuple[Group, ...]
    entries: tuple[JournalEntry, ...]
    after: dict[str, Image] = field(default_factory=dict)
    damaged: int = 0
    folders: FolderTimes = field(default_factory=dict)


def key(subject: Subject) -> str:
    """Return the name of a subject among all of a run: its type and its own name."""
    return f"{subject.type} {subject.name}"


def runs(host: Host) -> list[JournaledRun]:
    """Return every run in the journal, oldest first; a folder without a readable ``run`` never began."""
    known = (_read_run(host, name) for name in _STORE.names(host))
    return sorted((run for run in known if run is not None), key=lambda run: run.sequence)


def begin(
    host: Host,
    run_id: str,
    started: str,
    groups: Sequence[Group],
    entries: Sequence[JournalEntry],
    reverts: str = "",
    made_by: str = "baseline",
) -> JournaledRun:
    """Write all before-images; when this returns they are on the disk.

    ``started`` is a stamp, ``reverts`` the id of the run that this one takes back. Raises ClinicalError where the
    journal holds a run of this id, or cannot be written.
    """
    run_id = RunId.of(run_id)
    earlier = runs(host)
    if any(run.run_id == run_id for run in earlier):
        raise ClinicalError(
            "Beginning the run", run_id, "the journal already holds a run of this id", "Choose another."
        )
    _STORE.make(host, run_id)
    lines = b"".join(line(record) for record in _records(groups, entries))
    run = JournaledRun(
        run_id=run_id,
        sequence=earlier[-1].sequence + 1 if earlier else 1,
        started=started,
        progress="applying",
        entries=lines.count(b"\n"),
        checksum=hashlib.sha256(lines).hexdigest(),
        reverts=reverts,
        made_by=made_by,
    )
    _STORE.write(host, run_id, "entries", lines)
    _STORE.write_record(host, run_id, "folders", read_times(host, entries))
    _write_run(host, run)
    return run


def end(
    host: Host, run: JournaledRun, progress: str, entries: Sequence[JournalEntry], settled: Mapping[int, Image]
) -> JournaledRun:
    """Note how the run ended and what its subjects look like now, or looked like when they settled."""
    pairs = ((entry, settled.get(number)) for number, entry in enumerate(entries))
    after = {key(e.step.subject): image or e.step.subject.capture_after(host, e.before) for e, image in pairs}
    _STORE.write_record(host, run.run_id, "after", after)
    _narrow(host, run, entries, after)
    ended = replace(run, progress=progress)
    _write_run(host, ended)
    return ended


def _narrow(host: Host, run: JournaledRun, entries: Sequence[JournalEntry], after: Mapping[str, Image]) -> None:
    """Keep of each before-image what the run has changed: no journal needs a copy of all of /etc for long."""
    narrowed = {}
    for entry in entries:
        name = key(entry.step.subject)
        image = entry.step.subject.narrowed(entry.before, after[name])
        if image is not entry.before:
            narrowed[name] = image
    if not narrowed:
        return
    lines = []
    for raw in (host.read(_STORE.path(run.run_id, "entries")) or b"").rstrip(b"\n").split(b"\n"):
        record = unline(raw)
        if record is not None and "of" in record:
            record["replaced"] = narrowed.get(f"{record['type']} {record['name']}", record["replaced"])
        lines.append(raw + b"\n" if record is None else line(record))
    _STORE.write(host, run.run_id, "entries", b"".join(lines))


def note_reverted(host: Host, run: JournaledRun, by: str) -> None:
    """Note the id of the run that took this one back; an empty one takes the note away."""
    _write_run(host, replace(run, reverted_by=by))


def load(host: Host, run: JournaledRun) -> LoadedRun:
    """Read a run back. What is damaged is counted, never guessed."""
    content = host.read(_STORE.path(run.run_id, "entries")) or b""
    records = [record for record in map(unline, content.split(b"\n")) if record is not None]
    for record in records:
        _check_shape(run.run_id, record, _ENTRY_KEYS if "of" in record else _GROUP_KEYS)
        if "of" in record and record["type"] not in SUBJECTS:
            raise _newer(run.run_id, f"the subject {record['type']!r} is not known here")
    after = _STORE.read_record(host, run.run_id, "after")
    noted = {record["group"]: _group(record) for record in records if "group" in record}
    numbers = sorted({*noted, *(record["of"] for record in records if "of" in record)})
    groups = tuple(noted.get(number, Group(f"group {number}", ())) for number in numbers)
    entries = tuple(_entry(record, numbers.index(record["of"])) for record in records if "of" in record)
    lost = max(0, run.entries - len(records)) + (run.progress == "damaged")
    if after is None and run.progress != "applying":  # a run that was cut never wrote it
        lost += 1
    return LoadedRun(
        run=run,
        groups=groups,
        entries=entries,
        after=after or {},
        damaged=lost,
        folders=_STORE.read_record(host, run.run_id, "folders") or {},
    )


def prune(host: Host, keep: int) -> list[str]:
    """Forget the oldest runs beyond ``keep``, never the newest, and folders of runs that never began.

    Returns the ids of the runs that were forgotten.
    """
    known = runs(host)
    readable = [run for run in known if run.progress != "damaged"]
    old = [run.run_id for run in readable[: max(0, len(readable) - max(1, keep))]]
    stray = [name for name in _STORE.names(host) if name not in {run.run_id for run in known}]
    for name in old + stray:
        _STORE.forget(host, name)
    return old


def _check_shape(run_id: str, record: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Refuse a record with keys that this release does not know, or without those that it does.

    What they mean would be lost.
    """
    for key in sorted({*record, *(known.keys() - _LATER_KEYS)}):
        if key not in known:
            raise _newer(run_id, f"the key {key!r} is not known here")
        if not isinstance(record.get(key), known[key]):
            raise _newer(run_id, f"the key {key!r} is missing, or is something else")


def _newer(run_id: str, trouble: str) -> ClinicalError:
    reason = f"a newer release of this collection wrote it; {trouble}"
    return ClinicalError("Reading the journal of the run", run_id, reason, "Use that release, or a newer one.")


def _write_run(host: Host, run: JournaledRun) -> None:
    _STORE.write_record(host, run.run_id, RUN, asdict(run))


def _read_run(host: Host, run_id: str) -> JournaledRun | None:
    if not _STORE.has(host, run_id, RUN):
        return None
    record = _STORE.read_record(host, run_id, RUN)
    if record is not None and record.get("run_id") == run_id:
        if trouble := misfit(JournaledRun, record):
            raise _newer(run_id, trouble)
        return JournaledRun(**record)
    return JournaledRun(run_id=run_id, sequence=0, started="", progress="damaged", entries=0, checksum="")


def _records(groups: Sequence[Group], entries: Sequence[JournalEntry]) -> Iterator[dict[str, Any]]:
    for number, group in enumerate(groups):
        effects = [asdict(effect) for effect in group.effects]
        yield {
            "group": number,
            "name": group.name,
            "checks": group.checks if group.checked_on_the_way_back else (),
            "effects": effects,
            "guarded": group.guarded,
        }
    for entry in entries:
        step = entry.step
        yield {
            "of": entry.group,
            "type": step.subject.type,
            "name": step.subject.name,
            "wanted": step.wanted,
            "replaced": entry.before,
            "before": step.before,
            "after": step.after,
            "why": step.why,
            "controls": step.controls,
            "watched": step.beside,
        }


def _group(record: dict[str, Any]) -> Group:
    checks = tuple(tuple(argv) for argv in record["checks"])
    effects = tuple(Effect(**effect) for effect in record["effects"])
    return Group(name=record["name"], steps=(), checks=checks, effects=effects, guarded=record.get("guarded", False))


def _entry(record: dict[str, Any], group: int) -> JournalEntry:
    subject: Subject = SUBJECTS[record["type"]](record["name"])
    step = Step(
        subject=subject,
        wanted=record["wanted"],
        before=record["before"],
        after=record["after"],
        why=record["why"],
        controls=tuple(record["controls"]),
        watched=record["watched"],
    )
    return JournalEntry(step, record["replaced"], group)
