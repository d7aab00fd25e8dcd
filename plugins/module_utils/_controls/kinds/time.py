# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: one program that sets it, from servers that the site trusts, without jumps.

chrony and systemd-timesyncd are known and left in use; another program that sets the clock is told, never replaced.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.awaited import AwaitedFile, edits_image
from ..._change.subjects.files import File, file_image
from ..._change.subjects.units import ActiveUnit, Unit
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text, with_header
from ..._host.formats import FORMATS
from ..._text.numbers import is_natural
from ..._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable
from ..support.chrony import (
    SOURCES,
    Directive,
    directives,
    main_file,
    own_sources,
    sources_folder,
    with_directive,
    without,
)
from ..support.unit_steps import active_state, enabled_state, enabling, existing, starting

CHRONY, TIMESYNCD = "chrony.service", "systemd-timesyncd.service"
#: In the order in which one is kept where several are installed.
DAEMONS = (CHRONY, "chronyd.service", "ntpsec.service", "ntp.service", "openntpd.service", TIMESYNCD)
TIMESYNCD_FILE = "/etc/systemd/timesyncd.conf"
TIMESYNCD_DROP_IN = "/etc/systemd/timesyncd.conf.d/zz-healthops.conf"
ASPECTS = ("daemon", "servers", "step", "account", "not_served")
#: In chrony: at most so many of the first updates may step the clock, where it is off by more than so many seconds.
STEP = "1 3"


@dataclass(frozen=True)
class State:
    """The daemons by unit, chrony's directives with the texts of their files, and timesyncd's servers.

    ``chrony`` and ``timesyncd`` are None where it has no configuration. ``changed`` is, by path, the time at which a
    file of chrony last changed, in seconds.
    """

    units: Mapping[str, Unit]
    in_container: bool
    chrony: tuple[Directive, ...] | None
    texts: Mapping[str, str]
    changed: Mapping[str, float]
    main: str
    timesyncd: tuple[str, ...] | None

    @property
    def daemons(self) -> list[Unit]:
        """Return the daemons that exist, each once: chronyd.service is a second name of chrony.service on Debian."""
        known = [self.units[name] for name in DAEMONS if name in self.units]
        return list({unit.name: unit for unit in known if unit.exists}.values())


@dataclass
class ChronyEdit:
    """The texts of chrony's files as they are to be, by path, and the changed lines as people read them."""

    texts: dict[str, str]
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


