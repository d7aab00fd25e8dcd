# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of file systems that have a mount of their own: in the kernel's table now, in fstab for the next boot.

That a folder should be a file system of its own is only told: making it one is a person's work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.mounts import OPPOSITE, MountOptions, MountPoint, mounted
from ..._host import fstab
from ..._host.door import Host
from ..._host.dropin import encode, read_text
from ..._host.formats import FORMATS
from ..._host.fstab import FSTAB, Entry
from ..._text.quoting import unit_of_place
from ..._vocabulary.results import OK
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown

#: Units here have the last word over what is made of fstab.
_UNITS = "/etc/systemd/system"
#: Words of the mount table that are not options to write down.
_PLAIN = ("rw", "relatime")


@dataclass(frozen=True)
class State:
    """The mounts by path, fstab's text, and whether a container engine made the mounts that fstab does not know.

    ``units`` holds the options in units that an administrator wrote for a path, which count instead of fstab's.
    """

    points: Mapping[str, MountPoint]
    fstab: str
    in_container: bool
    units: Mapping[str, Sequence[str]]


class Mount(Kind):
    name = "mount"
    SETTINGS = {
        "path": Setting("str", pattern=r"^/"),
        "options": Setting("list", required=False, default=()),
        "separate": Setting("bool", required=False, default=False),
    }

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if problems:
            return problems
        if bool(settings.get("options")) == settings.get("separate", False):
            return ["settings holds either options or separate: true"]
        strange = [option for option in settings.get("options", ()) if option not in OPPOSITE]
        return [f"settings.options holds {option!r}, wanted some of {', '.join(OPPOSITE)}" for option in strange]

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(f"mount {settings['path']} {option}" for option in settings.get("options", ("of its own",)))

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        paths = {control.settings["path"] for control in controls}
        units = {path: read_text(host, f"{_UNITS}/{unit_of_place(path)}") for path in paths}
        return State(
            points=mounted(host),
            fstab=read_text(host, FSTAB) or "",
            in_container=context.in_container,
            units={path: _unit_options(text) for path, text in units.items() if text is not None},
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = [_assess(control, state) for control in controls]
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan.of(assessments, [_group(failing, state)])


def _unit_options(text: str) -> list[str]:
    return (FORMATS["ini"].get(text, "Options", "Mount") or "").split(",")


def _entry_of(text: str, path: str) -> Entry | None:
    """Return the line of fstab for a path, None where there is none."""
    return next((entry for entry in fstab.entries(text) if entry.place == path), None)


def fstab_options(text: str, path: str) -> Sequence[str] | None:
    """Return the options that fstab gives for a path, None where it does not name it."""
    entry = _entry_of(text, path)
    if entry is None:
        return None
    return entry.options


def fstab_problem(text: str, path: str) -> str | None:
    """Return why fstab cannot be gone by for a path: a line that is about it, or any with which the generator fails."""
    for entry in fstab.entries(text):
        if entry.problem and (entry.is_fatal or entry.place == path):
            return f"Reading {FSTAB}: line {entry.line + 1} cannot be used, {entry.problem}. Mend it first."
    return None


def with_options(text: str, point: MountPoint, options: Sequence[str]) -> str:
    """Return fstab with the options added to the path's line; where there is none, one for what is mounted now."""
    entry = _entry_of(text, point.path)
    if entry is not None:
        return fstab.with_options(text, entry, _added(entry.options or ("defaults",), options))
    present = [option for option in point.options if option not in _PLAIN]
    return fstab.with_line(text, point.source, point.path, point.fstype, _added(["defaults", *present], options))


def _added(present: Sequence[str], options: Sequence[str]) -> list[str]:
    """Return the options with some added, and their opposites taken out."""
    opposites = [OPPOSITE[option] for option in options]
    remaining = [option for option in present if option not in opposites]
    return [*remaining, *(option for option in options if option not in remaining)]


def _missing(present: Sequence[str] | None, control: Control) -> list[str]:
    return [option for option in control.settings["options"] if not _holds(present or (), option)]


def _holds(present: Sequence[str], option: str) -> bool:
    """Return whether an option is in force: of it and its opposite the last one counts."""
    deciding = [name for name in present if name in (option, OPPOSITE[option])]
    return deciding[-1:] == [option]


def _assess(control: Control, state: State) -> Assessment:
    if control.settings.get("separate"):
        return _assess_separate(control, state)
    return _assess_options(control, state)


def _assess_options(control: Control, state: State) -> Assessment:
    path, wanted = control.settings["path"], ",".join(control.settings["options"])
    point, written = state.points.get(path), fstab_options(state.fstab, path)
    if point is None:
        return not_applicable(control, path, wanted, "it is not a file system of its own")
    problem = fstab_problem(state.fstab, path)
    if problem is not None:
        return unknown(control, path, wanted, problem)
    if path in state.units:
        return _assess_unit(control, point, state.units[path])
    if written is None and state.in_container:
        return not_applicable(control, path, wanted, "the container engine made this mount", ",".join(point.options))
    running = judge(not _missing(point.options, control), ",".join(point.options))
    disk = judge(not _missing(written, control), ",".join(written or ()) or f"not in {FSTAB}")
    before = ",".join(option for option in control.settings["options"] if option in point.options) or "none of them"
    blocked = None
    if written is None and point.fstype != "tmpfs" and (running.state, disk.state) != (OK, OK):
        blocked = Blocked(f"it is mounted, but not from {FSTAB}; set the options where it is mounted from")
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=before,
        after=before if blocked else wanted,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _assess_unit(control: Control, point: MountPoint, written: Sequence[str]) -> Assessment:
    """Judge a path for which an administrator wrote a unit; that is for people to change."""
    path = control.settings["path"]
    running = judge(not _missing(point.options, control), ",".join(point.options))
    disk = judge(not _missing(written, control), ",".join(written))
    unit = f"{_UNITS}/{unit_of_place(path)}"
    fine = (running.state, disk.state) == (OK, OK)
    return Assessment(
        control=control.id,
        subject=path,
        wanted=",".join(control.settings["options"]),
        before=running.observed,
        after=running.observed,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=None if fine else Blocked(f"{unit} mounts it, whatever {FSTAB} says; set the options there"),
    )


def _assess_separate(control: Control, state: State) -> Assessment:
    """Judge whether a folder is a file system of its own, so that what fills it fills nothing else."""
    path, wanted = control.settings["path"], "a file system of its own"
    point = state.points.get(path)
    if point is None and state.in_container:
        return not_applicable(control, path, wanted, "the file systems of a container are its engine's")
    running, blocked = judge(False, "a folder of another one"), None
    if point is not None:
        running = judge(True, f"{point.fstype} on {point.source}")
    else:
        advice = f"make a volume for {path}, copy what is in it in a maintenance window, and name it in {FSTAB}"
        blocked = Blocked(advice)
    written = fstab_options(state.fstab, path) is not None
    disk = judge(written or point is not None, f"in {FSTAB}" if written else f"not in {FSTAB}")
    return Assessment(
        control=control.id,
        subject=path,
        wanted=wanted,
        before=running.observed,
        after=running.observed,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _group(failing: Sequence[Control], state: State) -> Group:
    """Return the group of fstab for the next boot, and a remount of each path whose options are not in force."""
    text = state.fstab
    for control in failing:
        if _missing(fstab_options(text, control.settings["path"]), control):
            text = with_options(text, state.points[control.settings["path"]], control.settings["options"])
    steps: list[Step] = []
    if text != state.fstab:
        steps.append(_fstab_step(text, failing, state))
    steps += [_remount(path, failing, state) for path in _deviating(failing, state)]
    return Group(name="mount", steps=tuple(steps), effects=(Effect("daemon-reload"),))


def _fstab_step(text: str, failing: Sequence[Control], state: State) -> Step:
    written = [c for c in failing if _missing(fstab_options(state.fstab, c.settings["path"]), c)]
    return Step(
        subject=File(FSTAB),
        wanted=file_image(encode(text)),
        before="\n".join(_line(state.fstab, c.settings["path"]) for c in written),
        after="\n".join(_line(text, c.settings["path"]) for c in written),
        why="the next boot mounts it so",
        controls=tuple(c.id for c in written),
    )


def _deviating(failing: Sequence[Control], state: State) -> list[str]:
    """Return the paths whose options are not in force."""
    lacking = [c for c in failing if _missing(state.points[c.settings["path"]].options, c)]
    return list(dict.fromkeys(c.settings["path"] for c in lacking))


def _remount(path: str, failing: Sequence[Control], state: State) -> Step:
    """Return one remount for all that the controls want of a path."""
    about_path = [control for control in failing if control.settings["path"] == path]
    now = sorted(option for option in state.points[path].options if option in OPPOSITE)
    wanted = sorted({*now, *(option for control in about_path for option in control.settings["options"])})
    return Step(
        subject=MountOptions(path),
        wanted={"options": wanted},
        before=",".join(now) or "none",
        after=",".join(wanted),
        why="remounted with them",
        controls=tuple(control.id for control in about_path),
    )


def _line(text: str, path: str) -> str:
    options = fstab_options(text, path)
    if options is None:
        return f"# {path} is not in {FSTAB}"
    return f"{path} {','.join(options)}"
