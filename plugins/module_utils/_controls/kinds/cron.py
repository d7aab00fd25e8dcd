# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may plan jobs with cron and at: a list of names instead of everybody.

Whoever has jobs today stays on the list. A list that is there is the site's own and keeps its names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.base import Image
from ..._change.subjects.files import File, Meta, file_image, with_xattrs
from ..._host import acl
from ..._host.door import Host, Stat
from ..._host.dropin import encode
from ..._text.lines import split_lines
from ..context import SurveyContext
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown


@dataclass(frozen=True)
class Tool:
    """One program that plans jobs: its list, who may read that, and where the jobs of each account lie.

    With ``by_group`` it reads the list with no other rights than those of ``group``.
    """

    program: str
    allow: str
    group: str
    jobs: str
    by_group: bool


TOOLS = {
    "cron": Tool(
        program="crontab",
        allow="/etc/cron.allow",
        group="crontab",
        jobs="/var/spool/cron/crontabs/*",
        by_group=True,
    ),
    "at": Tool(
        program="at",
        allow="/etc/at.allow",
        group="daemon",
        jobs="/var/spool/cron/atjobs/[a-z=]*",
        by_group=False,
    ),
}


@dataclass(frozen=True)
class State:
    """For each tool that is installed: what lies at its list's place, the names in it, and who has jobs today.

    ``shown`` is owner, group and mode of the list as people read them, ``gids`` the group that may read it.
    """

    lists: Mapping[str, Stat | None]
    names: Mapping[str, tuple[str, ...]]
    in_use: Mapping[str, tuple[str, ...]]
    shown: Mapping[str, str]
    gids: Mapping[str, int]


