# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that a server needs, and packages that it must not have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.package_group import package_group
from ..._change.steps import Group
from ..._change.subjects.base import Image
from ..._change.subjects.packages import (
    broken,
    can_archive,
    installed,
    present,
    simulate,
)
from ..._errors import ClinicalError
from ..._host.door import Host
from ..context import SurveyContext
from ..in_use import units_of_package, use_of_package
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown

_TRY = "Look at dpkg --audit; dpkg --configure -a may end it."
NONE: Image = {"packages": {}}


@dataclass(frozen=True)
class State:
    """Installed versions by package, and the packages before and after one transaction for all that is wanted.

    ``refused`` says of packages why what is wanted of them cannot be done; ``stops`` are the units that go down with
    what is removed. ``unfinished`` is the status of those that dpkg began with and did not end; ``broken`` says which
    of all packages stand in the way of any transaction.
    """

    versions: Mapping[str, str | None] = field(default_factory=dict)
    before: Image = field(default_factory=lambda: NONE)
    after: Image = field(default_factory=lambda: NONE)
    refused: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()
    unfinished: Mapping[str, str] = field(default_factory=dict)
    broken: tuple[str, ...] = ()


class Package(Kind):
    name = "package"
    SETTINGS = {
        "name": Setting("str", pattern=r"^[a-z0-9][a-z0-9.+-]+$"),
        "state": Setting("str", required=False, choices=("present", "absent"), default="present"),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"package {settings['name']}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        if host.which("dpkg-query") is None:
            return _judged_only(host, controls)
        versions, unfinished = installed(host, [control.settings["name"] for control in controls], context.packages)
        deviating = [c for c in controls if bool(versions[c.settings["name"]]) == _absent(c)]
        # Nothing is asked of all packages where nothing has to change.
        obstacles = broken(host) if deviating or unfinished else ()
        if obstacles:
            return State(versions=versions, unfinished=unfinished, broken=obstacles)
        in_use = _in_use(host, [control for control in deviating if _absent(control)], context)
        wanted = {c.settings["name"]: _absent(c) for c in deviating if c.settings["name"] not in in_use}
        images = _transaction_for_all(host, wanted, versions, context)
        refused: dict[str, str] = {}
        if images is None:
            refused = _refusals(host, wanted, versions, context)
            images = _transaction(host, {name: absent for name, absent in wanted.items() if name not in refused})
        before, after = images
        removed = [name for name, version in after["packages"].items() if version is None]
        stops = [unit for name in removed for unit in units_of_package(host, name, context)[1]]
        return State(
            versions=versions,
            before=before,
            after=after,
            refused={**in_use, **refused},
            stops=tuple(dict.fromkeys(stops)),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        return KindPlan(tuple(_assess(c, state) for c in controls), _groups(controls, state))


def _judged_only(host: Host, controls: Sequence[Control]) -> State:
    """Return the state of a host of rpm, whose packages are never changed. One that has neither knows no packages."""
    if host.which("rpm") is None:
        return State()
    names = present(host, [control.settings["name"] for control in controls])
    deviating = [c.settings["name"] for c in controls if (c.settings["name"] in names) == _absent(c)]
    versions = {c.settings["name"]: "installed" if c.settings["name"] in names else None for c in controls}
    return State(versions, refused=dict.fromkeys(deviating, "packages are changed with apt only; do it with dnf"))


def _absent(control: Control) -> bool:
    return bool(control.settings.get("state") == "absent")


def _in_use(host: Host, leaving: Sequence[Control], context: SurveyContext) -> dict[str, str]:
    """Return, by package, why what is to go and is in use stays."""
    reasons = {}
    for control in leaving:
        name = control.settings["name"]
        use = None if context.has_consent(name, control.id) else use_of_package(host, name, context)
        if use:
            reasons[name] = f"{use}; to have it removed, list {name} in hardening_allow_stop"
    return reasons


def _transaction(host: Host, wanted: Mapping[str, bool]) -> tuple[Image, Image]:
    """Return the packages before and after one transaction. ``wanted`` says of each package whether it is to go.

    Raises ClinicalError where apt sees no way.
    """
    if not wanted:
        return NONE, NONE
    coming = [name for name, absent in wanted.items() if not absent]
    return simulate(host, coming, [name for name, absent in wanted.items() if absent])


def _transaction_for_all(
    host: Host, wanted: Mapping[str, bool], versions: Mapping[str, str | None], context: SurveyContext
) -> tuple[Image, Image] | None:
    """Return the packages before and after one transaction for all, None where some of it cannot be done."""
    try:
        before, after = _transaction(host, wanted)
    except ClinicalError:
        return None
    leaving = {name: versions[name] or "" for name, absent in wanted.items() if absent}
    if _removed_along(after, wanted, context) or not can_archive(host, leaving):
        return None
    return before, after


def _removed_along(after: Image, wanted: Mapping[str, bool], context: SurveyContext) -> list[str]:
    """Return what apt would remove although nobody wants that."""
    removed = [name for name, version in after["packages"].items() if version is None and not wanted.get(name, False)]
    return [name for name in removed if not context.has_consent(name)]


def _refusals(
    host: Host, wanted: Mapping[str, bool], versions: Mapping[str, str | None], context: SurveyContext
) -> dict[str, str]:
    """Return why packages are refused. Each is tried alone, which takes apt about a second."""
    reasons = {name: _refusal(host, name, wanted, versions[name], context) for name in wanted}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _refusal(
    host: Host, name: str, wanted: Mapping[str, bool], version: str | None, context: SurveyContext
) -> str | None:
    """Return why one package is refused: apt sees no way, would take others along, or leaves no way back."""
    try:
        _before, after = _transaction(host, {name: wanted[name]})
    except ClinicalError as error:
        return error.saw
    along = _removed_along(after, wanted, context)
    if along:
        return f"apt would also remove {', '.join(along)}"
    if wanted[name] and not can_archive(host, {name: version or ""}):
        return f"{name} {version} cannot be fetched, so its removal could not be undone"
    return None


def _assess(control: Control, state: State) -> Assessment:
    name, wanted = control.settings["name"], "absent" if _absent(control) else "installed"
    if name not in state.versions:
        return not_applicable(control, name, wanted, "this host manages packages neither with dpkg nor with rpm")
    version = state.versions[name]
    if name in state.unfinished:
        return unknown(control, name, wanted, f"{name} is {state.unfinished[name]}: dpkg did not end with it. {_TRY}")
    verdict = judge((version is None) == _absent(control), version or "absent")
    if state.broken and (version is None) != _absent(control):
        return unknown(control, name, wanted, f"no package can come or go: {'; '.join(state.broken)}. {_TRY}")
    blocked = Blocked(state.refused[name]) if name in state.refused else None
    return Assessment(
        control=control.id,
        subject=name,
        wanted=wanted,
        before=verdict.observed,
        after=verdict.observed if blocked else _after(name, state, verdict.observed),
        verdicts=Verdicts.same(verdict),
        blocked=blocked,
    )


def _after(name: str, state: State, now: str) -> str:
    versions: Mapping[str, str | None] = state.after["packages"]
    return (versions[name] or "absent") if name in versions else now


def _groups(controls: Sequence[Control], state: State) -> tuple[Group, ...]:
    """Return the one transaction for all controls that need one."""
    versions: Mapping[str, str | None] = state.after["packages"]
    if not versions:
        return ()
    ids = tuple(control.id for control in controls if control.settings["name"] in versions)
    return (package_group(state.before, state.after, ids, state.stops),)
