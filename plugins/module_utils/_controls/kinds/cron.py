# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may plan jobs with cron and at: a list of names instead of everybody. Private to the collection.

Whoever has jobs today stays on the list. A list that is there is the site's own and keeps its names.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, Meta, file_image
from ..._host.door import Host, Stat
from ..._host.dropin import encode
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown


@dataclass(frozen=True)
class Tool:
    """One program that plans jobs: its list, who may read that, and where the jobs of each account lie."""

    program: str
    allow: str
    group: str
    jobs: str


TOOLS = {
    "cron": Tool("crontab", "/etc/cron.allow", "crontab", "/var/spool/cron/crontabs/*"),
    "at": Tool("at", "/etc/at.allow", "daemon", "/var/spool/cron/atjobs/[a-z=]*"),
}


@dataclass(frozen=True)
class State:
    """For each tool that is installed: what lies at its list's place, the names in it, and who has jobs today."""

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

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
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
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail"]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


def _is_file(info: Stat | None) -> bool:
    return info is not None and info.kind == "file"


def _names(host: Host, path: str) -> tuple[str, ...]:
    return tuple(host.read_text(path).split())


def _with_jobs(host: Host, pattern: str) -> tuple[str, ...]:
    """The accounts that have jobs: cron names the file after the account, at lets it own the file."""
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
    """Root, whom the site names, and whoever has jobs today."""
    tool = control.settings["tool"]
    return tuple(dict.fromkeys(("root", *control.settings.get("users", ()), *state.in_use[tool])))


def _becomes(tool: str, info: Stat, state: State) -> dict[str, int]:
    change: dict[str, int] = {}
    if info.uid != 0:
        change["uid"] = 0
    if info.gid not in (0, state.gids[tool]) or (info.mode & 0o004 and info.gid != state.gids[tool]):
        change["gid"] = state.gids[tool]  # the program reads the list with the rights of this group
    if info.mode & ~0o640:
        change["mode"] = info.mode & 0o640
    return change


def _lacking(control: Control, state: State) -> list[str]:
    """Whom the site names and a list that is there does not."""
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
    wanted = "a list of names, root 0640 or stricter"
    fine = info is not None and not _becomes(tool, info, state) and not _lacking(control, state)
    saw = state.shown[tool] if info is None else f"{state.shown[tool]}: {' '.join(state.names[tool])}"
    verdict = judge(fine, saw)
    after = saw if fine else f"root 0640: {' '.join(_then(control, state))}"
    return Assessment(control.id, path, wanted, saw, after, Verdicts(verdict, verdict, verdict))


def _then(control: Control, state: State) -> tuple[str, ...]:
    tool = control.settings["tool"]
    if state.lists[tool] is None:
        return _allowed(control, state)
    return (*state.names[tool], *_lacking(control, state))


def _group(control: Control, state: State) -> Group:
    tool, ids = control.settings["tool"], (control.id,)
    path, info = TOOLS[tool].allow, state.lists[tool]
    names = _then(control, state)
    content = encode("".join(f"{name}\n" for name in names))
    steps: list[Step] = []
    if info is None:
        image = {**file_image(content, mode=0o640), "uid": 0, "gid": state.gids[tool]}
        why = "whoever is not on the list plans no jobs; who has some today is on it"
        steps.append(Step(File(path), image, "absent", "\n".join(names), why, ids))
        return Group(f"cron {path}", tuple(steps))
    if _lacking(control, state):
        words = (" ".join(state.names[tool]), " ".join(names), "the site names them")
        steps.append(Step(File(path), file_image(content), *words, ids))
    change = _becomes(tool, info, state)
    if change:
        why = "others could change or read who may plan jobs"
        steps.append(Step(Meta(path), {"kind": "file", **change}, state.shown[tool], "root 0640 or stricter", why, ids))
    return Group(f"cron {path}", tuple(steps))
