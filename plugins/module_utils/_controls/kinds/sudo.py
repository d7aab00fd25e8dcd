# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of sudo, as sudo's own tool reads them (cvtsudoers), kept in a drop-in that visudo has checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, file_image
from ..._host.door import Host, Stat
from ..._host.dropin import encode, merged, read_text, with_header
from ..._text.lines import split_lines
from ..._text.quoting import from_sudo_value
from ..._vocabulary.results import DEVIATES, OK
from ..context import SurveyContext
from ..measures import ORDERED, compare
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.account_files import Accounts, read_accounts
from ..support.sudo_rules import CHECKS, SudoRule, parse_rules, read_document

MAIN = "/etc/sudoers"
NSSWITCH = "/etc/nsswitch.conf"
#: Later files win, and names with a dot are not read at all.
DROP_IN = "/etc/sudoers.d/zz-healthops"
_INCLUDE = re.compile(r'^[ \t]*[@#]includedir[ \t]+"?(/etc/)?sudoers\.d/*"?[ \t]*(#.*)?$', re.MULTILINE)
#: In /etc/nsswitch.conf, the sources of rules that are no files of this host.
_SOURCES = re.compile(r"^sudoers:([^#\n]*)", re.MULTILINE)
#: How values with an order are read; all others are whole numbers.
MEASURES = {"timestamp_timeout": "sudo_minutes", "passwd_timeout": "sudo_minutes"}


@dataclass(frozen=True)
class State:
    """The Defaults that hold for everybody, those bound to some (user, host, command), and our own drop-in.

    ``problem`` says why sudo's rules could not be read, ``refused`` what sudo does not take of its Defaults, and
    ``directory`` where rules come from beside the files. ``accounts`` is None where no control is about rules.
    """

    installed: bool = True
    defaults: Mapping[str, Any] = field(default_factory=dict)
    bound: tuple[tuple[str, Any], ...] = ()
    ours: str = ""
    included: bool = False
    problem: str = ""
    refused: tuple[str, ...] = ()
    directory: str = ""
    rules: tuple[SudoRule, ...] = ()
    accounts: Accounts | None = None
    programs: Mapping[str, Stat | None] = field(default_factory=dict)


class Sudo(Kind):
    name = "sudo"
    SETTINGS = {
        "default": Setting("str", required=False, pattern=r"^[a-z][a-z0-9_]+$"),
        "value": Setting("scalar", required=False),
        "rule": Setting("str", required=False, choices=tuple(CHECKS)),
        "except": Setting("list", required=False, default=()),
        "op": Setting("str", required=False, choices=("equal", "at_most", "up_to"), default="equal"),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"sudo {settings['default']}" if "default" in settings else f"sudo rules {settings['rule']}",)

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        present = tuple(key for key in ("default", "value", "rule") if key in settings)
        if present not in (("default", "value"), ("rule",)):
            problems.append("settings hold either default and value, or rule")
        return problems

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        if host.which("cvtsudoers") is None:
            present = host.which("sudo") is not None or host.stat(MAIN) is not None
            return State(installed=present, problem="cvtsudoers, which reads sudo's rules, is not on this host")
        done = host.run(["cvtsudoers", "-f", "json", MAIN])
        if done.rc != 0:
            return State(problem=f"cvtsudoers says: {done.err_line}")
        defaults, bound = parse_defaults(done.out)
        directory = _directory(read_text(host, NSSWITCH) or "")
        if directory:
            listing = host.run(["sudo", "--list", "--other-user=root"])
            if listing.rc != 0:
                return State(problem=f"sudo --list says: {listing.err_line}")
            defaults = parse_listing(listing.out)
        state = State(
            defaults=defaults,
            bound=bound,
            ours=read_text(host, DROP_IN) or "",
            included=bool(_INCLUDE.search(read_text(host, MAIN) or "")),
            refused=_refused(host),
            directory=directory,
        )
        if not any("rule" in control.settings for control in controls):
            return state
        rules = parse_rules(done.out)
        paths = {path for rule in rules for path in rule.paths}
        programs = {path: host.stat(host.resolve(path)) for path in paths}
        return replace(state, rules=rules, accounts=read_accounts(host), programs=programs)

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce and state.included]
        return KindPlan(assessments, _groups(failing, state))


def _refused(host: Host) -> tuple[str, ...]:
    """Return what sudo does not take: cvtsudoers prints numbers that are none, and sums of what cannot be added to."""
    done = host.run(["visudo", "--check", f"--file={MAIN}"])
    if done.rc == 0:
        return ()
    return tuple(line for line in split_lines(done.err) if line.strip())


def parse_defaults(output: str) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """Return the Defaults of cvtsudoers' JSON: those for everybody, of which the last counts, and those for some."""
    defaults: dict[str, Any] = {}
    bound: list[tuple[str, Any]] = []
    for entry in read_document(output).get("Defaults", []):
        for option in entry.get("Options", []):
            if "Binding" in entry:
                bound += list(option.items())
            else:
                defaults.update(option)
    return defaults, tuple(bound)