class Time(Kind):
    name = "time"
    SETTINGS = {
        "aspect": Setting("str", choices=ASPECTS),
        "servers": Setting("list", required=False, default=()),
        "daemon": Setting("str", required=False, choices=("chrony", "timesyncd"), default="chrony"),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"time {settings['aspect']} {settings.get('daemon', 'chrony')}",)

    def units(self, controls: Sequence[Control]) -> Sequence[str]:
        if controls:
            return DAEMONS
        return ()

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        main = main_file(host)
        found_directives = tuple(directives(host, main)) if host.stat(main) is not None else None
        paths = list(dict.fromkeys([main, *(d.path for d in found_directives or ())]))
        stats = {path: host.stat(path) for path in paths}
        return State(
            units=context.units(host, DAEMONS),
            in_container=context.in_container,
            chrony=found_directives,
            texts={path: read_text(host, path) or "" for path in paths},
            changed={path: info.ctime for path, info in stats.items() if info is not None},
            main=main,
            timesyncd=_timesyncd_servers(host),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_ASSESS[c.settings["aspect"]](c, state) for c in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan(assessments, _groups(failing, state))


def _timesyncd_servers(host: Host) -> tuple[str, ...] | None:
    """Return the servers that timesyncd is given, None where it is given none."""
    folders = [f"{top}/systemd/timesyncd.conf.d" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib")]
    servers: tuple[str, ...] | None = None
    for path in [TIMESYNCD_FILE, *ordered_files(host, folders)]:
        for assignment in FORMATS["ini"].assignments(read_text(host, path) or ""):
            if (assignment.section, assignment.key) == ("Time", "NTP"):
                # Each line adds to those before it, and one without a value takes all of them away.
                servers = (*(servers or ()), *assignment.value.split()) if assignment.value else ()
    return servers


# --- one daemon ---


def _daemon(control: Control, state: State) -> Assessment:
    """Judge whether exactly one daemon sets the clock, now and after a boot."""
    subject, wanted = "the clock", "one daemon sets the clock"
    described = ", ".join(f"{unit.name} {unit.enabled}, {unit.active}" for unit in state.daemons) or "none"
    if not state.daemons and not control.awaits:
        return _no_daemon(control, state, subject, wanted)
    running = judge(len([unit for unit in state.daemons if unit.running]) == 1, described)
    if state.in_container:
        running = Verdict(NOTAPPLICABLE, "the clock belongs to the machine")
    disk = judge(len([unit for unit in state.daemons if unit.enabled == "enabled"]) == 1, described)
    fine = DEVIATES not in (running.state, disk.state)
    blocked = None if fine else _daemon_blocker(state)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=described,
        after=described if fine or blocked else "one daemon, enabled",
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _no_daemon(control: Control, state: State, subject: str, wanted: str) -> Assessment:
    if state.in_container:
        return not_applicable(control, subject, wanted, "the clock belongs to the machine", "none")
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before="none",
        after="none",
        verdicts=Verdicts.same(judge(False, "none")),
        blocked=Blocked("no daemon that sets the clock is installed; install chrony"),
    )


def _daemon_blocker(state: State) -> Blocked | None:
    """Return why no daemon is switched on, None where one can be."""
    on = [unit.name for unit in state.daemons if unit.running or unit.enabled == "enabled"]
    if len(on) > 1:
        return Blocked(f"{' and '.join(on)} would fight over the clock; disable all but one")
    if state.daemons and state.daemons[0].masked:
        name = state.daemons[0].name
        return Blocked(f"somebody masked {name} on purpose; unmask it if it is to set the clock")
    return None


def _daemon_group(control: Control, state: State) -> Group:
    """Return the group that enables and starts the first daemon that exists, chrony where it is only coming."""
    name = next((unit.name for unit in state.daemons), CHRONY)
    unit, steps = existing(state.units.get(name)), list[Step]()
    if unit is None or unit.enabled != "enabled":
        steps += enabling(name, enabled_state(unit), "it sets the clock after each boot", (control.id,))
    if not state.in_container and (unit is None or not unit.running):
        steps.append(starting(name, active_state(unit), "it sets the clock now", (control.id,)))
    return Group(f"time {name}", tuple(steps))


# --- the configuration of chrony and timesyncd ---


def _sources(state: State) -> list[Directive]:
    return [d for d in state.chrony or () if d.name in SOURCES and not d.path.startswith("/run/")]


def _source_name(directive: Directive) -> str:
    if directive.value:
        return directive.value.split()[0]
    return ""


def _wanted_servers(control: Control) -> list[str]:
    """Return the servers that the site names; none where it leaves that to the distribution."""
    return [str(name) for name in control.settings.get("servers", ()) if name != "distribution"]


def _servers(control: Control, state: State) -> Assessment:
    """Judge the servers of the one daemon that the control is about."""
    subject, wanted = "time servers", _wanted_servers(control)
    described = ", ".join(wanted) or "some"
    if not _is_configured(control, state) and not control.awaits:
        return not_applicable(control, subject, described, f"{_daemon_of(control)} is not on this host")
    by_chrony = _by_chrony(control)
    names = [_source_name(d) for d in _sources(state)] if by_chrony else list(state.timesyncd or ())
    before = ", ".join(names) or "the distribution's own"
    # timesyncd has servers of the distribution built in; what an awaited chrony brings names some as well.
    fine = bool(names) or not by_chrony or bool(control.awaits)
    blocked = None if fine else Blocked("chrony knows no server; name the site's in time_servers")
    if wanted:
        fine, blocked = set(names) == set(wanted), None
    disk = judge(fine, before)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=described,
        before=before,
        after=before if fine or blocked else described,
        verdicts=Verdicts(
            running=_read_since(CHRONY if by_chrony else TIMESYNCD, disk, state, by_chrony),
            on_disk=disk,
            survives_reboot=disk,
        ),
        blocked=blocked,
    )


