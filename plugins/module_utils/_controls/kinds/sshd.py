# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options of the SSH server, judged by what sshd itself says (sshd -T), never by the text of its files."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change import ssh_server
from ..._change.steps import Effect, Group, Step, unread
from ..._change.subjects.files import File, file_image
from ..._change.subjects.units import Unit
from ..._host.door import Host
from ..._host.dropin import encode, merged, read_text, with_header
from ..._host.running_sshd import ANY_CONNECTION, RunningSshd, running_with_options
from ..._text.lines import split_lines
from ..._vocabulary.results import NOTAPPLICABLE, setting_text
from ..context import SurveyContext
from ..measures import Parts, compare, describe_wanted
from ..model import (
    Assessment,
    Blocked,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    judge,
    not_applicable,
    unknown,
)
from ..support.sshd_config import MAIN, Line, first, flatten, in_match, includes, normal, parse, patterns

#: sshd takes the first value that it reads, so ours sorts before everybody's.
DROP_IN = "/etc/ssh/sshd_config.d/00-healthops.conf"
#: sshd -T prints some values by an older name.
SYNONYMS = {"without-password": "prohibit-password"}
NOT_READ = "sshd has not read it yet"
#: Of these sshd takes the last value that it reads, so one in a later file overrides ours.
LAST_WINS = frozenset({"fingerprinthash", "maxstartups"})
#: The options that sshd -T leaves out while they are not set, or never prints, with the value that holds then.
UNPRINTED = {
    "acceptenv": "",
    "allowgroups": "",
    "allowusers": "",
    "denygroups": "",
    "denyusers": "",
    "debianbanner": "yes",
}
#: For these nought is no limit at all; for others, such as MaxSessions, it is the strictest.
ENDLESS_AT_ZERO = frozenset({"logingracetime", "clientaliveinterval", "clientalivecountmax"})
#: Values of several numbers: start:rate:full, where a higher rate drops connections sooner, and bytes with seconds.
PARTS = {
    "maxstartups": Parts(":", ("at_most", "at_least", "at_most")),
    "rekeylimit": Parts(" ", ("up_to", "up_to")),
}
LISTS_OF_WHO = ("allowgroups", "allowusers", "denygroups", "denyusers")
#: The value that stands for a list of names that the site has not given.
UNNAMED = "none"
#: Operations that take a list of patterns.
OF_LISTS = ("excludes", "only")
OPERATIONS = ("equal", "at_most", "at_least", "each_at_most", "named", *OF_LISTS)


@dataclass(frozen=True)
class State:
    """The options that sshd says it has, the files it reads, when they last changed, and the unit that runs it.

    ``effective`` is None where there is no sshd; ``problem`` says why sshd could not be asked. ``on_demand`` is whether
    systemd holds its socket; ``servers`` are those that listen with options of their own, and ``files_of_servers`` the
    texts of the files that they read, by the path of the first of them.
    """

    effective: Mapping[str, str] | None
    files: Mapping[str, str]
    changed: float
    unit: Unit | None
    problem: str = ""
    on_demand: bool = False
    servers: tuple[RunningSshd, ...] = ()
    files_of_servers: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


