# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that anybody can change, that belong to nobody, or that lend rights: one walk for all who ask.

Only local disks are walked, each once, and never the storage of containers. What was left out stands in the finding. A
walk that would take too long is given up, and then nothing is known.
"""

from __future__ import annotations

import fnmatch
import os
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step, groups_by_owner
from ..._change.subjects.files import Meta, narrower_image
from ..._host.door import Host, ScanEntry
from ..._text import data_folders
from ..._text.lines import split_lines
from ..context import SurveyContext
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, unknown
from ..support.account_files import read_accounts

LOCAL = re.compile(r"^(ext[234]|xfs|btrfs|zfs|f2fs|jfs|reiserfs|overlay|tmpfs|vfat|bcachefs)$")
#: Never walked: made up by the kernel, made anew at each boot, or open to everybody on purpose.
NEVER = ("/proc", "/sys", "/dev", "/run", "/tmp", "/var/tmp", "/var/lib/healthops")
CONTAINERS = (
    "/var/lib/containers",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/kubelet",
    "/var/lib/lxc",
    "/var/lib/lxd",
    "/var/lib/machines",
    "/var/snap",
    "/snap",
)
#: Where the storage of containers that people run themselves lies.
OF_PEOPLE = ("/home/*/.local/share/containers", "/home/*/.local/share/docker")
#: More entries are not looked at: about three seconds on a small server.
BUDGET = 1_000_000
#: So many entries stand in a finding.
LISTED = 10
#: So many bytes no path can have, though a folder that deep can be made; and so many one more name below it takes.
PATH_MAX, NAME_MAX = 4096, 256
STICKY = 0o1000
WORLD, SET_ID = 0o002, 0o6000


@dataclass(frozen=True)
class ScannedEntry:
    """One entry that some control may mind; ``mixed`` says that a folder holds files of several accounts."""

    entry: ScanEntry
    mixed: bool = False


@dataclass(frozen=True)
class State:
    """The entries that the walk met, the trees that it left out, and whether it came to an end.

    ``uids`` and ``gids`` are the numbers of the accounts and groups that the host has.
    """

    entries: tuple[ScannedEntry, ...]
    uids: frozenset[int]
    gids: frozenset[int]
    skipped: tuple[str, ...]
    complete: bool


class PathScan(Kind):
    name = "path_scan"
    SETTINGS = {
        "check": Setting(
            "str", choices=("world_writable_files", "world_writable_folders", "unowned", "ungrouped", "privileged")
        ),
        "except": Setting("list", required=False, default=()),
        "expected": Setting("list", required=False, default=()),
        "not_scanned": Setting("list", required=False, default=()),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"path_scan {settings['check']}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        accounts = read_accounts(host)
        uids = frozenset(account.uid for account in accounts.accounts)
        gids = frozenset(group.gid for group in accounts.groups)
        roots, foreign = roots_of(host.read_text("/proc/self/mountinfo"))
        sites = [path for control in controls for path in control.settings.get("not_scanned", ())]
        people = [path for pattern in OF_PEOPLE for path in host.glob(pattern)]
        avoided = frozenset(posixpath.normpath(path) for path in [*NEVER, *CONTAINERS, *people, *sites, *foreign])
        met = host.scan(roots, avoided, uids, gids, BUDGET)
        return State(
            entries=tuple(ScannedEntry(entry, _mixed(host, entry)) for entry in met or ()),
            uids=uids,
            gids=gids,
            skipped=tuple(sorted(path for path in {*people, *sites, *foreign} if not _below(path, NEVER))),
            complete=met is not None,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        if not state.complete:
            return KindPlan(tuple(_given_up(control) for control in controls))
        minded = {c.id: [scanned for scanned in state.entries if _minds(c, scanned.entry, state)] for c in controls}
        groups = [group for control in controls for group in _groups(control, minded[control.id])]
        return KindPlan.of([_assess(control, minded[control.id], state) for control in controls], groups)


def roots_of(mountinfo: str) -> tuple[list[str], list[str]]:
    """Return where walks begin, and the mounts they must not enter: of other kinds, or of what is walked elsewhere.

    Each line of /proc/self/mountinfo names the device, and which part of it is mounted where.
    """
    rows = [line.split(" ") for line in split_lines(mountinfo) if " - " in line]
    mounts = [(row[2], row[3], _plain(row[4]), row[row.index("-") + 1]) for row in rows]
    walked: list[tuple[str, str, str]] = []
    foreign = []
    for device, part, path, kind in sorted(mounts, key=lambda mount: (len(mount[1]), len(mount[2]))):
        twice = any(device == other and _below(part, (held,)) for other, held, _path in walked)
        if not LOCAL.match(kind) or twice or (_below(path, NEVER) and path != "/"):
            foreign.append(path)
        else:
            walked.append((device, part, path))
    roots = [path for _device, _part, path in walked]
    return [path for path in roots if path == "/" or path not in foreign] or ["/"], foreign


def _plain(path: str) -> str:
    """Return a path without the octal numbers that mountinfo writes for blanks and the like."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def _below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _mixed(host: Host, entry: ScanEntry) -> bool:
    """Return whether files of several accounts lie in an open folder: then one may take away another's."""
    if entry.kind != "dir" or not entry.mode & WORLD or entry.mode & STICKY or not _has_usable_path(entry):
        return False
    inside = (host.stat(posixpath.join(entry.path, name)) for name in host.listdir(entry.path)[:1000])
    return len({info.uid for info in inside if info is not None} | {entry.uid}) > 1