def _is_configured(control: Control, state: State) -> bool:
    if _by_chrony(control):
        return state.chrony is not None
    return state.timesyncd is not None or _uses_timesyncd(state)


def _daemon_of(control: Control) -> str:
    return str(control.settings.get("daemon", "chrony"))


def _by_chrony(control: Control) -> bool:
    return _daemon_of(control) == "chrony"


def _uses_timesyncd(state: State) -> bool:
    unit = state.units.get(TIMESYNCD)
    return unit is not None and unit.exists


def _read_since(name: str, disk: Verdict, state: State, by_chrony: bool) -> Verdict:
    """Return what a daemon runs with: its files, where it started after they were changed."""
    unit = state.units.get(name)
    if unit is None or not unit.running:
        return Verdict(NOTAPPLICABLE, "not running")
    if disk.state == OK and by_chrony and max(state.changed.values(), default=0.0) > unit.since:
        return judge(False, f"{name} has not read it yet")
    return disk


def _last(name: str, state: State) -> Directive | None:
    """Return the last directive of a name, which is the one that counts."""
    return next((directive for directive in reversed(state.chrony or ()) if directive.name == name), None)


def _step(control: Control, state: State) -> Assessment:
    """Judge makestep: chrony may step the clock only when it starts; a database does not survive a step backwards."""
    directive = _last("makestep", state)
    limits = directive.value.split() if directive else []
    fine = bool(control.awaits) or (len(limits) == 2 and is_natural(limits[1]) and 1 <= int(limits[1]) <= 10)
    return _assess_directive(control, state, "makestep", STEP, directive, fine)


def _account(control: Control, state: State) -> Assessment:
    """Judge user: Debian's chrony changes to the account _chrony by itself unless it is given another."""
    directive = _last("user", state)
    fine = directive is None or directive.value in ("_chrony", "chrony")
    return _assess_directive(control, state, "user", "_chrony", directive, fine)


def _assess_directive(
    control: Control, state: State, name: str, wanted: str, directive: Directive | None, fine: bool
) -> Assessment:
    subject = f"{name} in chrony"
    if state.chrony is None and not control.awaits:
        return not_applicable(control, subject, wanted, "chrony is not on this host")
    before = f"{directive.value} in {directive.path}" if directive else "not set"
    disk = judge(fine, before)
    blocked = None
    if not fine and directive is not None and directive.path != state.main:
        blocked = Blocked(f"{directive.path} sets it to {directive.value}; change it there")
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before if fine or blocked else wanted,
        verdicts=Verdicts(running=_read_since(CHRONY, disk, state, by_chrony=True), on_disk=disk, survives_reboot=disk),
        blocked=blocked,
    )


def _not_served(control: Control, state: State) -> Assessment:
    """Judge allow: a server that gives others the time is in use, and cutting it off is a person's decision."""
    subject, wanted = "time for others", "not served"
    if state.chrony is None:
        return not_applicable(control, subject, wanted, "chrony is not on this host")
    allowed = [directive for directive in state.chrony if directive.name == "allow"]
    before = "; ".join(f"allow {d.value or 'all'} in {d.path}" for d in allowed) or wanted
    advice = f"it gives others the time ({before}), so it may be in use; take the line out there"
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before,
        verdicts=Verdicts.same(judge(not allowed, before)),
        blocked=Blocked(advice) if allowed else None,
    )


_ASSESS = {
    "daemon": _daemon,
    "servers": _servers,
    "step": _step,
    "account": _account,
    "not_served": _not_served,
}


# --- planning ---


def _groups(failing: Sequence[Control], state: State) -> tuple[Group, ...]:
    groups = [_daemon_group(c, state) for c in failing if c.settings["aspect"] == "daemon"]
    configured = [c for c in failing if c.settings["aspect"] in ("servers", "step", "account")]
    chrony = [control for control in configured if _by_chrony(control)]
    timesyncd = [control for control in configured if not _by_chrony(control)]
    if chrony:
        groups.append(_chrony_group(chrony, state))
    if timesyncd:
        groups.append(_timesyncd_group(timesyncd))
    return tuple(groups)


