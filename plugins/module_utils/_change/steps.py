# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is about to do: steps, each with one subject, that stand or fall together in groups."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .._host.door import Host
from . import ssh_server
from .subjects import audit
from .subjects.base import Image, Subject
from .subjects.units import BEGIN, ActiveUnit, has_systemd, show, systemctl


@dataclass(frozen=True)
class Step:
    """One subject and what it is to become; without ``wanted`` it is only watched, because another step changes it.

    ``before`` and ``after`` are words for people; they never hold a secret. ``watched`` stays true of a subject that is
    put back on a revert: whichever way a run goes, it comes after the commands that would change it again.
    A ``late`` one is applied after the checks of its group.
    """

    subject: Subject
    wanted: Image | None
    before: str
    after: str
    why: str
    controls: tuple[str, ...]
    watched: bool = False
    late: bool = False

    @property
    def beside(self) -> bool:
        """True where another step, or a command, changes the subject."""
        return self.watched or self.wanted is None


@dataclass(frozen=True)
class Effect:
    """What makes a change live: reload or restart of a unit that runs, starting one, daemon-reload, audit rules."""

    verb: str
    unit: str = ""

    def happen(self, host: Host) -> None:
        """Make the change live; raises ClinicalError where a program refuses."""
        if self.verb == audit.LOAD:
            audit.load(host)
            return
        if not has_systemd(host):
            return
        if self.verb == "daemon-reload":
            systemctl(host, "daemon-reload")
        elif self.verb == BEGIN:
            if show(host, [self.unit])[self.unit].exists:
                systemctl(host, "start", "--no-block", self.unit)
        elif show(host, [self.unit])[self.unit].running:
            systemctl(host, ssh_server.live_verb(host, self.verb, self.unit), self.unit)


@dataclass(frozen=True)
class Group:
    """Steps in their order, commands that must then succeed, and what makes them live. A failure undoes the group.

    A guarded group could keep people from logging in. ``stops`` are the units that go down because somebody consented,
    ``steady`` those that have to run, and go on running, when all is done. Where what the ``checks`` look at need not
    have been there before, they are not ``checked_on_the_way_back``.
    """

    name: str
    steps: tuple[Step, ...]
    checks: tuple[tuple[str, ...], ...] = ()
    effects: tuple[Effect, ...] = ()
    guarded: bool = False
    stops: tuple[str, ...] = ()
    steady: tuple[str, ...] = ()
    checked_on_the_way_back: bool = True

    @property
    def controls(self) -> tuple[str, ...]:
        """The ids of all controls that its steps serve, each once."""
        return tuple(dict.fromkeys(control for step in self.steps for control in step.controls))


def groups_by_owner(name: str, owned: Iterable[tuple[int, Step]]) -> tuple[Group, ...]:
    """Return a group for the files of each owner: one who exchanges theirs meanwhile is in nobody else's way."""
    steps: dict[int, list[Step]] = {}
    for owner, step in owned:
        steps.setdefault(owner, []).append(step)
    return tuple(Group(name, tuple(of_owner)) for of_owner in steps.values())


def unread(unit: str, controls: tuple[str, ...]) -> Step:
    """Return the step of a group that changes no file: the settings are right, but the unit is older than they are."""
    return Step(
        subject=ActiveUnit(unit),
        wanted=None,
        before="runs with older settings",
        after="has read its settings",
        why="it started before the settings were changed",
        controls=controls,
    )


@dataclass(frozen=True)
class JournalEntry:
    """A step with the image that it replaces, and the number of the group that it stands in."""

    step: Step
    before: Image
    group: int
