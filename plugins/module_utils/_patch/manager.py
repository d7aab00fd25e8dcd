# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What patching asks of a package manager; apt and dnf each answer it in a package of their own.

Nothing here and nothing that asks here may know which of the two a host has; ``managers`` alone chooses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Callable, Optional, Protocol

from .._host.door import CommandResult
from .model import InstalledPackage, Observed, OmittedChange, PackageChange

#: Returns why a change may not come at all; None where it may.
BarCheck = Callable[[PackageChange], Optional[OmittedChange]]
#: The changes that come, and those that cannot, with the reason.
Narrowed = tuple[tuple[PackageChange, ...], tuple[OmittedChange, ...]]


@dataclass(frozen=True)
class KeptPackage:
    """The package file of a version that is about to be replaced. ``how`` is cache, mirror or repacked."""

    name: str
    arch: str
    version: str
    path: str
    how: str
    sha256: str = ""


@dataclass(frozen=True)
class ServiceRequest:
    """What a script of a package wanted of a service. ``refused`` where the site's own policy says no to it."""

    unit: str
    action: str
    refused: bool = False


class Manager(Protocol):
    """One package manager on one host. Whatever raises ClinicalError has changed nothing, unless it says so."""

    #: The command by which a person sees which packages are broken.
    audit: str

    # --- versions ---

    def brings(self, version: str, installed: str, candidate: str) -> bool:
        """Return whether going from ``installed`` to ``candidate`` brings it: installed < version <= candidate."""

    # --- observing ---

    def refresh(self) -> tuple[str, ...]:
        """Read the mirrors' lists anew; return a sentence for each that could not be read."""

    def observe(self, released: Collection[str] = ()) -> Observed:
        """Return what the host would do by itself. Holds on the packages named in ``released`` do not count."""

    def cves(self, refresh: bool) -> tuple[str, ...]:
        """Return the CVEs that the manager's own lists name; none where only the control node knows them."""

    def narrow(self, observed: Observed, chosen: Sequence[PackageChange], barred: BarCheck) -> Narrowed:
        """Return the set that brings ``chosen`` and what these need, and those that cannot come."""

    def installed(self) -> Mapping[str, InstalledPackage]:
        """Return the packages that are installed now, by their keys."""

    def files(self, change: PackageChange) -> tuple[str, ...]:
        """Return the paths of the installed version's files."""

    def configuration(self, changes: Iterable[PackageChange]) -> tuple[str, ...]:
        """Return the paths of the configuration files of what the changes touch, also of those that are missing."""

    def kernels(self, packages: Mapping[str, InstalledPackage]) -> tuple[str, ...]:
        """Return the releases of the installed kernels, as ``uname -r`` would print them, oldest first."""

    def unattended_updaters(self) -> tuple[str, ...]:
        """Return a sentence for each setting of this host that would install or restart in the middle of a run."""

    # --- package files ---

    def missing(self, folder: str, changes: Sequence[PackageChange]) -> tuple[str, ...]:
        """Return the paths of files that the changes need and that do not lie in ``folder`` as the lists say."""

    def fetch(self, folder: str, changes: Sequence[PackageChange]) -> None:
        """Download into ``folder`` what is missing there, and verify it."""

    def keep(self, folder: str, changes: Iterable[PackageChange]) -> tuple[KeptPackage, ...]:
        """Have the package files of the versions that the changes replace in ``folder``, each verified."""

    def damaged(self, packages: Sequence[KeptPackage]) -> tuple[str, ...]:
        """Return the paths of kept files that are no longer what they were when they were kept."""

    # --- changing ---

    def install(self, folder: str, changes: Sequence[PackageChange], log: str) -> CommandResult:
        """Change exactly this set in one transaction, out of ``folder`` alone. Local configuration files stay."""

    def put_back(self, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str) -> CommandResult:
        """Take the changes back with the kept files, in one transaction that changes nothing else."""

    def repair(self, log: str) -> CommandResult:
        """Finish what a cut or failed installation left half done."""

    def suspend(self, again: bool) -> None:
        """Keep scripts of packages from starting, stopping or restarting services from here on, where possible.

        ``again`` keeps what was requested in the part of the run that was cut.
        """

    def resume(self) -> tuple[ServiceRequest, ...]:
        """Let scripts do so again; return what was requested meanwhile, each request once."""

    # --- holds and marks ---

    def set_hold(self, names: Sequence[str], held: bool) -> None:
        """Hold these packages, or hold them no longer."""

    def marks(self) -> str:
        """Return which packages count as automatically installed, as text that ``set_marks`` takes."""

    def set_marks(self, marks: str, changes: Sequence[PackageChange]) -> None:
        """Make the marks of what the changes are about what they were; those of other packages stay.

        What the changes brought along counts as automatically installed.
        """
