# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor: whether the kernel confines programs, and which of their profiles only complain. Private to the collection.

A profile that complains is told, never switched to enforcing: somebody left it so because the program broke otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.trees import Tree
from ..._change.subjects.units import ENABLING_FOLDERS, ActiveUnit, EnabledUnit, Unit, has_systemd, show
from ..._host.door import Host
from ..._host.facts import container
from ..._vocabulary.results import NOTAPPLICABLE
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable, unknown

UNIT = "apparmor.service"
LOADED = "/sys/kernel/security/apparmor/profiles"
ENABLED = "/sys/module/apparmor/parameters/enabled"
_PROFILE = re.compile(r"^(?P<name>.+) \((?P<mode>[a-z]+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """Whether the kernel has AppArmor switched on, its profiles with their modes, and the unit that loads them.

    ``modes`` is None where the kernel's list cannot be read.
    """

    booted: bool
    in_container: bool
    in_kernel: bool
    modes: Mapping[str, str] | None
    unit: Unit | None


class AppArmor(Kind):
    name = "apparmor"
    SETTINGS = {"state": Setting("str", choices=("enabled", "enforcing"))}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"apparmor {settings['state']}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        listed = host.read(LOADED)
        return State(
            booted=has_systemd(host),
            in_container=bool(container(host)),
            in_kernel=(host.read(ENABLED) or b"").strip() == b"Y",
            modes=None if listed is None else parse_profiles(listed.decode("utf-8", "replace")),
            unit=show(host, [UNIT]).get(UNIT),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


def parse_profiles(text: str) -> dict[str, str]:
    """The kernel's list: ``name (mode)``, where a name may hold blanks and parentheses of its own."""
    return {match["name"]: match["mode"] for match in _PROFILE.finditer(text)}


def _assess(control: Control, state: State) -> Assessment:
    wanted = control.settings["state"]
    if state.in_container:
        return not_applicable(control, "apparmor", wanted, "a container is confined by its machine")
    if not state.booted:
        return not_applicable(control, "apparmor", wanted, "systemd is not the init of this host")
    return _enforcing(control, state) if wanted == "enforcing" else _enabled(control, state)


def _enabled(control: Control, state: State) -> Assessment:
    unit = state.unit
    if (unit is None or not unit.exists) and not control.awaits:
        return not_applicable(control, "apparmor", "enabled", "its tools are not installed")
    at_boot = unit.enabled if unit is not None and unit.exists else "absent"
    disk = judge(at_boot == "enabled", f"{UNIT} {at_boot}")
    if state.in_kernel:
        running = judge(unit is not None and unit.running, f"{UNIT} {unit.active if unit else 'absent'}")
    else:
        running = judge(False, "the kernel runs without it")
    fine = running.state == disk.state == "ok"
    reason = ""
    if not state.in_kernel:
        reason = "the kernel was started without AppArmor; see its boot arguments (apparmor=1 security=apparmor)"
    elif unit is not None and unit.masked:
        reason = "somebody masked it on purpose; unmask it if it is to run"
    before = "enabled" if fine else f"{at_boot}, {running.saw}"
    after = before if fine or reason else "enabled"
    return Assessment(
        control=control.id,
        subject="apparmor",
        wanted="enabled",
        before=before,
        after=after,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _enforcing(control: Control, state: State) -> Assessment:
    if not state.in_kernel:
        return not_applicable(control, "apparmor profiles", "enforcing", "the kernel runs without AppArmor")
    if state.modes is None:
        return unknown(control, "apparmor profiles", "enforcing", f"{LOADED} cannot be read")
    lax = sorted(name for name, mode in state.modes.items() if mode not in ("enforce", "kill"))
    told = f"{len(state.modes)} profiles, not enforcing: {', '.join(lax) or 'none'}"
    verdict = judge(not lax and bool(state.modes), told)
    reason = ""
    if lax:
        reason = f"only complaining: {', '.join(lax)}; read what they log, then aa-enforce them one by one"
    elif not state.modes:
        reason = f"no profile is loaded; see: systemctl status {UNIT}"
    return Assessment(
        control=control.id,
        subject="apparmor profiles",
        wanted="enforcing",
        before=told,
        after=told,
        verdicts=Verdicts(running=verdict, on_disk=Verdict(NOTAPPLICABLE, "the kernel tells"), survives_reboot=verdict),
        reason=reason,
    )


def _group(control: Control, state: State) -> Group:
    ids, unit = (control.id,), state.unit
    was = unit.enabled if unit is not None and unit.exists else "absent"
    active = unit.active if unit is not None and unit.exists else "absent"
    steps = []
    if was != "enabled":
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
                subject=EnabledUnit(UNIT),
                wanted={"enabled": True},
                before=was,
                after="enabled",
                why="it loads the profiles at boot",
                controls=ids,
            )
        )
    if unit is None or not unit.running:
        steps.append(
            Step(
                subject=ActiveUnit(UNIT),
                wanted={"active": True},
                before=active,
                after="active",
                why="it loads the profiles now",
                controls=ids,
            )
        )
    return Group("apparmor", tuple(steps))
