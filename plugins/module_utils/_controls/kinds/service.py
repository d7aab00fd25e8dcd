# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units that must never start, and units that must run. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, link_image
from ..._change.subjects.trees import Tree
from ..._change.subjects.units import ENABLING_FOLDERS, ActiveUnit, EnabledUnit, Unit, has_systemd, show
from ..._host.door import Host, Stat
from .. import in_use
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable

#: What systemctl says of units that start without being enabled by hand.
STARTED = ("enabled", "enabled-runtime", "static", "alias", "generated", "indirect")


@dataclass(frozen=True)
class State:
    """The units asked for, and what lies at /etc/systemd/system under their names.

    ``uses`` says of what may not be stopped how it is in use, ``stops`` which units go down with one that may be.
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

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        names = [c.settings["unit"] for c in controls]
        units = show(host, names)
        going = [c for c in controls if c.settings["state"] == "masked" and _goes(units.get(c.settings["unit"]))]
        free = [c for c in going if in_use.consented(allow_stop, c.settings["unit"], c.id)]
        return State(
            booted=has_systemd(host),
            units=units,
            links={n: host.stat(mask_path(n)) for n in names},
            uses={c.settings["unit"]: in_use.of_unit(host, units[c.settings["unit"]]) for c in going if c not in free},
            stops={n: (n, *in_use.needed_by(host, n)) for n in (c.settings["unit"] for c in free) if units[n].running},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        groups = [group for control in controls for group in _groups(control, state)]
        return KindPlan(tuple(_assess(control, state) for control in controls), tuple(groups))


def _goes(unit: Unit | None) -> bool:
    """Whether masking would change anything about it."""
    return unit is not None and unit.exists and (unit.running or not unit.masked)


def mask_path(unit: str) -> str:
    """Where a link to /dev/null keeps a unit from ever starting."""
    return f"/etc/systemd/system/{unit}"


def _assess(control: Control, state: State) -> Assessment:
    name, wanted = control.settings["unit"], control.settings["state"]
    if not state.booted:
        return not_applicable(control, name, wanted, "systemd is not the init of this host")
    unit = state.units[name]
    if not unit.exists and control.awaits and wanted == "enabled":
        verdict = judge(False, "absent")
        return Assessment(
            control=control.id,
            subject=name,
            wanted=wanted,
            before="absent",
            after=wanted,
            verdicts=Verdicts.same(verdict),
        )
    if not unit.exists:
        return not_applicable(control, name, wanted, "there is no such unit on this host", "absent")
    seen = f"{'masked' if unit.masked else unit.enabled or unit.loaded}, {unit.active}"
    masked = wanted == "masked"
    running = judge(unit.running != masked, unit.active)
    disk = judge(unit.masked if masked else unit.enabled in STARTED, "masked" if unit.masked else unit.enabled)
    reason = _hindrance(control, state) if not (running.state == disk.state == "ok") else ""
    after = seen if reason or running.state == disk.state == "ok" else wanted
    return Assessment(
        control=control.id,
        subject=name,
        wanted=wanted,
        before=seen,
        after=after,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _hindrance(control: Control, state: State) -> str:
    """Why this unit is left as it is, or nothing."""
    name, unit = control.settings["unit"], state.units[control.settings["unit"]]
    if control.settings["state"] == "enabled":
        return "somebody masked it on purpose; unmask it if it is to run" if unit.masked else ""
    if state.uses.get(name):
        return f"{state.uses[name]}; to have it stopped, list {name} in hardening_allow_stop"
    link = state.links[name]
    if link is not None and link.target != "/dev/null":
        return f"{mask_path(name)} is somebody's own unit file, which is not replaced"
    return ""


def _groups(control: Control, state: State) -> tuple[Group, ...]:
    if _assess(control, state).result != "fail" or _hindrance(control, state):
        return ()
    name, ids, unit = control.settings["unit"], (control.id,), state.units[control.settings["unit"]]
    steps: list[Step] = []
    if control.settings["state"] == "masked":
        if unit.running:
            steps.append(
                Step(
                    subject=ActiveUnit(name),
                    wanted={"active": False},
                    before=unit.active,
                    after="inactive",
                    why="its stop was allowed",
                    controls=ids,
                )
            )
        steps.append(
            Step(
                subject=File(mask_path(name)),
                wanted=link_image("/dev/null"),
                before=unit.enabled or unit.loaded,
                after="masked",
                why="a masked unit is never started",
                controls=ids,
            )
        )
        effects = (Effect("daemon-reload"),)
        return (Group(name=f"service {name}", steps=tuple(steps), effects=effects, stops=state.stops.get(name, ())),)
    if unit.enabled not in STARTED:
        steps.append(
            Step(
                subject=Tree(ENABLING_FOLDERS),
                wanted=None,
                before="",
                after="",
                why="the links that enabling lays",
                controls=ids,
            )
        )
        steps.append(
            Step(
                subject=EnabledUnit(name),
                wanted={"enabled": True},
                before=unit.enabled or "absent",
                after="enabled",
                why="it starts at each boot",
                controls=ids,
            )
        )
    if not unit.running:
        steps.append(
            Step(
                subject=ActiveUnit(name),
                wanted={"active": True},
                before=unit.active,
                after="active",
                why="it is needed now",
                controls=ids,
            )
        )
    return (Group(f"service {name}", tuple(steps)),)
