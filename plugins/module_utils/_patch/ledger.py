# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen when, installed when, rolled back when: lines that are only ever added. Private to the collection.

Each line carries its checksum. One that was cut while it was written counts as never written, and so does one that
somebody changed; how many there are is told.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._change.journal import STATE, line, unline
from .._host.door import Host
from .._vocabulary.stamp import parse_stamp
from .model import Change

FOLDER = posixpath.join(STATE, "patch")
LEDGER = posixpath.join(FOLDER, "ledger")
REPAIR_LOG = posixpath.join(FOLDER, "repair.log")

SEEN = "seen"
INSTALLED = "installed"
ROLLED_BACK = "rolled_back"
HELD = "held"
RELEASED = "released"


@dataclass(frozen=True)
class Ledger:
    """All that the ledger holds, in the order in which it happened."""

    entries: Tuple[Mapping[str, Any], ...] = ()
    damaged: int = 0

    def first_seen(self, change: Change, within: Callable[[str, str, str], bool]) -> str:
        """When the host first saw an update of this package that is still to come.

        A newer version does not begin the deadline anew: what is counted is the oldest that is not installed yet.
        """
        package = (change.name, change.arch)
        seen = [e for e in self.entries if e["what"] == SEEN and (e["name"], e["arch"]) == package]
        times = [
            entry["at"]
            for entry in seen
            if (
                within(entry["version"], change.old, change.new)
                if change.old and change.new
                else entry["version"] == change.new
            )
        ]
        return min(times, default="")

    def unseen(self, changes: Iterable[Change]) -> Tuple[Change, ...]:
        known = {(e["name"], e["arch"], e["version"]) for e in self.entries if e["what"] == SEEN}
        return tuple(change for change in changes if (change.name, change.arch, change.new) not in known)

    def holds(self) -> Dict[str, Mapping[str, Any]]:
        """Our own holds that were not released, by the package's name."""
        found: Dict[str, Mapping[str, Any]] = {}
        for entry in self.entries:
            if entry["what"] == HELD:
                found[entry["name"]] = entry
            elif entry["what"] == RELEASED:
                found.pop(entry["name"], None)
        return found

    def expired(self, now: str) -> Tuple[str, ...]:
        """The packages whose hold of ours is over."""
        today = parse_stamp(now)
        return tuple(sorted(name for name, entry in self.holds().items() if parse_stamp(entry["until"]) <= today))


def read(host: Host) -> Ledger:
    found: List[Mapping[str, Any]] = []
    damaged = 0
    for raw in (host.read(LEDGER) or b"").split(b"\n"):
        record = unline(raw) if raw else None
        if record is not None:
            found.append(record)
        elif raw:
            damaged += 1
    return Ledger(tuple(found), damaged)


def make_folder(host: Host) -> None:
    for folder in (STATE, FOLDER):
        host.mkdir(folder, 0o700, 0, 0)


def add(host: Host, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add the entries in one write, after whatever a cut write may have left."""
    if not entries:
        return
    known = host.read(LEDGER)
    if known is None:
        make_folder(host)
    begin = b"" if not known or known.endswith(b"\n") else b"\n"
    host.append(LEDGER, begin + b"".join(line(dict(entry)) for entry in entries))


def add_once(host: Host, run_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add what is not there yet of this run: one that was cut after it wrote them has written them already."""
    known = {(one["what"], one["name"], one.get("run")) for one in read(host).entries}
    add(host, [one for one in entries if (one["what"], one["name"], run_id) not in known])


def entry(what: str, change: Change, at: str, **more: Optional[str]) -> Dict[str, Any]:
    """One line about a package. For what was rolled back ``version`` is the one that is gone again."""
    told = {"what": what, "at": at, "name": change.name, "arch": change.arch, "version": change.new}
    return {**told, "from": change.old, **more}
