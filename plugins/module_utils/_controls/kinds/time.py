# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: one program that sets it, from servers that the site trusts, without jumps. Private to the collection.

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
from ..._change.subjects.trees import Tree
from ..._change.subjects.units import ENABLING_FOLDERS, ActiveUnit, EnabledUnit, Unit, show
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text, with_header
from ..._host.facts import container
from ..._host.formats import FORMATS
from ..._vocabulary.results import NOTAPPLICABLE, OK
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable
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
    """The daemons that are there, chrony's directives with the texts of their files, and timesyncd's servers."""

    units: Mapping[str, Unit]
    in_container: bool
    chrony: tuple[Directive, ...] | None
    texts: Mapping[str, str]
    changed: Mapping[str, float]
    main: str
    timesyncd: tuple[str, ...] | None

    @property
    def there(self) -> list[Unit]:
        """Each once: chronyd.service is a second name of chrony.service on Debian."""
        units = {unit.name: unit for name in DAEMONS for unit in [self.units.get(name)] if unit and unit.exists}
        return list(units.values())


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

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        main = main_file(host)
        found = tuple(directives(host, main)) if host.stat(main) is not None else None
        paths = list(dict.fromkeys([main, *(d.path for d in found or ())]))
        stats = {path: host.stat(path) for path in paths}
        return State(
            units=show(host, DAEMONS),
            in_container=bool(container(host)),
            chrony=found,
            texts={path: read_text(host, path) or "" for path in paths},
            changed={path: info.ctime for path, info in stats.items() if info is not None},
            main=main,
            timesyncd=_timesyncd_servers(host),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_ASSESS[c.settings["aspect"]](c, state) for c in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
        return KindPlan(assessments, _groups(failing, state))


def _timesyncd_servers(host: Host) -> tuple[str, ...] | None:
    folders = [f"{top}/systemd/timesyncd.conf.d" for top in ("/etc", "/run", "/usr/lib")]
    paths = [TIMESYNCD_FILE, *ordered_files(host, folders)]
    values = [FORMATS["ini"].get(read_text(host, path) or "", "NTP", "Time") for path in paths]
    named = [value for value in values if value is not None]
    return tuple(named[-1].split()) if named else None


# --- one daemon ---


def _daemon(control: Control, state: State) -> Assessment:
    wanted = "one daemon sets the clock"
    there = state.there
    on = [unit for unit in there if unit.running or unit.enabled == "enabled"]
    told = ", ".join(f"{unit.name} {unit.enabled}, {unit.active}" for unit in there) or "none"
    if not there and not control.awaits:
        if state.in_container:
            return not_applicable(control, "the clock", wanted, "the clock belongs to the machine", told)
        verdict, reason = judge(False, told), "no daemon that sets the clock is installed; install chrony"
        return Assessment(
            control=control.id,
            subject="the clock",
            wanted=wanted,
            before=told,
            after=told,
            verdicts=Verdicts.same(verdict),
            reason=reason,
        )
    if state.in_container:
        running = Verdict(NOTAPPLICABLE, "the clock belongs to the machine")
    else:
        running = judge(len([unit for unit in there if unit.running]) == 1, told)
    disk = judge(len([unit for unit in there if unit.enabled == "enabled"]) == 1, told)
    reason = ""
    if len(on) > 1:
        reason = f"{' and '.join(unit.name for unit in on)} would fight over the clock; disable all but one"
    elif there and there[0].masked:
        reason = f"somebody masked {there[0].name} on purpose; unmask it if it is to set the clock"
    fine = "deviates" not in (running.state, disk.state)
    after = told if fine or reason else "one daemon, enabled"
    return Assessment(
        control=control.id,
        subject="the clock",
        wanted=wanted,
        before=told,
        after=after,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason="" if fine else reason,
    )


def _daemon_group(control: Control, state: State) -> Group:
    ids = (control.id,)
    name = state.there[0].name if state.there else CHRONY
    unit = state.units.get(name)
    there = unit if unit is not None and unit.exists else None
    steps = []
    if there is None or there.enabled != "enabled":
        steps.append(
            Step(
                subject=Tree(ENABLING_FOLDERS),
                wanted=None,
                before="",
                after="",
                why="the links that enabling lays",
                controls=ids,
            )
        )
        steps.append(
            Step(
                subject=EnabledUnit(name),
                wanted={"enabled": True},
                before=there.enabled if there else "absent",
                after="enabled",
                why="it sets the clock after each boot",
                controls=ids,
            )
        )
    if not state.in_container and (there is None or not there.running):
        steps.append(
            Step(
                subject=ActiveUnit(name),
                wanted={"active": True},
                before=there.active if there else "absent",
                after="active",
                why="it sets the clock now",
                controls=ids,
            )
        )
    return Group(f"time {name}", tuple(steps))


# --- what chrony and timesyncd are told ---


def _sources(state: State) -> list[Directive]:
    return [d for d in state.chrony or () if d.name in SOURCES and not d.path.startswith("/run/")]


def _source_name(directive: Directive) -> str:
    return directive.value.split()[0] if directive.value else ""


def _wanted_servers(control: Control) -> list[str]:
    """What the site names; nothing where it leaves that to the distribution."""
    return [str(name) for name in control.settings.get("servers", ()) if name != "distribution"]


def _servers(control: Control, state: State) -> Assessment:
    wanted = _wanted_servers(control)
    words = ", ".join(wanted) or "some"
    by_chrony = _by_chrony(control)
    there = state.chrony is not None if by_chrony else state.timesyncd is not None or _uses_timesyncd(state)
    if not there and not control.awaits:
        return not_applicable(control, "time servers", words, f"{_daemon_of(control)} is not on this host")
    seen = [_source_name(d) for d in _sources(state)] if by_chrony else list(state.timesyncd or ())
    reason = ""
    if wanted:
        fine = sorted(set(seen)) == sorted(set(wanted))
    else:
        # timesyncd has servers of the distribution built in; what an awaited chrony brings names some as well.
        fine = bool(seen) or not by_chrony or bool(control.awaits)
        reason = "" if fine else "chrony knows no server; name the site's in time_servers"
    told = ", ".join(seen) or "the distribution's own"
    disk = judge(fine, told)
    running = _read_since(CHRONY if by_chrony else TIMESYNCD, fine, told, state, by_chrony)
    after = told if fine or reason else words
    return Assessment(
        control=control.id,
        subject="time servers",
        wanted=words,
        before=told,
        after=after,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _daemon_of(control: Control) -> str:
    return str(control.settings.get("daemon", "chrony"))


def _by_chrony(control: Control) -> bool:
    return _daemon_of(control) == "chrony"


def _uses_timesyncd(state: State) -> bool:
    unit = state.units.get(TIMESYNCD)
    return unit is not None and unit.exists


def _read_since(name: str, fine: bool, told: str, state: State, by_chrony: bool) -> Verdict:
    """What a daemon runs with: its files, where it started after they were changed."""
    unit = state.units.get(name)
    if unit is None or not unit.running:
        return Verdict(NOTAPPLICABLE, "not running")
    if fine and by_chrony and max(state.changed.values(), default=0.0) > unit.since:
        return judge(False, f"{name} has not read it yet")
    return judge(fine, told) if not fine else Verdict(OK, told)


def _last(name: str, state: State) -> Directive | None:
    found = [d for d in state.chrony or () if d.name == name]
    return found[-1] if found else None


def _step(control: Control, state: State) -> Assessment:
    """chrony may step the clock when it starts, and only then: a database does not survive time that runs backwards."""
    seen = _last("makestep", state)
    words = seen.value.split() if seen else []
    fine = bool(control.awaits) or (len(words) == 2 and words[1].isdigit() and 1 <= int(words[1]) <= 10)
    return _directive(control, state, "makestep", STEP, seen, fine)


def _account(control: Control, state: State) -> Assessment:
    """Debian's chrony changes to the account _chrony by itself unless it is told otherwise."""
    seen = _last("user", state)
    return _directive(control, state, "user", "_chrony", seen, seen is None or seen.value in ("_chrony", "chrony"))


def _directive(
    control: Control, state: State, name: str, wanted: str, seen: Directive | None, fine: bool
) -> Assessment:
    subject = f"{name} in chrony"
    if state.chrony is None and not control.awaits:
        return not_applicable(control, subject, wanted, "chrony is not on this host")
    told = f"{seen.value} in {seen.path}" if seen else "not set"
    disk = judge(fine, told)
    reason = ""
    if not fine and seen is not None and seen.path != state.main:
        reason = f"{seen.path} sets it to {seen.value}; change it there"
    running = _read_since(CHRONY, fine, told, state, True)
    after = told if fine or reason else wanted
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=told,
        after=after,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        reason=reason,
    )


def _not_served(control: Control, state: State) -> Assessment:
    """A server that gives others the time is in use: cutting it off is a person's decision."""
    if state.chrony is None:
        return not_applicable(control, "time for others", "not served", "chrony is not on this host")
    allowed = [d for d in state.chrony if d.name == "allow"]
    told = "; ".join(f"allow {d.value or 'all'} in {d.path}" for d in allowed) or "not served"
    verdict = judge(not allowed, told)
    reason = f"it gives others the time ({told}), so it may be in use; take the line out there" if allowed else ""
    return Assessment(
        control=control.id,
        subject="time for others",
        wanted="not served",
        before=told,
        after=told,
        verdicts=Verdicts.same(verdict),
        reason=reason,
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
    daemons = [_daemon_group(c, state) for c in failing if c.settings["aspect"] == "daemon"]
    told = [c for c in failing if c.settings["aspect"] in ("servers", "step", "account")]
    chrony = [c for c in told if _by_chrony(c)]
    timesyncd = [c for c in told if not _by_chrony(c)]
    groups = [_chrony_group(chrony, state)] if chrony else []
    groups += [_timesyncd_group(timesyncd)] if timesyncd else []
    return (*daemons, *groups)


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
    own = [step(subject=AwaitedFile(path), wanted=image) for path, image in images.items() if path != state.main]
    return (*own, main)


def _plan_directive(control: Control, state: State, edit: ChronyEdit) -> None:
    """Put the one directive that a control is about into chrony's main file."""
    name, value = {"step": ("makestep", STEP), "account": ("user", "_chrony")}[control.settings["aspect"]]
    present = _last(name, state)
    lines = [d.line for d in state.chrony or () if d.name == name and d.path == state.main]
    edit.texts[state.main] = with_directive(edit.texts.get(state.main, ""), name, value, lines)
    edit.before.append(f"{name} {present.value}" if present else f"# {name} is not set")
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


def _timesyncd_group(told: Sequence[Control]) -> Group:
    ids = tuple(c.id for c in told)
    names = " ".join(name for c in told for name in _wanted_servers(c))
    text = f"{HEADER}[Time]\nNTP={names}\n"
    folder = Step(
        subject=File(TIMESYNCD_DROP_IN.rpartition("/")[0]),
        wanted={"kind": "dir"},
        before="",
        after="",
        why="the program looks there",
        controls=ids,
    )
    steps = (
        folder,
        Step(
            subject=File(TIMESYNCD_DROP_IN),
            wanted=file_image(encode(text)),
            before="# the distribution's own servers",
            after=f"NTP={names}",
            why="systemd-timesyncd reads it when it starts",
            controls=ids,
        ),
    )
    return Group(name="time timesyncd", steps=steps, effects=(Effect("restart", TIMESYNCD),))