def _has_usable_path(entry: ScanEntry) -> bool:
    """Return whether programs can name it, and whatever is in it."""
    return len(os.fsencode(entry.path)) + NAME_MAX < PATH_MAX


def _minds(control: Control, entry: ScanEntry, state: State) -> bool:
    check = control.settings["check"]
    if any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in control.settings.get("except", ())):
        return False
    if check == "unowned":
        return entry.uid not in state.uids
    if check == "ungrouped":
        return entry.gid not in state.gids
    if check == "world_writable_folders":
        return entry.kind == "dir" and bool(entry.mode & WORLD) and not entry.mode & STICKY
    if entry.kind != "file":
        return False
    if check == "privileged":
        known = any(fnmatch.fnmatchcase(entry.path, pattern) for pattern in control.settings.get("expected", ()))
        return bool(entry.mode & SET_ID) and not known
    return bool(entry.mode & WORLD)


WANTED = {
    "world_writable_files": "no file can be changed by everybody",
    "world_writable_folders": "in folders that are open to everybody, each keeps their own files",
    "unowned": "every file belongs to an account that is there",
    "ungrouped": "every file belongs to a group that is there",
    "privileged": "only known programs lend rights",
}
FIND = {
    "world_writable_files": "-type f -perm -2",
    "world_writable_folders": "-type d -perm -2 ! -perm -1000",
    "unowned": "-nouser",
    "ungrouped": "-nogroup",
    "privileged": "-type f -perm /6000",
}
TOO_DEEP = "they lie deeper than any program's path reaches; ask their owner, or remove the folder above them"
ADVICE = {
    "world_writable_files": TOO_DEEP,
    "world_writable_folders": "several accounts keep files there and may count on removing each other's; set the sticky"
    f" bit by hand, or list the folder in files_open_on_purpose; or {TOO_DEEP}",
    "unowned": "find out whose they were, then chown or remove them",
    "ungrouped": "find out whose they were, then chgrp or remove them",
    "privileged": "take the right away with chmod ug-s, or list the program in files_privileged_of_site",
}


def _given_up(control: Control) -> Assessment:
    check = control.settings["check"]
    reason = f"there are more than {BUDGET} files; name the trees that hold data in files_not_scanned"
    return unknown(control, f"files: {WANTED[check]}", WANTED[check], reason)


def _assess(control: Control, minded: Sequence[ScannedEntry], state: State) -> Assessment:
    check = control.settings["check"]
    without = f" (without {_listed(state.skipped)})" if state.skipped else ""
    before = (_listed(_shown([scanned.entry for scanned in minded])) or "none") + without
    for_people = [scanned.entry for scanned in minded if not _can_mend(check, scanned)]
    remark = f"{_listed(_places(for_people))}: {ADVICE[check]}{_search(check, for_people)}" if for_people else ""
    return Assessment(
        control=control.id,
        subject=f"files: {WANTED[check]}",
        wanted=WANTED[check],
        before=before,
        after=_listed(_shown(for_people)) or WANTED[check],
        verdicts=Verdicts.same(judge(not minded, before)),
        remark=remark,
    )


def _can_mend(check: str, scanned: ScannedEntry) -> bool:
    mends = check == "world_writable_files" or (check == "world_writable_folders" and not scanned.mixed)
    return mends and _has_usable_path(scanned.entry)


def _groups(control: Control, minded: Sequence[ScannedEntry]) -> tuple[Group, ...]:
    check = control.settings["check"]
    mended = [scanned.entry for scanned in minded if _can_mend(check, scanned)]
    return groups_by_owner(f"path_scan {check}", ((entry.uid, _step(control, entry, check)) for entry in mended))


def _step(control: Control, entry: ScanEntry, check: str) -> Step:
    if check == "world_writable_files":
        image, after = narrower_image(entry.kind, WORLD, entry.uid), f"{entry.mode & ~WORLD:04o}"
        why = "everybody could change it"
    else:
        image, after = narrower_image(entry.kind, 0, entry.uid, sticky=True), f"{entry.mode | STICKY:04o}"
        why = "everybody could remove what others put there"
    return Step(
        subject=Meta(entry.path), wanted=image, before=f"{entry.mode:04o}", after=after, why=why, controls=(control.id,)
    )


def _shown(entries: Sequence[ScanEntry]) -> list[str]:
    """Return each entry with owner and mode, those of data by their folders and numbers."""
    named = [f"{entry.path} {entry.uid}:{entry.gid} {entry.mode:04o}" for entry in entries if _folder(entry) is None]
    return named + _counted(entries)


def _places(entries: Sequence[ScanEntry]) -> list[str]:
    return [entry.path for entry in entries if _folder(entry) is None] + _counted(entries)


def _folder(entry: ScanEntry) -> str | None:
    return data_folders.data_folder(entry.path, entry.kind == "dir")


def _counted(entries: Sequence[ScanEntry]) -> list[str]:
    counts = data_folders.counted(map(_folder, entries))
    return [data_folders.describe(folder, count) for folder, count in counts.items()]


def _search(check: str, entries: Sequence[ScanEntry]) -> str:
    """Return how people list what is not told by name, since it may name a patient."""
    counts = data_folders.counted(map(_folder, entries))
    if counts:
        return f"; to list them: find {' '.join(counts)} -xdev {FIND[check]}"
    return ""


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
