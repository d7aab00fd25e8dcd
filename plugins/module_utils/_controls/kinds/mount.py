# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of file systems that have a mount of their own: in the kernel's table now, in fstab for the next boot.

That a folder should be a file system of its own is only told: making it one is a person's work.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.mounts import OPPOSITE, MountOptions, MountPoint, mounted, unescape
from ..._host.door import Host
from ..._host.dropin import encode, read_text
from ..._host.facts import container
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable

FSTAB = "/etc/fstab"
#: Words of the mount table that are not options to write down.
_PLAIN = ("rw", "relatime")


@dataclass(frozen=True)
class State:
    """What is mounted, what fstab says, and whether a container engine made the mounts that fstab does not know."""

    points: Mapping[str, MountPoint]
    fstab: str
    in_container: bool


class Mount(Kind):
    name = "mount"
    SETTINGS = {
        "path": Setting("str", pattern=r"^/"),
        "options": Setting("list", required=False, default=()),
        "separate": Setting("bool", required=False, default=False),
    }

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if not problems and bool(settings.get("options")) == settings.get("separate", False):
            return ["settings holds either options or separate: true"]
        strange = [o for o in settings.get("options", ()) if o not in OPPOSITE] if not problems else []
        return problems + [f"settings.options holds {o!r}, wanted some of {', '.join(OPPOSITE)}" for o in strange]

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(f"mount {settings['path']} {option}" for option in settings.get("options", ("of its own",)))

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        return State(mounted(host), read_text(host, FSTAB) or "", bool(container(host)))

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple((_assess_own if c.settings.get("separate") else _assess)(c, state) for c in controls)
        wrong = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
        return KindPlan(assessments, _groups(wrong, state))


def fstab_options(text: str, path: str) -> list[str] | None:
    """The options that fstab(5) gives for a path, None where it does not name it."""
    rows = [line.split() for line in text.splitlines() if not line.lstrip().startswith("#")]
    found = [row[3].split(",") for row in rows if len(row) >= 4 and unescape(row[1]) == path]
    return found[-1] if found else None


def with_options(text: str, point: MountPoint, options: Sequence[str]) -> str:
    """fstab with the options added to the path's line; a line that is not there is made for what is mounted now."""
    lines = text.splitlines(keepends=True)
    for number, line in enumerate(lines):
        words = line.split()
        if len(words) < 4 or line.lstrip().startswith("#") or unescape(words[1]) != point.path:
            continue
        kept = [o for o in words[3].split(",") if o not in [OPPOSITE[wanted] for wanted in options]]
        new = ",".join([*kept, *(o for o in options if o not in kept)])
        lead = re.match(r"\s*\S+\s+\S+\s+\S+\s+", line)
        lines[number] = line if lead is None else lead[0] + new + line[lead.end() + len(words[3]) :]
        return "".join(lines)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    kept = [o for o in point.options if o not in _PLAIN]
    words = [
        point.source,
        point.path,
        point.fstype,
        ",".join(["defaults", *kept, *(o for o in options if o not in kept)]),
    ]
    return "".join([*lines, "\t".join([*words, "0", "0"]) + "\n"])


def _missing(present: Sequence[str] | None, control: Control) -> list[str]:
    return [option for option in control.settings["options"] if option not in (present or ())]


def _assess(control: Control, state: State) -> Assessment:
    path, wanted = control.settings["path"], ",".join(control.settings["options"])
    point, written = state.points.get(path), fstab_options(state.fstab, path)
    if point is None:
        return not_applicable(control, path, wanted, "it is not a file system of its own")
    if written is None and state.in_container:
        return not_applicable(control, path, wanted, "the container engine made this mount", ",".join(point.options))
    running = judge(not _missing(point.options, control), ",".join(point.options))
    disk = judge(not _missing(written, control), ",".join(written) if written else f"not in {FSTAB}")
    before = ",".join(o for o in control.settings["options"] if o in point.options) or "none of them"
    reason = ""
    if written is None and point.fstype != "tmpfs" and (running.state, disk.state) != ("ok", "ok"):
        reason = f"it is mounted, but not from {FSTAB}; set the options where it is mounted from"
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=before,
        after=before if reason else wanted,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _assess_own(control: Control, state: State) -> Assessment:
    """Whether a folder is a file system of its own, so that what fills it fills nothing else."""
    path, wanted = control.settings["path"], "a file system of its own"
    point = state.points.get(path)
    if point is None and state.in_container:
        return not_applicable(control, path, wanted, "the file systems of a container are its engine's")
    running = judge(point is not None, f"{point.fstype} on {point.source}" if point else "a folder of another one")
    written = fstab_options(state.fstab, path) is not None
    disk = judge(written or point is not None, f"in {FSTAB}" if written else f"not in {FSTAB}")
    reason = ""
    if point is None:
        reason = f"make a volume for {path}, copy what is in it in a maintenance window, and name it in {FSTAB}"
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=running.saw,
        after=running.saw,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _groups(wrong: Sequence[Control], state: State) -> tuple[Group, ...]:
    text = state.fstab
    for control in wrong:
        if _missing(fstab_options(text, control.settings["path"]), control):
            text = with_options(text, state.points[control.settings["path"]], control.settings["options"])
    steps: list[Step] = []
    if text != state.fstab:
        written = [c for c in wrong if _missing(fstab_options(state.fstab, c.settings["path"]), c)]
        before = "\n".join(_line(state.fstab, c.settings["path"]) for c in written)
        after = "\n".join(_line(text, c.settings["path"]) for c in written)
        steps.append(
            Step(
                subject=File(FSTAB),
                wanted=file_image(encode(text)),
                before=before,
                after=after,
                why="the next boot mounts it so",
                controls=tuple(c.id for c in written),
            )
        )
    steps += [_remount(path, wrong, state) for path in _deviating(wrong, state)]
    return (Group(name="mount", steps=tuple(steps), effects=(Effect("daemon-reload"),)),) if steps else ()


def _deviating(wrong: Sequence[Control], state: State) -> list[str]:
    lacking = [c for c in wrong if _missing(state.points[c.settings["path"]].options, c)]
    return list(dict.fromkeys(c.settings["path"] for c in lacking))


def _remount(path: str, wrong: Sequence[Control], state: State) -> Step:
    """One remount for all that the controls want of a path."""
    mine = [c for c in wrong if c.settings["path"] == path]
    now = sorted(o for o in state.points[path].options if o in OPPOSITE)
    wanted = sorted({*now, *(o for c in mine for o in c.settings["options"])})
    return Step(
        subject=MountOptions(path),
        wanted={"options": wanted},
        before=",".join(now) or "none",
        after=",".join(wanted),
        why="remounted with them",
        controls=tuple(c.id for c in mine),
    )


def _line(text: str, path: str) -> str:
    options = fstab_options(text, path)
    return f"# {path} is not in {FSTAB}" if options is None else f"{path} {','.join(options)}"
