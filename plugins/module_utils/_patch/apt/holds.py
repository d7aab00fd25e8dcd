# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds as dpkg has them, and apt's marks of what was installed automatically."""

from __future__ import annotations

from collections.abc import Sequence

from ..._errors import ClinicalError
from ..._host.door import Host
from ..model import INSTALL, PackageChange

MARKS = "/var/lib/apt/extended_states"


def set_hold(host: Host, names: Sequence[str], held: bool) -> None:
    """Hold these packages, or hold them no longer. Raises ClinicalError where apt-mark fails."""
    if not names:
        return
    verb, doing = ("hold", "Holding") if held else ("unhold", "No longer holding")
    done = host.run(["apt-mark", verb, *names], timeout=300.0)
    if done.rc != 0:
        raise ClinicalError(doing, ", ".join(names), done.err_line)


def marks(host: Host) -> str:
    """Return apt's own file of marks; empty where there is none."""
    return host.read_text(MARKS)


def set_marks(host: Host, text: str, changes: Sequence[PackageChange]) -> None:
    """Write the marks back, with what the changes brought along.

    apt notes a package for every architecture under the host's own.
    """
    brought = [change for change in changes if change.change == INSTALL]
    native = host.run(["dpkg", "--print-architecture"]).out.strip() if brought else ""
    for change in brought:
        arch = native if change.arch == "all" else change.arch
        text += f"Package: {change.name}\nArchitecture: {arch}\nAuto-Installed: 1\n\n"
    if marks(host) != text:
        host.write(MARKS, text.encode(), 0o644, 0, 0, {})