class Sshd(Kind):
    name = "sshd"
    SETTINGS = {
        "option": Setting("str", pattern=r"^[A-Z][A-Za-z0-9]+$"),
        "value": Setting("any"),
        "op": Setting("str", required=False, choices=OPERATIONS, default="equal"),
        "accept": Setting("list", required=False, default=()),
    }

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if (settings.get("op") in OF_LISTS) != isinstance(settings.get("value"), (list, tuple)):
            problems.append("settings.value is a list exactly when settings.op is excludes or only")
        if settings.get("op") == "each_at_most" and str(settings.get("option")).lower() not in PARTS:
            problems.append(f"settings.op each_at_most is for {' and '.join(PARTS)}")
        return problems

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"sshd {settings['option'].lower()}",)

    def units(self, controls: Sequence[Control]) -> Sequence[str]:
        if controls:
            return ssh_server.UNITS
        return ()

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        if host.which("sshd") is None:
            return State(effective=None, files={}, changed=0.0, unit=None)
        files = _read_files(host)
        stats = [info for info in map(host.stat, files) if info is not None]
        running = {name: unit for name, unit in context.units(host, ssh_server.UNITS).items() if unit.running}
        done = host.run(["sshd", "-T", *ANY_CONNECTION])
        problem = "" if done.rc == 0 else f"sshd -T says: {done.err_line}"
        servers = running_with_options(host)
        return State(
            effective=parse_effective(done.out),
            files=files,
            changed=max((s.ctime for s in stats), default=0.0),
            unit=next((running[name] for name in ssh_server.SERVICES if name in running), None),
            problem=problem,
            on_demand=any(name in running for name in ssh_server.SOCKETS),
            servers=servers,
            files_of_servers={
                path: _read_files(host, path) for path in {server.configuration for server in servers} if path
            },
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        writable = [c for c, a in zip(controls, assessments) if a.to_enforce and _deviates(c, state)]
        behind = [c for c, a in zip(controls, assessments) if a.verdicts.running.observed == NOT_READ]
        return KindPlan.of(assessments, [_group(writable, behind, state)])


def parse_effective(output: str) -> dict[str, str]:
    """Return the values of ``sshd -T`` by option: one a line, in lower case; several of one are joined by commas."""
    values: dict[str, str] = {}
    for line in split_lines(output):
        option, _blank, value = line.partition(" ")
        values[option] = f"{values[option]},{value}" if option in values else value
    return values


def _read_files(host: Host, main: str = MAIN) -> dict[str, str]:
    """Return the texts of all files that a configuration of sshd includes, by path."""
    files: dict[str, str] = {}
    waiting = [main]
    while waiting:
        path = waiting.pop()
        text = read_text(host, path)
        if text is None or path in files:
            continue
        files[path] = text
        wanted = [p for line in parse(path, text) if line.option == "include" for p in patterns(line)]
        waiting += [included for pattern in wanted for included in host.glob(pattern)]
    return files


def _value(control: Control, state: State) -> str | None:
    """Return the value that sshd runs with after it has read its files, None where it does not know the option."""
    option, effective = control.settings["option"].lower(), state.effective or {}
    if control.settings.get("op") == "named":  # each of these lists limits who may log in
        return next((effective[name] for name in LISTS_OF_WHO if name in effective), "")
    value = effective.get(option)
    if value is None and option in UNPRINTED:
        line = first(state.files, option)
        value = line.value if line else UNPRINTED[option]
    if value is None:
        return None
    return SYNONYMS.get(value, value)


def _fine(control: Control, value: str) -> bool:
    settings = control.settings
    if settings.get("op") in OF_LISTS:
        return not _offending(control, value)
    if settings.get("op") == "named":
        return bool(value)
    if settings.get("op") == "each_at_most":
        return PARTS[settings["option"].lower()].within(value, settings["value"])
    if settings.get("op") == "at_most" and settings["option"].lower() in ENDLESS_AT_ZERO:
        return compare("up_to", value, settings["value"])
    accept = [setting_text(v).lower() for v in settings.get("accept", ())]
    wanted = settings["value"] if isinstance(settings["value"], int) else setting_text(settings["value"]).lower()
    return compare(settings.get("op", "equal"), SYNONYMS.get(value.lower(), value.lower()), wanted, accept)


def _offending(control: Control, value: str) -> list[str]:
    """Return the names in a list that should not be there."""
    only = control.settings["op"] == "only"
    names = value.replace(",", " ").split()
    return [n for n in names if any(fnmatch.fnmatchcase(n, p) for p in control.settings["value"]) != only]


def _deviates(control: Control, state: State) -> bool:
    value = _value(control, state)
    return not state.problem and value is not None and not _fine(control, value)


def _written(control: Control, state: State) -> str:
    """Return the value of an option as our drop-in spells it; what is stricter already stays so."""
    value = control.settings["value"]
    if control.settings.get("op") == "each_at_most":
        return PARTS[control.settings["option"].lower()].strictest(_value(control, state) or "", value)
    if control.settings.get("op") == "excludes":
        return "-" + ",".join(value)
    return setting_text(value)


def _wanted(control: Control) -> str:
    settings = control.settings
    op, value = settings.get("op", "equal"), settings["value"]
    if op == "only":
        return "only " + ", ".join(value)
    if op == "excludes":
        return "none of " + ", ".join(value)
    if op == "named":
        if value == UNNAMED:
            return "limited to groups that the site names"
        return f"limited to {value}"
    if op == "each_at_most":
        return f"at most {value}"
    return describe_wanted(op, value, settings.get("accept", ()))


def _describe(control: Control, value: str) -> str:
    """Return a value as people read it; of a list of algorithms what should not be offered."""
    op = control.settings.get("op")
    if op not in OF_LISTS:
        return value or "not set"
    offending = ", ".join(_offending(control, value))
    if op == "only":
        return f"takes {offending}" if offending else "nothing else"
    return f"offers {offending}" if offending else "none of them offered"


def _assess(control: Control, state: State) -> Assessment:
    option, wanted = control.settings["option"], _wanted(control)
    subject = f"sshd {option}"
    if state.effective is None:
        return not_applicable(control, subject, wanted, "there is no SSH server on this host")
    if state.problem:
        return unknown(control, subject, wanted, state.problem)
    value = _value(control, state)
    if value is None:
        return not_applicable(control, subject, wanted, "this sshd does not know the option")
    fine, before = _fine(control, value), _describe(control, value)
    exceptions = _exceptions(control, state.files)
    blocked = None if fine else _blocker(control, state)
    disk = judge(fine, before)
    remark = ""
    if exceptions:
        disk = judge(False, _where(exceptions[0]))
        remark = f"{_where(exceptions[0])}; take it out there"
    running = _running(state, fine, before)
    elsewhere = [f"{server} {trouble}" for server in state.servers if (trouble := _trouble_of(control, state, server))]
    if elsewhere:
        running = disk = judge(False, elsewhere[0])
        remark = "; ".join([*filter(None, [remark]), *elsewhere, "change it there"])
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before if fine or blocked else _after(control, state),
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        remark=remark,
        blocked=blocked,
    )