class Cron(Kind):
    name = "cron"
    SETTINGS = {
        "tool": Setting("str", choices=tuple(TOOLS)),
        "users": Setting("list", required=False, default=()),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"file {TOOLS[settings['tool']].allow}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        here = [c.settings["tool"] for c in controls if host.which(TOOLS[c.settings["tool"]].program) is not None]
        lists = {name: host.stat(TOOLS[name].allow) for name in here}
        return State(
            lists=lists,
            names={name: _names(host, TOOLS[name].allow) for name, info in lists.items() if _is_file(info)},
            in_use={name: _with_jobs(host, TOOLS[name].jobs) for name in here},
            shown={name: _shown(host, info) for name, info in lists.items()},
            gids={name: host.gid(TOOLS[name].group) or 0 for name in here},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


def _is_file(info: Stat | None) -> bool:
    return info is not None and info.kind == "file"


def _names(host: Host, path: str) -> tuple[str, ...]:
    """Return the names in a list: a line each, as crontab and at compare them."""
    return tuple(line for line in split_lines(host.read_text(path)) if line)


def _with_jobs(host: Host, pattern: str) -> tuple[str, ...]:
    """Return the accounts that have jobs: cron names the file after the account, at lets it own the file."""
    if pattern == TOOLS["cron"].jobs:
        return tuple(posixpath.basename(path) for path in host.glob(pattern))
    owners = {info.uid for info in map(host.stat, host.glob(pattern)) if info is not None}
    return tuple(sorted(host.owner_name(uid) for uid in owners))


def _shown(host: Host, info: Stat | None) -> str:
    if info is None:
        return "absent"
    if info.kind != "file":
        return f"a {info.kind}"
    return f"{host.owner_name(info.uid)}:{host.group_name(info.gid)} {info.mode:04o}"


def _allowed(control: Control, state: State) -> tuple[str, ...]:
    """Return root, whom the site names, and whoever has jobs today."""
    tool = control.settings["tool"]
    return tuple(dict.fromkeys(("root", *control.settings.get("users", ()), *state.in_use[tool])))


def _becomes(tool: str, info: Stat, state: State) -> dict[str, int]:
    """Return what has to change about owner, group and mode of the list, as numbers; empty where nothing has."""
    change: dict[str, int] = {}
    if info.uid != 0:
        change["uid"] = 0
    if info.gid not in (0, state.gids[tool]):
        change["gid"] = 0
    if info.mode & ~0o640:
        change["mode"] = info.mode & 0o640
    return change


def _is_cut_off(tool: str, info: Stat, change: Mapping[str, int], state: State) -> bool:
    """Return whether the program itself would not be able to read the list any more."""
    return (
        TOOLS[tool].by_group and change.get("gid", info.gid) != state.gids[tool] and bool({"gid", "mode"} & set(change))
    )


def _lacking(control: Control, state: State) -> list[str]:
    """Return whom the site names and a list that is there does not."""
    named = state.names[control.settings["tool"]]
    return [name for name in control.settings.get("users", ()) if name not in named]


def _assess(control: Control, state: State) -> Assessment:
    tool = control.settings["tool"]
    path = TOOLS[tool].allow
    if tool not in state.lists:
        return not_applicable(control, path, "a list of names", f"{TOOLS[tool].program} is not on this host")
    info = state.lists[tool]
    if info is not None and info.kind != "file":
        return unknown(control, path, "a list of names", f"{path} is {state.shown[tool]}, which is not followed")
    fine = info is not None and not _becomes(tool, info, state) and not _lacking(control, state)
    before = state.shown[tool] if info is None else f"{state.shown[tool]}: {' '.join(state.names[tool])}"
    return Assessment(
        control=control.id,
        subject=path,
        wanted="a list of names, root 0640 or stricter",
        before=before,
        after=before if fine else f"root 0640: {' '.join(_planned_names(control, state))}",
        verdicts=Verdicts.same(judge(fine, before)),
    )


def _planned_names(control: Control, state: State) -> tuple[str, ...]:
    """Return the names in the list as it is to be."""
    tool = control.settings["tool"]
    if state.lists[tool] is None:
        return _allowed(control, state)
    return (*state.names[tool], *_lacking(control, state))


def _group(control: Control, state: State) -> Group:
    """Return the group that makes the list, or names whom the site names and closes it."""
    tool = control.settings["tool"]
    path, info = TOOLS[tool].allow, state.lists[tool]
    if info is None:
        return Group(f"cron {path}", (_new_list(control, state),))
    change = _becomes(tool, info, state)
    if _is_cut_off(tool, info, change, state):
        return Group(f"cron {path}", (_closed_list(control, state),))
    steps: list[Step] = []
    if _lacking(control, state):
        steps.append(_longer_list(control, state))
    if change:
        narrowing = Step(
            subject=Meta(path),
            wanted={"kind": "file", **change},
            before=state.shown[tool],
            after="root 0640 or stricter",
            why="others could change or read who may plan jobs",
            controls=(control.id,),
        )
        steps.append(narrowing)
    return Group(f"cron {path}", tuple(steps))


def _content(names: Sequence[str]) -> bytes:
    return encode("".join(f"{name}\n" for name in names))


def _list_image(tool: str, names: Sequence[str], state: State) -> Image:
    """Return a list of root's own, which the program reads as the group that it has."""
    image = {**file_image(_content(names), mode=0o640), "uid": 0, "gid": 0}
    if not TOOLS[tool].by_group:
        return image
    return with_xattrs(image, {acl.ATTRIBUTE: acl.read_by_group(state.gids[tool])})


def _new_list(control: Control, state: State) -> Step:
    tool, names = control.settings["tool"], _planned_names(control, state)
    return Step(
        subject=File(TOOLS[tool].allow),
        wanted=_list_image(tool, names, state),
        before="absent",
        after="\n".join(names),
        why="whoever is not on the list plans no jobs; who has some today is on it",
        controls=(control.id,),
    )


def _closed_list(control: Control, state: State) -> Step:
    """Return the step for a list that everybody could read: root's, and the program's by an access control list."""
    tool, names = control.settings["tool"], _planned_names(control, state)
    return Step(
        subject=File(TOOLS[tool].allow),
        wanted=_list_image(tool, names, state),
        before=f"{state.shown[tool]}: {' '.join(state.names[tool])}",
        after=f"root:root 0640, and read by {TOOLS[tool].group}: {' '.join(names)}",
        why="others could change or read who may plan jobs",
        controls=(control.id,),
    )


def _longer_list(control: Control, state: State) -> Step:
    tool, names = control.settings["tool"], _planned_names(control, state)
    return Step(
        subject=File(TOOLS[tool].allow),
        wanted=file_image(_content(names)),
        before=" ".join(state.names[tool]),
        after=" ".join(names),
        why="the site names them",
        controls=(control.id,),
    )
