# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds as dpkg has them, and apt's marks of what was installed automatically."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..._errors import ClinicalError
from ..._host.door import Host
from ..model import INSTALL, PackageChange
from .read import paragraphs

MARKS = "/var/lib/apt/extended_states"


def set_hold(host: Host, names: Sequence[str], held: bool) -> None:
    """Hold these packages, or hold them no longer. Raises ClinicalError where apt-mark fails."""
    verb, doing = ("hold", "Holding") if held else ("unhold", "No longer holding")
    _mark(host, verb, names, doing)


def _mark(host: Host, verb: str, names: Sequence[str], doing: str) -> None:
    done = host.run(["apt-mark", verb, *names], timeout=300.0) if names else None
    if done and done.rc != 0:
        raise ClinicalError(doing, ", ".join(names), done.err_line)


def marks(host: Host) -> str:
    """Return apt's own file of marks; empty where there is none."""
    return host.read_text(MARKS)


def set_marks(host: Host, packages: Collection[str], text: str, changes: Sequence[PackageChange]) -> None:
    """Make the marks of what the changes are about what they were in ``text``; marks of others stay as they are.

    What the changes brought counts as automatic. ``packages`` are the keys of what is installed; nothing else can be
    marked. Raises ClinicalError where apt-mark fails.
    """
    present = [change for change in changes if change.key in packages]
    native = host.run(["dpkg", "--print-architecture"]).out.strip() if present else ""
    before, now = _automatic(text), _automatic(marks(host))
    wrong: dict[str, list[str]] = {"auto": [], "manual": []}
    for change in present:
        mark = (change.name, native if change.arch == "all" else change.arch)  # apt has one for every architecture so
        automatic = mark in before or change.change == INSTALL
        if automatic != (mark in now):
            wrong["auto" if automatic else "manual"].append(change.key)
    for verb, names in wrong.items():
        _mark(host, verb, names, "Marking")


def _automatic(text: str) -> set[tuple[str, str]]:
    """Return name and architecture of what counts as automatically installed."""
    fields = [part for part in paragraphs(text) if part.get("Auto-Installed") == "1"]
    return {(part.get("Package", ""), part.get("Architecture", "")) for part in fields}
