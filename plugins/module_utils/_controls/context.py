# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one survey of a host hands to every kind beside its controls. A kind has no other channel.

It is made anew for each survey, so that what a survey reads of the host is never older than that survey.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .._change.subjects import packages
from .._change.subjects.units import Unit, show
from .._errors import ClinicalError
from .._host import sockets
from .._host.door import Host
from .._host.processes import Process, processes
from .._host.sockets import Listener


@dataclass(frozen=True)
class HostUse:
    """What listens, by the unit that holds it, and the processes that run a program, by its path."""

    listeners: Mapping[str, Sequence[Listener]]
    programs: Mapping[str, Sequence[Process]]


class _OnceRead:
    """Reads a host at the first question; who asks meanwhile waits for that answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._use: HostUse | None = None
        self._packages: dict[str, list[list[str]]] = {}
        self._units_lock = threading.Lock()
        self._units: dict[str, Unit] = {}
        self._expected_units: dict[str, None] = {}

    def expect_units(self, names: Iterable[str]) -> None:
        self._expected_units.update(dict.fromkeys(names))

    def units(self, host: Host, names: Sequence[str]) -> dict[str, Unit]:
        with self._units_lock:
            unknown = [name for name in names if name not in self._units]
            if unknown:
                self._units.update(self._show(host, unknown))
            return {name: self._units[name] for name in names if name in self._units}

    def _show(self, host: Host, names: Sequence[str]) -> dict[str, Unit]:
        """Ask for these and all that are expected, or for these alone where systemctl refuses one of the others."""
        expected = [name for name in self._expected_units if name not in self._units]
        try:
            return show(host, [*expected, *names])
        except ClinicalError:
            return show(host, names)

    def packages(self, host: Host, names: Sequence[str]) -> list[list[str]]:
        with self._lock:
            unknown = [name for name in names if name not in self._packages]
            rows = packages.query(host, unknown)
            self._packages.update({name: [row for row in rows if row[0] == name] for name in unknown})
            return [row for name in names for row in self._packages[name]]

    def use(self, host: Host) -> HostUse:
        with self._lock:
            if self._use is None:
                self._use = HostUse(
                    listeners=sockets.by_unit(sockets.with_owners(host, sockets.listeners(host))),
                    programs=running_programs(host),
                )
            return self._use


@dataclass(frozen=True)
class SurveyContext:
    """What holds for all controls of one survey.

    ``facts`` are the host's, as ``_host.facts.facts`` returns them. ``keeps`` are names of units, packages and modules
    that the inventory wants, each with the reason; ``allow_stop`` names units, packages and controls whose stopping
    somebody has consented to. ``protected_accounts`` have to get in when nothing else does: no control locks, ages
    or refuses them.
    """

    facts: Mapping[str, str]
    keeps: Mapping[str, str] = field(default_factory=dict)
    allow_stop: frozenset[str] = frozenset()
    protected_accounts: frozenset[str] = frozenset()
    _once: _OnceRead = field(default_factory=_OnceRead, repr=False, compare=False)

    @property
    def in_container(self) -> bool:
        return bool(self.facts["container"])

    def has_consent(self, *names: str) -> bool:
        """Return whether a person decided that this may go, by the name of the control or of what it is about."""
        return not self.allow_stop.isdisjoint(names)

    def reason_to_keep(self, *names: str) -> str | None:
        """Return why the inventory keeps the first of ``names`` that it keeps, None where it keeps none."""
        return next((self.keeps[name] for name in names if name in self.keeps), None)

    def use(self, host: Host) -> HostUse:
        """Return what listens and runs; /proc is read once for all kinds, however many ask at the same time."""
        return self._once.use(host)

    def expect_units(self, names: Iterable[str]) -> None:
        """Say which units will be asked for, so that the first question is about all of them."""
        self._once.expect_units(names)

    def units(self, host: Host, names: Sequence[str]) -> dict[str, Unit]:
        """Return the state of units, by name, as ``show`` does; none is asked for twice."""
        return self._once.units(host, names)

    def packages(self, host: Host, names: Sequence[str]) -> list[list[str]]:
        """Return name, version and status of each package that dpkg knows; none is asked for twice."""
        return self._once.packages(host, names)


def running_programs(host: Host) -> dict[str, list[Process]]:
    """Return the processes of each program that runs, by the program's path."""
    programs: dict[str, list[Process]] = {}
    for process in processes(host):
        path = process.executable
        if path:
            programs.setdefault(path, []).append(process)
    return programs
