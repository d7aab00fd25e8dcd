# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What patching asks of a package manager; apt and dnf each answer it in a file of their own. Private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Collection, Iterable, Mapping, Optional, Protocol, Sequence, Tuple

from .._host.door import CommandResult
from .model import Change, LeftOut, Observed, Package

#: Says of a change why it may not come at all; None where it may.
Barred = Callable[[Change], Optional[LeftOut]]


@dataclass(frozen=True)
class Kept:
    """The package file of a version that is about to be replaced. ``how`` is cache, mirror or repacked."""

    name: str
    arch: str
    version: str
    path: str
    how: str
    sha256: str = ""


@dataclass(frozen=True)
class Asked:
    """What a script of a package wanted of a service. ``refused`` where the site's own policy says no to it."""

    unit: str
    action: str
    refused: bool = False


class Manager(Protocol):
    """One package manager on one host. Whatever raises ClinicalError has changed nothing, unless it says so."""

    def within(self, version: str, installed: str, candidate: str) -> bool:
        """Whether going from ``installed`` to ``candidate`` brings ``version``: installed < version <= candidate."""

    def refresh(self) -> Tuple[str, ...]:
        """Read the mirrors' lists anew; a sentence for each that could not be read."""

    def observe(self, free: Collection[str] = ()) -> Observed:
        """What the host would do by itself. Holds on the packages in ``free`` do not count."""

    def cves(self, refresh: bool) -> Tuple[str, ...]:
        """The CVEs that the manager's own lists name for this host; none where only the control node knows them."""

    def narrowed(
        self, observed: Observed, chosen: Sequence[Change], barred: Barred
    ) -> Tuple[Tuple[Change, ...], Tuple[LeftOut, ...]]:
        """The set that brings ``chosen`` and what these need, and those that cannot come, with the reason."""

    def installed(self) -> Mapping[str, Package]:
        """The packages that are there now, by their keys."""

    def missing(self, folder: str, changes: Sequence[Change]) -> Tuple[str, ...]:
        """The files that the changes need and that do not lie in ``folder`` as the signed lists say."""

    def fetch(self, folder: str, changes: Sequence[Change]) -> None:
        """Download what is missing in ``folder``, and verify it."""

    def keep(self, folder: str, changes: Iterable[Change]) -> Tuple[Kept, ...]:
        """Have the package files of the versions that the changes replace in ``folder``, each verified."""

    def install(self, folder: str, changes: Sequence[Change], log: str) -> CommandResult:
        """Change exactly this set in one transaction, out of ``folder`` alone. Local configuration files stay."""

    def put_back(self, changes: Sequence[Change], kept: Sequence[Kept], log: str) -> CommandResult:
        """Take the changes back with the kept files, in one transaction that changes nothing else."""

    def repair(self, log: str) -> CommandResult:
        """Finish what a cut or failed installation left half done."""

    def suspend(self, again: bool) -> None:
        """From here on no script of a package starts, stops or restarts a service, where that can be had.

        ``again`` keeps what was asked for in the part of the run that was cut.
        """

    def resume(self) -> Tuple[Asked, ...]:
        """Let scripts do so again; what was asked for meanwhile, each once."""

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        """Hold these packages, or hold them no longer."""

    def marks(self) -> str:
        """Which packages count as automatically installed, as text that ``set_marks`` takes."""

    def set_marks(self, marks: str, changes: Sequence[Change]) -> None:
        """Make the marks what they were; what the changes brought along counts as automatically installed."""

    def configuration(self, changes: Iterable[Change]) -> Tuple[str, ...]:
        """The configuration files of the installed packages that the changes touch, with paths that no longer exist."""

    def files(self, change: Change) -> Tuple[str, ...]:
        """The files of the installed version."""

    def damaged(self, kept: Sequence[Kept]) -> Tuple[str, ...]:
        """The paths of kept files that are no longer what they were when they were kept."""

    def unattended_updaters(self) -> Tuple[str, ...]:
        """Return a sentence for each setting of this host that would install or restart in the middle of a run."""

    def kernels(self, packages: Mapping[str, Package]) -> Tuple[str, ...]:
        """The releases of the installed kernels, as ``uname -r`` would tell them, oldest first."""
