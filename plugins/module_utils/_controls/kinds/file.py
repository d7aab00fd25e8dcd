# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode of files that exist, and files that must not. Private to the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import ABSENT, File, Meta
from ..._errors import ClinicalError
from ..._host.door import Host, Stat
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown


@dataclass(frozen=True)
class Found:
    """One path with its names looked up. ``owner`` and ``groups`` are what the control accepts, as numbers."""

    path: str
    stat: Stat
    shown: str


@dataclass(frozen=True)
class State:
    """What each control's path (which may be a pattern) matched, and the numbers of the names it wants."""

    found: Mapping[str, tuple[Found, ...]]
    uids: Mapping[str, int | None]
    gids: Mapping[str, int | None]
    problems: Mapping[str, str]


class FileKind(Kind):
    name = "file"
    SETTINGS = {
        "path": Setting("str", pattern=r"^/"),
        "state": Setting("str", required=False, choices=("present", "absent"), default="present"),
        "mode": Setting("str", required=False, pattern=r"^[0-7]{3,4}$"),
        "owner": Setting("str", required=False),
        "group": Setting("str_or_list", required=False),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"file {settings['path']}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        found: dict[str, tuple[Found, ...]] = {}
        problems: dict[str, str] = {}
        for control in controls:
            try:
                found[control.id] = tuple(_look(host, control.settings["path"]))
            except ClinicalError as error:
                problems[control.id] = str(error)
        owners = {c.settings["owner"] for c in controls if "owner" in c.settings}
        groups = {name for c in controls for name in accepted_groups(c.settings)}
        uids = {name: host.uid(name) for name in owners}
        return State(found=found, uids=uids, gids={name: host.gid(name) for name in groups}, problems=problems)

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        steps = tuple(step for control in controls for step in _steps(control, state))
        groups = (Group("file", steps),) if steps else ()
        return KindPlan(tuple(_assess(control, state) for control in controls), groups)


def accepted_groups(settings: Mapping[str, Any]) -> tuple[str, ...]:
    group = settings.get("group", ())
    return (group,) if isinstance(group, str) else tuple(group)


def _look(host: Host, pattern: str) -> list[Found]:
    paths = host.glob(pattern) if any(c in pattern for c in "*?[") else [pattern]
    seen = ((path, host.stat(path)) for path in paths)
    return [Found(path, info, _shown(host, info)) for path, info in seen if info is not None]


def _shown(host: Host, info: Stat) -> str:
    if info.kind == "link":
        return f"a link to {info.target}"
    return f"{host.owner_name(info.uid)}:{host.group_name(info.gid)} {info.mode:04o}"


def _assess(control: Control, state: State) -> Assessment:
    settings = control.settings
    path, wanted = settings["path"], _wanted(settings)
    if control.id in state.problems:
        return unknown(control, path, wanted, state.problems[control.id])
    found = state.found[control.id]
    if settings.get("state") == "absent":
        verdict = judge(not found, ", ".join(f.path for f in found) or "absent")
        reason = "it is a directory, which is never removed" if any(f.stat.kind == "dir" for f in found) else ""
        return Assessment(
            control=control.id,
            subject=path,
            wanted=wanted,
            before=verdict.saw,
            after="absent",
            verdicts=Verdicts.same(verdict),
            reason=reason,
        )
    links = [f for f in found if f.stat.kind == "link"]
    if links:
        return unknown(control, path, wanted, f"{links[0].path} is {links[0].shown}, which is not followed")
    stranger = _unknown_name(settings, state)
    if found and stranger:
        return unknown(control, path, wanted, f"there is no {stranger} on this host")
    if not found:
        return not_applicable(control, path, wanted, "it is not on this host", "absent")
    wrong = [f for f in found if _becomes(settings, f.stat, state)]
    verdict = judge(not wrong, "; ".join(_told(f, settings, pattern=len(found) > 1) for f in wrong or found[:1]))
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=verdict.saw,
        after=wanted,
        verdicts=Verdicts.same(verdict),
    )


def _unknown_name(settings: Mapping[str, Any], state: State) -> str:
    owner, groups = settings.get("owner"), accepted_groups(settings)
    if owner is not None and state.uids[owner] is None:
        return f"user {owner}"
    return f"group {groups[0]}" if groups and all(state.gids[name] is None for name in groups) else ""


def _told(found: Found, settings: Mapping[str, Any], pattern: bool) -> str:
    return f"{found.path} {found.shown}" if pattern else found.shown


def _wanted(settings: Mapping[str, Any]) -> str:
    if settings.get("state") == "absent":
        return "absent"
    who = [settings.get("owner", ""), " or ".join(accepted_groups(settings))]
    owner = ":".join(who).strip(":")
    mode = f"{int(settings['mode'], 8):04o} or stricter" if "mode" in settings else ""
    return " ".join(part for part in (owner, mode) if part)


def _becomes(settings: Mapping[str, Any], info: Stat, state: State) -> dict[str, Any]:
    """What has to change about one file: mode bits that are too many are taken, none is ever given."""
    change: dict[str, Any] = {}
    if "mode" in settings and info.mode & ~int(settings["mode"], 8):
        change["mode"] = info.mode & int(settings["mode"], 8)
    if "owner" in settings and info.uid != state.uids[settings["owner"]]:
        change["uid"] = state.uids[settings["owner"]]
    gids = [state.gids[name] for name in accepted_groups(settings) if state.gids[name] is not None]
    if gids and info.gid not in gids:
        change["gid"] = gids[0]
    return change


def _steps(control: Control, state: State) -> list[Step]:
    found = state.found.get(control.id, ())
    if control.settings.get("state") == "absent":
        gone = [f for f in found if f.stat.kind in ("file", "link")]
        why = "it must not be on a server"
        return [
            Step(
                subject=File(f.path),
                wanted=dict(ABSENT),
                before="present",
                after="absent",
                why=why,
                controls=(control.id,),
            )
            for f in gone
        ]
    if _assess(control, state).result != "fail":
        return []
    steps = []
    for one in found:
        change = _becomes(control.settings, one.stat, state)
        if change:
            wanted, why = _wanted(control.settings), "others could read or write more than they should"
            image = {"kind": one.stat.kind, **change}
            steps.append(
                Step(
                    subject=Meta(one.path),
                    wanted=image,
                    before=one.shown,
                    after=wanted,
                    why=why,
                    controls=(control.id,),
                )
            )
    return steps
