# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""AppArmor: whether the kernel confines programs, and which of their profiles only complain.

A profile that complains is told, never switched to enforcing: somebody left it so because the program broke otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.units import Unit, has_systemd
from ..._host.door import Host
from ..._vocabulary.results import NOTAPPLICABLE, OK
from ..context import SurveyContext
from ..model import (
    Assessment,
    Blocked,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    judge,
    not_applicable,
    unknown,
)
from ..support.unit_steps import active_state, enabled_state, enabling, existing, starting

UNIT = "apparmor.service"
LOADED = "/sys/kernel/security/apparmor/profiles"
ENABLED = "/sys/module/apparmor/parameters/enabled"
_PROFILE = re.compile(r"^(?P<name>.+) \((?P<mode>[a-z]+)\)$", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """The kernel's switch for AppArmor, its profiles with their modes, and the unit that loads them.

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

    def units(self, controls: Sequence[Control]) -> Sequence[str]:
        if controls:
            return [UNIT]
        return ()

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        profiles = host.read(LOADED)
        return State(
            booted=has_systemd(host),
            in_container=context.in_container,
            in_kernel=host.read_text(ENABLED).strip() == "Y",
            modes=None if profiles is None else parse_profiles(profiles.decode("utf-8", "replace")),
            unit=context.units(host, [UNIT]).get(UNIT),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


def parse_profiles(text: str) -> dict[str, str]:
    """Return the modes of the kernel's list by profile: ``name (mode)``; a name may hold blanks and parentheses."""
    return {match["name"]: match["mode"] for match in _PROFILE.finditer(text)}


def _assess(control: Control, state: State) -> Assessment:
    wanted = control.settings["state"]
    if state.in_container:
        return not_applicable(control, "apparmor", wanted, "a container is confined by its machine")
    if not state.booted:
        return not_applicable(control, "apparmor", wanted, "systemd is not the init of this host")
    if wanted == "enforcing":
        return _enforcing(control, state)
    return _enabled(control, state)


def _enabled(control: Control, state: State) -> Assessment:
    unit = existing(state.unit)
    if unit is None and not control.awaits:
        return not_applicable(control, "apparmor", "enabled", "its tools are not installed")
    at_boot = unit.enabled if unit else "absent"
    disk = judge(at_boot == "enabled", f"{UNIT} {at_boot}")
    running = _running(state)
    fine = running.state == disk.state == OK
    before = "enabled" if fine else f"{at_boot}, {running.observed}"
    blocked = _blocker(state)
    return Assessment(
        control=control.id,
        subject="apparmor",
        wanted="enabled",
        before=before,
        after=before if fine or blocked else "enabled",
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _running(state: State) -> Verdict:
    if not state.in_kernel:
        return judge(False, "the kernel runs without it")
    if state.unit is None:
        return judge(False, f"{UNIT} absent")
    return judge(state.unit.exists and state.unit.running, f"{UNIT} {state.unit.active}")


def _blocker(state: State) -> Blocked | None:
    """Return why AppArmor cannot be switched on by a unit, None where it can."""
    if not state.in_kernel:
        return Blocked("the kernel was started without AppArmor; see its boot arguments (apparmor=1 security=apparmor)")
    if state.unit is not None and state.unit.masked:
        return Blocked("somebody masked it on purpose; unmask it if it is to run")
    return None


def _enforcing(control: Control, state: State) -> Assessment:
    """Judge the modes of the profiles, which only people change."""
    subject = "apparmor profiles"
    if not state.in_kernel:
        return not_applicable(control, subject, "enforcing", "the kernel runs without AppArmor")
    if state.modes is None:
        return unknown(control, subject, "enforcing", f"{LOADED} cannot be read")
    lax = sorted(name for name, mode in state.modes.items() if mode not in ("enforce", "kill"))
    verdict = judge(
        not lax and bool(state.modes), f"{len(state.modes)} profiles, not enforcing: {', '.join(lax) or 'none'}"
    )
    blocked = None
    if lax:
        blocked = Blocked(f"only complaining: {', '.join(lax)}; read what they log, then aa-enforce them one by one")
    elif not state.modes:
        blocked = Blocked(f"no profile is loaded; see: systemctl status {UNIT}")
    on_disk = Verdict(NOTAPPLICABLE, "the kernel tells")
    return Assessment(
        control=control.id,
        subject=subject,
        wanted="enforcing",
        before=verdict.observed,
        after=verdict.observed,
        verdicts=Verdicts(running=verdict, on_disk=on_disk, survives_reboot=verdict),
        blocked=blocked,
    )


def _group(control: Control, state: State) -> Group:
    """Return the group that enables the unit which loads the profiles, and starts it."""
    unit, steps = existing(state.unit), list[Step]()
    if unit is None or unit.enabled != "enabled":
        steps += enabling(UNIT, enabled_state(unit), "it loads the profiles at boot", (control.id,))
    if unit is None or not unit.running:
        steps.append(starting(UNIT, active_state(unit), "it loads the profiles now", (control.id,)))
    return Group("apparmor", tuple(steps))
