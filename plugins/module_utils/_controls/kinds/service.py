# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that must never start, and units that must run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, link_image
from ..._change.subjects.units import Unit, has_systemd
from ..._host.door import Host, Stat
from ..._vocabulary.results import OK
from ..context import SurveyContext
from ..in_use import needed_by, use_of_unit
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable
from ..support.unit_steps import enabled_state, enabling, starting, stopping

#: The words of systemctl for units that start without being enabled by hand.
STARTED = ("enabled", "enabled-runtime", "static", "alias", "generated", "indirect")


@dataclass(frozen=True)
class State:
    """The units of the controls by name, and what lies at /etc/systemd/system under their names.

    ``uses`` says of units that may not be stopped how they are in use, ``stops`` which units go down with one that may.
    """

    booted: bool
    units: Mapping[str, Unit]
    links: Mapping[str, Stat | None]
    uses: Mapping[str, str] = field(default_factory=dict)
    stops: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class Service(Kind):
    name = "service"
    SETTINGS = {
        "unit": Setting("str", pattern=r"^[\w@.:-]+\.(service|socket|timer|target|path|mount)$"),
        "state": Setting("str", choices=("masked", "enabled")),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"unit {settings['unit']}",)

    def units(self, controls: Sequence[Control]) -> list[str]:
        return [control.settings["unit"] for control in controls]

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        names = self.units(controls)
        units = context.units(host, names)
        going = [c for c in controls if c.settings["state"] == "masked" and _changes(units.get(c.settings["unit"]))]
        allowed = {c.settings["unit"] for c in going if context.has_consent(c.settings["unit"], c.id)}
        refused = [c.settings["unit"] for c in going if c.settings["unit"] not in allowed]
        uses = {name: use_of_unit(host, units[name], context) for name in refused}
        return State(
            booted=has_systemd(host),
            units=units,
            links={name: host.stat(mask_path(name)) for name in names},
            uses={name: use for name, use in uses.items() if use is not None},
            stops={name: (name, *needed_by(host, name)) for name in sorted(allowed) if units[name].running},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


def _changes(unit: Unit | None) -> bool:
    """Return whether masking would change anything about a unit."""
    return unit is not None and unit.exists and (unit.running or not unit.masked)


def mask_path(unit: str) -> str:
    """Return the path at which a link to /dev/null keeps a unit from ever starting."""
    return f"/etc/systemd/system/{unit}"


def _assess(control: Control, state: State) -> Assessment:
    name, wanted = control.settings["unit"], control.settings["state"]
    if not state.booted:
        return not_applicable(control, name, wanted, "systemd is not the init of this host")
    unit = state.units[name]
    if not unit.exists and control.awaits and wanted == "enabled":
        return _assess_awaited(control)
    if not unit.exists:
        return not_applicable(control, name, wanted, "there is no such unit on this host", "absent")
    before = f"{'masked' if unit.masked else unit.enabled or unit.loaded}, {unit.active}"
    masked = wanted == "masked"
    running = judge(unit.running != masked, unit.active)
    disk = judge(unit.masked if masked else unit.enabled in STARTED, "masked" if unit.masked else unit.enabled)
    fine = running.state == disk.state == OK
    blocked = None if fine else _blocker(control, state)
    return Assessment(
        control=control.id,
        subject=name,
        wanted=wanted,
        before=before,
        after=before if fine or blocked else wanted,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _assess_awaited(control: Control) -> Assessment:
    """Return the assessment of a unit that a package of this same run brings."""
    return Assessment(
        control=control.id,
        subject=control.settings["unit"],
        wanted=control.settings["state"],
        before="absent",
        after=control.settings["state"],
        verdicts=Verdicts.same(judge(False, "absent")),
    )


def _blocker(control: Control, state: State) -> Blocked | None:
    """Return why a unit that deviates is left as it is, None where it can be changed."""
    name, unit = control.settings["unit"], state.units[control.settings["unit"]]
    if control.settings["state"] == "enabled":
        if unit.masked:
            return Blocked("somebody masked it on purpose; unmask it if it is to run")
        return None
    if name in state.uses:
        return Blocked(f"{state.uses[name]}; to have it stopped, list {name} in hardening_allow_stop")
    link = state.links[name]
    if link is not None and link.target != "/dev/null":
        return Blocked(f"{mask_path(name)} is somebody's own unit file, which is not replaced")
    return None


def _group(control: Control, state: State) -> Group:
    if control.settings["state"] == "masked":
        return _masking(control, state)
    return _enabling(control, state)


def _masking(control: Control, state: State) -> Group:
    """Return the group that stops a unit and keeps it from starting."""
    name, unit = control.settings["unit"], state.units[control.settings["unit"]]
    steps: list[Step] = []
    if unit.running:
        steps.append(stopping(name, unit.active, "its stop was allowed", (control.id,)))
    mask = Step(
        subject=File(mask_path(name)),
        wanted=link_image("/dev/null"),
        before=unit.enabled or unit.loaded,
        after="masked",
        why="a masked unit is never started",
        controls=(control.id,),
    )
    return Group(
        name=f"service {name}",
        steps=(*steps, mask),
        effects=(Effect("daemon-reload"),),
        stops=state.stops.get(name, ()),
    )


def _enabling(control: Control, state: State) -> Group:
    """Return the group that starts a unit, now and at each boot."""
    name, unit = control.settings["unit"], state.units[control.settings["unit"]]
    steps: list[Step] = []
    if unit.enabled not in STARTED:
        steps += enabling(name, enabled_state(unit), "it starts at each boot", (control.id,))
    if not unit.running:
        steps.append(starting(name, unit.active, "it is needed now", (control.id,)))
    return Group(f"service {name}", tuple(steps))