def _chrony_group(controls: Sequence[Control], state: State) -> Group:
    """Return the group that writes what chrony reads when it starts, and restarts it."""
    edit = ChronyEdit(dict(state.texts))
    for control in controls:
        if control.settings["aspect"] == "servers":
            _plan_servers(control, state, edit)
        else:
            _plan_directive(control, state, edit)
    steps = _chrony_steps(edit, state, any(control.awaits for control in controls), tuple(c.id for c in controls))
    return Group(name="time chrony", steps=steps, effects=(Effect("restart", CHRONY),))


def _chrony_steps(edit: ChronyEdit, state: State, awaited: bool, ids: tuple[str, ...]) -> tuple[Step, ...]:
    """Return a step for each file that changes; where none does, chrony only has to be restarted."""
    why = "chrony reads it when it starts"
    step = functools.partial(Step, before="\n".join(edit.before), after="\n".join(edit.after), why=why, controls=ids)
    changed = {path: text for path, text in edit.texts.items() if text != state.texts.get(path)}
    if not changed:
        return (step(subject=ActiveUnit(CHRONY), wanted=None),)
    images = {path: file_image(encode(text)) for path, text in sorted(changed.items())}
    if not awaited:
        return tuple(step(subject=File(path), wanted=image) for path, image in images.items())
    main = Step(
        subject=AwaitedFile(state.main),
        wanted=edits_image("login_defs", (), "", SOURCES),
        before="",
        after="",
        why=why,
        controls=ids,
    )
    beside = [step(subject=AwaitedFile(path), wanted=image) for path, image in images.items() if path != state.main]
    return (*beside, main)


def _plan_directive(control: Control, state: State, edit: ChronyEdit) -> None:
    """Put the one directive that a control is about into chrony's main file."""
    name, value = {"step": ("makestep", STEP), "account": ("user", "_chrony")}[control.settings["aspect"]]
    present = _last(name, state)
    lines = [d.line for d in state.chrony or () if d.name == name and d.path == state.main]
    edit.texts[state.main] = with_directive(edit.texts.get(state.main, ""), name, value, lines)
    edit.before.append(f"# {name} is not set" if present is None else f"{name} {present.value}")
    edit.after.append(f"{name} {value}")


def _plan_servers(control: Control, state: State, edit: ChronyEdit) -> None:
    """Name the site's servers in a file of ours, and make every other source a comment where it stands."""
    wanted = _wanted_servers(control)
    folder = sources_folder(state.chrony or ()) or "/etc/chrony/sources.d"
    ours = own_sources(folder)
    foreign = [d for d in _sources(state) if d.path != ours]
    unwanted = [d for d in foreign if _source_name(d) not in wanted]
    named = [_source_name(d) for d in foreign]
    if control.awaits:
        edit.texts[state.main] = ""  # see _chrony_steps: what it brings is made a comment once it is there
    for path in sorted({d.path for d in unwanted}):
        edit.texts[path] = without(edit.texts[path], [d.line for d in unwanted if d.path == path])
    edit.texts[ours] = with_header([f"server {name} iburst" for name in wanted if name not in named])
    edit.before.extend([f"{d.name} {d.value}" for d in _sources(state)] or ["# no server"])
    edit.after.extend(f"server {name}" for name in wanted)


def _timesyncd_group(controls: Sequence[Control]) -> Group:
    """Return the group that names the site's servers in a drop-in for timesyncd, and restarts it."""
    ids = tuple(control.id for control in controls)
    names = " ".join(name for control in controls for name in _wanted_servers(control))
    folder = Step(
        subject=File(TIMESYNCD_DROP_IN.rpartition("/")[0]),
        wanted={"kind": "dir"},
        before="",
        after="",
        why="the program looks there",
        controls=ids,
    )
    drop_in = Step(
        subject=File(TIMESYNCD_DROP_IN),
        wanted=file_image(encode(f"{HEADER}[Time]\nNTP=\nNTP={names}\n")),
        before="# the distribution's own servers",
        after=f"NTP={names}",
        why="systemd-timesyncd reads it when it starts",
        controls=ids,
    )
    return Group(name="time timesyncd", steps=(folder, drop_in), effects=(Effect("restart", TIMESYNCD),))
