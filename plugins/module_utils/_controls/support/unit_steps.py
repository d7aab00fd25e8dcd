# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps that switch a unit of systemd on or off, alike in every kind that has units."""

from __future__ import annotations

from ..._change.steps import Step
from ..._change.subjects.trees import Tree
from ..._change.subjects.units import ENABLING_FOLDERS, ActiveUnit, EnabledUnit, Unit

_ABSENT = "absent"


def existing(unit: Unit | None) -> Unit | None:
    """Return the unit where it exists: systemd also tells of units that nobody has made."""
    if unit is not None and unit.exists:
        return unit
    return None


def enabled_state(unit: Unit | None) -> str:
    """Return whether a unit starts at each boot, as systemctl says it; ``absent`` where there is no unit file."""
    return (unit.enabled if unit else "") or _ABSENT


def active_state(unit: Unit | None) -> str:
    """Return whether a unit runs, as systemctl says it; ``absent`` where there is none."""
    return unit.active if unit else _ABSENT


def enabling(name: str, before: str, why: str, controls: tuple[str, ...]) -> tuple[Step, Step]:
    """Return the steps that have a unit start at each boot; the links that systemctl lays are watched."""
    links = Step(
        subject=Tree(ENABLING_FOLDERS),
        wanted=None,
        before="",
        after="",
        why="the links that enabling lays",
        controls=controls,
    )
    enable = Step(
        subject=EnabledUnit(name),
        wanted={"enabled": True},
        before=before,
        after="enabled",
        why=why,
        controls=controls,
    )
    return links, enable


def starting(name: str, before: str, why: str, controls: tuple[str, ...]) -> Step:
    """Return the step that starts a unit."""
    return Step(
        subject=ActiveUnit(name),
        wanted={"active": True},
        before=before,
        after="active",
        why=why,
        controls=controls,
    )


def stopping(name: str, before: str, why: str, controls: tuple[str, ...]) -> Step:
    """Return the step that stops a unit."""
    return Step(
        subject=ActiveUnit(name),
        wanted={"active": False},
        before=before,
        after="inactive",
        why=why,
        controls=controls,
    )
