# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was seen when, installed when, rolled back when: lines that are only ever added.

Each line carries its checksum. One that was cut while it was written counts as never written, and so does one that
somebody changed; how many there are is told.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable

from .._change.run_store import STATE, line, unline
from .._host.door import Host
from .._vocabulary.stamp import parse_stamp
from .model import PackageChange

FOLDER = posixpath.join(STATE, "patch")
LEDGER = posixpath.join(FOLDER, "ledger")
REPAIR_LOG = posixpath.join(FOLDER, "repair.log")

SEEN = "seen"
INSTALLED = "installed"
ROLLED_BACK = "rolled_back"
HELD = "held"
RELEASED = "released"


#: The texts that every entry has, and those of some events.
_KEYS = ("what", "at", "name")
_MORE_KEYS: Mapping[str, tuple[str, ...]] = {SEEN: ("arch", "version"), HELD: ("until",)}


@dataclass(frozen=True)
class Ledger:
    """All that the ledger holds, in the order in which it happened."""

    entries: tuple[Mapping[str, Any], ...] = ()
    damaged: int = 0

    def first_seen(self, change: PackageChange, brings: Callable[[str, str, str], bool]) -> str:
        """Return the stamp at which the host first saw an update of this package that is still to come; empty if never.

        A newer version does not begin the deadline anew: what is counted is the oldest that is not installed yet.
        ``brings`` is the package manager's order of versions.
        """
        package = (change.name, change.arch)
        seen = [e for e in self.entries if e["what"] == SEEN and (e["name"], e["arch"]) == package]
        if change.old and change.new:
            times = [entry["at"] for entry in seen if brings(entry["version"], change.old, change.new)]
        else:
            times = [entry["at"] for entry in seen if entry["version"] == change.new]
        return min(times, default="")

    def unseen(self, changes: Iterable[PackageChange]) -> tuple[PackageChange, ...]:
        """Return the changes to versions that the host has not seen yet."""
        known = {(e["name"], e["arch"], e["version"]) for e in self.entries if e["what"] == SEEN}
        return tuple(change for change in changes if (change.name, change.arch, change.new) not in known)

    def holds(self) -> dict[str, Mapping[str, Any]]:
        """Return our own holds that were not released, by the package's name."""
        holds: dict[str, Mapping[str, Any]] = {}
        for entry in self.entries:
            if entry["what"] == HELD:
                holds[entry["name"]] = entry
            elif entry["what"] == RELEASED:
                holds.pop(entry["name"], None)
        return holds

    def expired(self, now: str) -> tuple[str, ...]:
        """Return the packages whose hold of ours is over at this stamp, sorted."""
        today = parse_stamp(now)
        return tuple(sorted(name for name, entry in self.holds().items() if parse_stamp(entry["until"]) <= today))


def read(host: Host) -> Ledger:
    """Return the ledger of the host; an empty one where there is none."""
    entries: list[Mapping[str, Any]] = []
    damaged = 0
    for raw in (host.read(LEDGER) or b"").split(b"\n"):
        record = unline(raw) if raw else None
        if record is not None and _is_entry(record):
            entries.append(record)
        elif raw:
            damaged += 1
    return Ledger(tuple(entries), damaged)


def _is_entry(record: Mapping[str, Any]) -> bool:
    keys = (*_KEYS, *_MORE_KEYS.get(str(record.get("what")), ()))
    return all(isinstance(record.get(key), str) for key in keys)


def make_folder(host: Host) -> None:
    """Make the directory for what is known of patch runs."""
    for folder in (STATE, FOLDER):
        host.mkdir(folder, 0o700, 0, 0)


def add(host: Host, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add the entries in one write, after whatever a cut write may have left."""
    if not entries:
        return
    known = host.read(LEDGER)
    if known is None:
        make_folder(host)
    begin = b"\n" if known and not known.endswith(b"\n") else b""
    host.append(LEDGER, begin + b"".join(line(dict(entry)) for entry in entries))


def add_once(host: Host, run_id: str, entries: Sequence[Mapping[str, Any]]) -> None:
    """Add what is not there yet of this run: one that was cut may have written them already."""
    known = {(entry["what"], entry["name"], entry.get("run")) for entry in read(host).entries}
    add(host, [entry for entry in entries if (entry["what"], entry["name"], run_id) not in known])


def entry(what: str, change: PackageChange, at: str, **more: str | None) -> dict[str, Any]:
    """Return one line about a package. For what was rolled back ``version`` is the one that is gone again."""
    package = {"name": change.name, "arch": change.arch, "version": change.new, "from": change.old}
    return {"what": what, "at": at, **package, **more}
