# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group and mode of files that exist, and files that must not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import ABSENT, File, Meta
from ..._errors import ClinicalError
from ..._host.door import Host, Stat
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.readers import readers_by_group


@dataclass(frozen=True)
class MatchedPath:
    """One path that a control is about; ``shown`` is its owner, group and mode as people read them."""

    path: str
    stat: Stat
    shown: str


@dataclass(frozen=True)
class State:
    """The paths that each control's path (which may be a pattern) matched, and the numbers of the names it wants.

    A name without a number is not on this host. ``problems`` says by control why a path could not be read, ``readers``
    who reads it by its group though the control wants another.
    """

    matched: Mapping[str, tuple[MatchedPath, ...]]
    uids: Mapping[str, int | None]
    gids: Mapping[str, int | None]
    problems: Mapping[str, str]
    readers: Mapping[str, str]


class FileKind(Kind):
    name = "file"
    SETTINGS = {
        "path": Setting("str", pattern=r"^/"),
        "state": Setting("str", required=False, choices=("present", "absent"), default="present"),
        "mode": Setting("str", required=False, pattern=r"^[0-7]{3,4}$"),
        "owner": Setting("str", required=False),
        "group": Setting("str_or_list", required=False),
        "readers": Setting("bool", required=False, default=False),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"file {settings['path']}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        matched: dict[str, tuple[MatchedPath, ...]] = {}
        problems: dict[str, str] = {}
        for control in controls:
            try:
                matched[control.id] = tuple(_matched(host, control.settings["path"]))
            except ClinicalError as error:
                problems[control.id] = str(error)
        owners = {c.settings["owner"] for c in controls if "owner" in c.settings}
        groups = {name for c in controls for name in accepted_groups(c.settings)}
        gids = {name: host.gid(name) for name in groups}
        careful = [c for c in controls if c.settings.get("readers") and not context.has_consent(c.id)]
        readers = {c.id: _readers(host, c.settings, matched.get(c.id, ()), gids) for c in careful}
        return State(
            matched=matched,
            uids={name: host.uid(name) for name in owners},
            gids=gids,
            problems=problems,
            readers={control: who for control, who in readers.items() if who},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = [_assess(control, state) for control in controls]
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        steps = tuple(step for control in failing for step in _steps(control, state))
        return KindPlan.of(assessments, [Group("file", steps)])


def accepted_groups(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the groups that a control accepts, the preferred one first; empty where it names none."""
    group = settings.get("group", ())
    return (group,) if isinstance(group, str) else tuple(group)


def _matched(host: Host, pattern: str) -> list[MatchedPath]:
    paths = host.glob(pattern) if any(c in pattern for c in "*?[") else [pattern]
    stats = ((path, host.stat(path)) for path in paths)
    return [MatchedPath(path, info, _shown(host, info)) for path, info in stats if info is not None]


def _readers(
    host: Host, settings: Mapping[str, Any], matched: Sequence[MatchedPath], gids: Mapping[str, int | None]
) -> str:
    """Return who reads the paths by a group that the control does not accept, in words; empty where nobody does."""
    accepted = {gids[name] for name in accepted_groups(settings)}
    by_group = {match.stat.gid for match in matched if match.stat.mode & 0o040} - accepted - {0}
    if by_group:
        return readers_by_group(host, by_group)
    return ""


def _shown(host: Host, info: Stat) -> str:
    if info.kind == "link":
        return f"a link to {info.target}"
    return f"{host.owner_name(info.uid)}:{host.group_name(info.gid)} {info.mode:04o}"


def _assess(control: Control, state: State) -> Assessment:
    path, wanted = control.settings["path"], _wanted(control.settings)
    if control.id in state.problems:
        return unknown(control, path, wanted, state.problems[control.id])
    matched = state.matched[control.id]
    if _must_be_absent(control):
        return _assess_absence(control, matched)
    links = [match for match in matched if match.stat.kind == "link"]
    if links:
        return unknown(control, path, wanted, f"{links[0].path} is {links[0].shown}, which is not followed")
    missing = _missing_name(control.settings, state)
    if matched and missing:
        return unknown(control, path, wanted, f"there is no {missing} on this host")
    if not matched:
        return not_applicable(control, path, wanted, "it is not on this host", "absent")
    deviating = [match for match in matched if _becomes(control.settings, match.stat, state)]
    shown = [f"{m.path} {m.shown}" if len(matched) > 1 else m.shown for m in deviating or matched[:1]]
    verdict = judge(not deviating, "; ".join(shown))
    readers = state.readers.get(control.id)
    blocked = None
    if deviating and readers:
        blocked = Blocked(f"read by {readers}; to have that ended, list {control.id} in hardening_allow_stop")
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=verdict.observed,
        after=verdict.observed if blocked else wanted,
        verdicts=Verdicts.same(verdict),
        blocked=blocked,
    )


def _assess_absence(control: Control, matched: Sequence[MatchedPath]) -> Assessment:
    verdict = judge(not matched, ", ".join(match.path for match in matched) or "absent")
    has_folder = any(match.stat.kind == "dir" for match in matched)
    return Assessment(
        control=control.id,
        subject=control.settings["path"],
        wanted="absent",
        before=verdict.observed,
        after="absent",
        verdicts=Verdicts.same(verdict),
        remark="it is a directory, which is never removed" if has_folder else "",
    )


def _must_be_absent(control: Control) -> bool:
    return bool(control.settings.get("state") == "absent")


def _missing_name(settings: Mapping[str, Any], state: State) -> str | None:
    """Return the account or group that a control wants and the host has not, None where it has them."""
    owner, groups = settings.get("owner"), accepted_groups(settings)
    if owner is not None and state.uids[owner] is None:
        return f"user {owner}"
    if groups and all(state.gids[name] is None for name in groups):
        return f"group {groups[0]}"
    return None


def _wanted(settings: Mapping[str, Any]) -> str:
    if settings.get("state") == "absent":
        return "absent"
    names = [settings.get("owner", ""), " or ".join(accepted_groups(settings))]
    owner = ":".join(names).strip(":")
    mode = f"{int(settings['mode'], 8):04o} or stricter" if "mode" in settings else ""
    return " ".join(part for part in (owner, mode) if part)


def _becomes(settings: Mapping[str, Any], info: Stat, state: State) -> dict[str, Any]:
    """Return what has to change about one file: mode bits that are too many are taken, none is ever given."""
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
    """Return the steps for a control that fails; a directory that should not be there is left to people."""
    matched = state.matched[control.id]
    if _must_be_absent(control):
        return [_removal(control, match) for match in matched if match.stat.kind in ("file", "link")]
    changes = [(match, _becomes(control.settings, match.stat, state)) for match in matched]
    return [_narrowing(control, match, change) for match, change in changes if change]


def _removal(control: Control, match: MatchedPath) -> Step:
    return Step(
        subject=File(match.path),
        wanted=dict(ABSENT),
        before="present",
        after="absent",
        why="it must not be on a server",
        controls=(control.id,),
    )


def _narrowing(control: Control, match: MatchedPath, change: Mapping[str, Any]) -> Step:
    return Step(
        subject=Meta(match.path),
        wanted={"kind": match.stat.kind, **change},
        before=match.shown,
        after=_wanted(control.settings),
        why="others could read or write more than they should",
        controls=(control.id,),
    )
