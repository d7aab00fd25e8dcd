# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages that a server needs, and packages that it must not have. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.base import Image
from ..._change.subjects.files import File
from ..._change.subjects.packages import AUTO_MARKS, Packages, can_archive, installed, present, simulate
from ..._change.subjects.trees import Tree
from ..._errors import ClinicalError
from ..._host.door import Host
from .. import in_use
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable

NONE: Image = {"packages": {}}


@dataclass(frozen=True)
class State:
    """Installed versions, what one transaction for all wishes would do, and why some wishes cannot be met.

    ``stops`` are the units that go down with what is removed.
    """

    versions: Mapping[str, str | None] = field(default_factory=dict)
    before: Image = field(default_factory=lambda: NONE)
    after: Image = field(default_factory=lambda: NONE)
    refused: Mapping[str, str] = field(default_factory=dict)
    stops: tuple[str, ...] = ()


class Package(Kind):
    name = "package"
    SETTINGS = {
        "name": Setting("str", pattern=r"^[a-z0-9][a-z0-9.+-]+$"),
        "state": Setting("str", required=False, choices=("present", "absent"), default="present"),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"package {settings['name']}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        if host.which("dpkg-query") is None:
            return _judged_only(host, controls)
        versions = installed(host, [c.settings["name"] for c in controls])
        wishes = {c.settings["name"]: _absent(c) for c in controls if bool(versions[c.settings["name"]]) == _absent(c)}
        used = _used(host, [c for c in controls if wishes.get(c.settings["name"])], allow_stop)
        wishes = {name: absent for name, absent in wishes.items() if name not in used}
        planned = _all_together(host, wishes, versions, allow_stop)
        refused = {} if planned else dict(_refusals(host, wishes, versions, allow_stop))
        before, after = planned or _transaction(host, {n: absent for n, absent in wishes.items() if n not in refused})
        gone = [name for name, version in after["packages"].items() if version is None]
        stops = [unit for name in gone for unit in in_use.units_of_package(host, name)[1]]
        return State(versions, before, after, {**used, **refused}, tuple(dict.fromkeys(stops)))

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        return KindPlan(tuple(_assess(c, state) for c in controls), _groups(controls, state))


def _judged_only(host: Host, controls: Sequence[Control]) -> State:
    """On a host of rpm packages are looked at and never changed. One that has neither knows no packages."""
    if host.which("rpm") is None:
        return State()
    there = present(host, [control.settings["name"] for control in controls])
    wrong = [c.settings["name"] for c in controls if (c.settings["name"] in there) == _absent(c)]
    versions = {c.settings["name"]: "installed" if c.settings["name"] in there else None for c in controls}
    return State(versions, refused=dict.fromkeys(wrong, "packages are changed with apt only; do it with dnf"))


def _absent(control: Control) -> bool:
    return bool(control.settings.get("state") == "absent")


def _used(host: Host, leaving: Sequence[Control], allow_stop: frozenset[str]) -> dict[str, str]:
    """What is to go and is in use, with the reason why it stays."""
    found = {}
    for control in leaving:
        name = control.settings["name"]
        use = "" if in_use.consented(allow_stop, name, control.id) else in_use.of_package(host, name, allow_stop)
        if use:
            found[name] = f"{use}; to have it removed, list {name} in hardening_allow_stop"
    return found


def _transaction(host: Host, wishes: Mapping[str, bool]) -> tuple[Image, Image]:
    if not wishes:
        return NONE, NONE
    return simulate(host, [n for n, absent in wishes.items() if not absent], [n for n, a in wishes.items() if a])


def _all_together(
    host: Host, wishes: Mapping[str, bool], versions: Mapping[str, str | None], allow_stop: frozenset[str]
) -> tuple[Image, Image] | None:
    """The one transaction for all wishes, or None where some of them cannot be met."""
    try:
        before, after = _transaction(host, wishes)
    except ClinicalError:
        return None
    leaving = {name: versions[name] or "" for name, absent in wishes.items() if absent}
    return None if _along(after, wishes, allow_stop) or not can_archive(host, leaving) else (before, after)


def _along(after: Image, wishes: Mapping[str, bool], allow_stop: frozenset[str]) -> list[str]:
    """What apt would remove although nobody wishes that."""
    gone = [name for name, version in after["packages"].items() if version is None and not wishes.get(name, False)]
    return [name for name in gone if name not in allow_stop]


def _refusals(
    host: Host, wishes: Mapping[str, bool], versions: Mapping[str, str | None], allow_stop: frozenset[str]
) -> list[tuple[str, str]]:
    """Each wish tried alone, a second of apt's each: it may see no way, take others along, or leave no way back."""
    found = []
    for name, absent in wishes.items():
        try:
            _before, after = _transaction(host, {name: absent})
        except ClinicalError as error:
            found.append((name, error.saw))
            continue
        along = _along(after, wishes, allow_stop)
        if along:
            found.append((name, f"apt would also remove {', '.join(along)}"))
        elif absent and not can_archive(host, {name: versions[name] or ""}):
            reason = f"{name} {versions[name]} cannot be fetched, so its removal could not be undone"
            found.append((name, reason))
    return found


def _assess(control: Control, state: State) -> Assessment:
    name, wanted = control.settings["name"], "absent" if _absent(control) else "installed"
    if name not in state.versions:
        return not_applicable(control, name, wanted, "this host manages packages neither with dpkg nor with rpm")
    version = state.versions[name]
    verdict = judge((version is None) == _absent(control), version or "absent")
    reason = state.refused.get(name, "")
    after = verdict.saw if reason else _after(name, state, verdict.saw)
    return Assessment(control.id, name, wanted, verdict.saw, after, Verdicts(verdict, verdict, verdict), reason)


def _after(name: str, state: State, now: str) -> str:
    return (state.after["packages"][name] or "absent") if name in state.after["packages"] else now


def _groups(controls: Sequence[Control], state: State) -> tuple[Group, ...]:
    if not state.after["packages"]:
        return ()
    changing: Mapping[str, str | None] = state.after["packages"]
    ids = tuple(c.id for c in controls if c.settings["name"] in changing)
    before = "\n".join(f"{name} {version or 'absent'}" for name, version in state.before["packages"].items())
    after = "\n".join(f"{name} {version or 'absent'}" for name, version in changing.items())
    wanted = {**state.after, "keep": True}
    along = ("", "", "what the packages' own scripts change here is put back with them", ids)
    steps = (
        Step(Tree("/etc"), None, *along),
        Step(File(AUTO_MARKS), None, *along),
        Step(
            Packages(" ".join(sorted(changing))), wanted, before, after, "one transaction of the package manager", ids
        ),
    )
    return (Group("package", steps, stops=state.stops),)