def _running(state: State, fine: bool, before: str) -> Verdict:
    """Return what the running sshd does: what its files say, where it has read them since they were changed."""
    if state.unit is None and not state.on_demand:
        return Verdict(NOTAPPLICABLE, "sshd does not run as a service")
    if state.unit and fine and state.changed > state.unit.since:
        return judge(False, NOT_READ)
    return judge(fine, before)


def _trouble_of(control: Control, state: State, server: RunningSshd) -> str:
    """Return what a server with options of its own has against a control, empty where it has nothing.

    Where it reads the usual file, what is set there for some is told of that one.
    """
    if server.problem:
        return f"could not be asked: {server.problem}"
    option, files = control.settings["option"], state.files_of_servers.get(server.configuration, {})
    effective = State(effective=parse_effective(server.effective), files={}, changed=0.0, unit=None)
    value = _value(control, effective)
    if value is None:
        return ""
    if not _fine(control, value):
        return f"has {option} {_describe(control, value)}"
    exceptions = _exceptions(control, files, server.configuration)
    if exceptions:
        return f"reads {_where(exceptions[0])}"
    return ""


def _exceptions(control: Control, files: Mapping[str, str], main: str = MAIN) -> list[Line]:
    """Return the lines of a configuration that decide a control's option otherwise for some."""
    option = control.settings["option"]
    return [line for line in in_match(files, option, main) if not _fine(control, normal(option, line.value))]


def _after(control: Control, state: State) -> str:
    if control.settings.get("op") == "excludes":
        return "none of them offered"
    return _written(control, state)


def _where(line: Line) -> str:
    return f"{line.path}:{line.number} sets {line.value} for Match {line.match}"


def _blocker(control: Control, state: State) -> Blocked | None:
    """Return why our drop-in would not decide this option, None where it would."""
    option, op = control.settings["option"], control.settings.get("op")
    if op == "only":
        return Blocked(f"{_who_adds(control, state)}; take it out there")
    if op == "named" and control.settings["value"] == UNNAMED:
        return Blocked("which groups may log in is for the site to say: name them in sshd_allow_groups")
    if not includes(state.files, DROP_IN):
        include = "'Include /etc/ssh/sshd_config.d/*.conf'"
        return Blocked(f"{MAIN} has no line {include} outside of a Match block; add one at its top")
    planned = {**state.files, DROP_IN: f"{option} {_written(control, state)}\n"}
    lines = [line for line in flatten(planned) if line.option == option.lower() and not line.match]
    if option.lower() in LAST_WINS and lines[-1].path != DROP_IN:
        last = f"{lines[-1].path}:{lines[-1].number} sets it to {lines[-1].value}"
        return Blocked(f"{last}, and of this sshd takes the last; take it out there")
    if option.lower() not in LAST_WINS and lines[0].path != DROP_IN:
        where = f"{lines[0].path}:{lines[0].number} sets it to {lines[0].value}"
        return Blocked(f"{where} before our drop-in is read; take it out there")
    return None


def _who_adds(control: Control, state: State) -> str:
    option = control.settings["option"].lower()
    for line in flatten(state.files):
        if line.option == option and _offending(control, line.value):
            return f"{line.path}:{line.number} adds {line.value}"
    return "sshd adds it by itself"


def _group(writable: Sequence[Control], behind: Sequence[Control], state: State) -> Group:
    """Return the group that writes our drop-in, or only has a running sshd read what is written."""
    ids = tuple(control.id for control in [*writable, *behind])
    effects: tuple[Effect, ...] = ()
    if state.unit:
        effects = (Effect("reload", state.unit.name),)
    if writable:
        step = _drop_in_step(writable, state, ids)
        return Group(name="sshd", steps=(step,), checks=(("sshd", "-t"),), effects=effects)
    steps: tuple[Step, ...] = ()
    if behind and state.unit:
        steps = (unread(state.unit.name, ids),)
    return Group(name="sshd", steps=steps, effects=effects)


def _drop_in_step(writable: Sequence[Control], state: State, ids: tuple[str, ...]) -> Step:
    wanted = {c.settings["option"].lower(): f"{c.settings['option']} {_written(c, state)}" for c in writable}
    text = with_header(list(merged(_own_lines(state), wanted).values()))
    return Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(text), 0o600),
        before="\n".join(f"{c.settings['option']} {_describe(c, _value(c, state) or '')}" for c in writable),
        after="\n".join(wanted.values()),
        why="sshd takes the first value that it reads",
        controls=ids,
    )


def _own_lines(state: State) -> dict[str, str]:
    lines = [line for line in split_lines(state.files.get(DROP_IN, "")) if line.strip() and not line.startswith("#")]
    return {line.split()[0].lower(): line for line in lines}