def parse_listing(output: str) -> dict[str, Any]:
    """Return the Defaults that ``sudo --list`` names, from all its sources; of one that comes twice the last."""
    block = re.search(r"^Matching Defaults entries for [^\n]*:\n(.*?)(?:\n\n|\Z)", output, re.MULTILINE | re.DOTALL)
    entries = re.split(r",\s+", " ".join(block[1].split())) if block else []
    defaults: dict[str, Any] = {}
    for entry in entries:
        name, equals, value = entry.partition("=")
        plain = from_sudo_value(value)
        defaults[name.strip("!+- ")] = plain if equals else not entry.startswith("!")
    return defaults


def _directory(nsswitch: str) -> str:
    """Return the sources of sudo's rules that are no files, as nsswitch.conf names them; empty where there is none."""
    match = _SOURCES.search(nsswitch)
    sources = re.sub(r"\[[^\]]*\]", "", match[1]).split() if match else []
    return " ".join(source for source in sources if source.lower() != "files")


def _assess(control: Control, state: State) -> Assessment:
    if "rule" in control.settings:
        return _assess_rule(control, state)
    return _assess_default(control, state)


def _assess_rule(control: Control, state: State) -> Assessment:
    """Judge the rules, which are the site's own: what is wrong with one is told and never changed."""
    check, wanted = CHECKS[control.settings["rule"]]
    subject = f"sudo: {wanted}"
    if not state.installed:
        return not_applicable(control, subject, wanted, "there is no sudo on this host")
    if state.problem or state.accounts is None:
        return unknown(control, subject, wanted, state.problem)
    if state.directory:
        reason = f"rules come from {state.directory} as well ({NSSWITCH}), and no program of this host lists them all"
        return unknown(control, subject, wanted, reason)
    excepted = frozenset(control.settings.get("except", ()))
    wrong = [line for rule in state.rules for line in check(rule, state.accounts, state.programs, excepted)]
    before = "; ".join(dict.fromkeys(wrong)) or "nothing wrong"
    advice = f"{before}; rules are never changed, so a person has to look at them"
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before,
        verdicts=Verdicts.same(judge(not wrong, before)),
        blocked=Blocked(advice) if wrong else None,
    )


def _fine(control: Control, value: Any) -> bool:
    wanted = control.settings["value"]
    op = control.settings.get("op", "equal")
    if op != "equal":
        number = "0" if value is False else str(value)  # "!passwd_timeout" is nought
        return compare(op, number, wanted, (), MEASURES.get(control.settings["default"], "number"))
    return value is wanted if isinstance(wanted, bool) else str(value) == str(wanted)


def _line(control: Control) -> str:
    name, value = control.settings["default"], control.settings["value"]
    if isinstance(value, bool):
        return f"Defaults {'' if value else '!'}{name}"
    plain = str(value) if re.match(r"^[\w./:+-]+$", str(value)) else json.dumps(str(value))
    return f"Defaults {name}={plain}"


def _describe(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)


def _assess_default(control: Control, state: State) -> Assessment:
    name, value = control.settings["default"], control.settings["value"]
    subject = f"sudo {name}"
    wanted = ORDERED.get(control.settings.get("op", ""), "") + _describe(value)
    if not state.installed:
        return not_applicable(control, subject, wanted, "there is no sudo on this host")
    problem = state.problem or next((line for line in state.refused if f'"{name}"' in line), "")
    if problem:
        return unknown(control, subject, wanted, problem)
    bound_values = [bound_value for bound, bound_value in state.bound if bound == name]
    exceptions = [bound_value for bound_value in bound_values if not _fine(control, bound_value)]
    if exceptions:
        verdict = judge(False, f"{_describe(exceptions[0])} for some")
    else:
        verdict = judge(_fine(control, state.defaults.get(name)), _describe(state.defaults.get(name)))
    remark, blocked = "", None
    if exceptions:
        remark = f"a Defaults entry bound to a user, host or command sets it to {exceptions[0]}; take it out there"
    elif verdict.state == DEVIATES and not state.included:
        blocked = Blocked(f"{MAIN} does not include /etc/sudoers.d; add the line '@includedir /etc/sudoers.d'")
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=verdict.observed,
        after=verdict.observed if verdict.state == OK or exceptions or blocked else _describe(value),
        verdicts=Verdicts.same(verdict),
        remark=remark,
        blocked=blocked,
    )


def _groups(failing: Sequence[Control], state: State) -> tuple[Group, ...]:
    """Return the group that writes our drop-in; none where only entries that are bound to some deviate."""
    writable = [c for c in failing if not _fine(c, state.defaults.get(c.settings["default"]))]
    wanted = {control.settings["default"]: _line(control) for control in writable}
    if not wanted:
        return ()
    step = Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(with_header(list(merged(_own_lines(state.ours), wanted).values()))), mode=0o440),
        before="\n".join(f"# {name}: {_describe(state.defaults.get(name))}" for name in wanted),
        after="\n".join(wanted.values()),
        why="sudo takes the last value that it reads",
        controls=tuple(control.id for control in writable),
    )
    # With --file it checks what the rules say; modes are the business of the controls for files.
    return (Group(name="sudo", steps=(step,), checks=(("visudo", "--check", f"--file={MAIN}"),)),)


def _own_lines(text: str) -> dict[str, str]:
    lines = [line for line in split_lines(text) if line.startswith("Defaults ")]
    return {line.split(None, 1)[1].lstrip("!").split("=")[0]: line for line in lines}
