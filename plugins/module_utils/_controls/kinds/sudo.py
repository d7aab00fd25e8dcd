# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Defaults of sudo, as sudo's own tool reads them (cvtsudoers), kept in a drop-in that visudo has checked. Private."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, file_image
from ..._host.door import Host, Stat
from ..._host.dropin import encode, merged, read_text, with_header
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.account_files import Accounts, read_accounts
from ..support.sudo_rules import CHECKS, Rule, parse_rules

MAIN = "/etc/sudoers"
#: Later files win, and names with a dot are not read at all.
DROP_IN = "/etc/sudoers.d/zz-healthops"
_INCLUDE = re.compile(r"^\s*[@#]includedir\s+/etc/sudoers\.d\s*$", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """The Defaults that hold for everybody, those bound to some (user, host, command), and our own drop-in."""

    installed: bool
    defaults: Mapping[str, Any]
    bound: tuple[tuple[str, Any], ...]
    ours: str
    included: bool
    problem: str = ""
    rules: tuple[Rule, ...] = ()
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
        kept = tuple(key for key in ("default", "value", "rule") if key in settings)
        if kept not in (("default", "value"), ("rule",)):
            problems.append("settings hold either default and value, or rule")
        return problems

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        if host.which("cvtsudoers") is None:
            return State(installed=False, defaults={}, bound=(), ours="", included=False)
        done = host.run(["cvtsudoers", "-f", "json", MAIN])
        if done.rc != 0:
            return State(
                installed=True,
                defaults={},
                bound=(),
                ours="",
                included=False,
                problem=f"cvtsudoers says: {done.err_line}",
            )
        defaults, bound = parse_defaults(done.out)
        included = bool(_INCLUDE.search(read_text(host, MAIN) or ""))
        ours = read_text(host, DROP_IN) or ""
        if not any("rule" in control.settings for control in controls):
            return State(installed=True, defaults=defaults, bound=bound, ours=ours, included=included)
        rules = parse_rules(done.out)
        paths = {path for rule in rules for path in rule.paths}
        accounts, programs = read_accounts(host), {path: host.stat(host.resolve(path)) for path in paths}
        return State(
            installed=True,
            defaults=defaults,
            bound=bound,
            ours=ours,
            included=included,
            problem="",
            rules=rules,
            accounts=accounts,
            programs=programs,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess_rule(c, state) if "rule" in c.settings else _assess(c, state) for c in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail" and state.included]
        wrong = [control for control in failing if "default" in control.settings]
        return KindPlan(assessments, _groups(wrong, state))


def parse_defaults(output: str) -> tuple[dict[str, Any], tuple[tuple[str, Any], ...]]:
    """cvtsudoers' JSON: the last unbound Defaults entry of a name counts."""
    defaults: dict[str, Any] = {}
    bound: list[tuple[str, Any]] = []
    for entry in json.loads(output).get("Defaults", []):
        for option in entry.get("Options", []):
            if "Binding" in entry:
                bound += list(option.items())
            else:
                defaults.update(option)
    return defaults, tuple(bound)


def _assess_rule(control: Control, state: State) -> Assessment:
    """Rules are the site's own, so what is wrong with one is told and never changed."""
    check, wanted = CHECKS[control.settings["rule"]]
    subject = f"sudo: {wanted}"
    if not state.installed:
        return not_applicable(control, subject, wanted, "there is no sudo on this host")
    if state.problem or state.accounts is None:
        return unknown(control, subject, wanted, state.problem)
    excepted = frozenset(control.settings.get("except", ()))
    wrong = [line for rule in state.rules for line in check(rule, state.accounts, state.programs, excepted)]
    saw = "; ".join(dict.fromkeys(wrong)) or "nothing wrong"
    verdict = judge(not wrong, saw)
    reason = f"{saw}; rules are never changed, so a person has to look at them" if wrong else ""
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=saw,
        after=saw,
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def _fine(control: Control, value: Any) -> bool:
    wanted = control.settings["value"]
    op = control.settings.get("op")
    if op in ("at_most", "up_to"):
        # A negative time never ends, so it is not "at most" anything; with up_to nought never ends either.
        return str(value).lstrip("-").isdigit() and (op == "up_to") <= int(value) <= int(wanted)
    return value is wanted if isinstance(wanted, bool) else str(value) == str(wanted)


def _line(control: Control) -> str:
    name, value = control.settings["default"], control.settings["value"]
    if isinstance(value, bool):
        return f"Defaults {'' if value else '!'}{name}"
    plain = str(value) if re.match(r"^[\w./:+-]+$", str(value)) else json.dumps(str(value))
    return f"Defaults {name}={plain}"


def _told(name: str, value: Any) -> str:
    if value is None:
        return "not set"
    return ("on" if value else "off") if isinstance(value, bool) else str(value)


def _assess(control: Control, state: State) -> Assessment:
    name, value = control.settings["default"], control.settings["value"]
    subject = f"sudo {name}"
    wanted = {"at_most": "at most ", "up_to": "1 to "}.get(control.settings.get("op", ""), "") + _told(name, value)
    if not state.installed:
        return not_applicable(control, subject, wanted, "there is no sudo on this host")
    if state.problem:
        return unknown(control, subject, wanted, state.problem)
    seen = state.defaults.get(name)
    exceptions = [other for bound, other in state.bound if bound == name and not _fine(control, other)]
    fine = _fine(control, seen) and not exceptions
    verdict = judge(fine, _told(name, seen) if not exceptions else f"{_told(name, exceptions[0])} for some")
    reason = ""
    if exceptions:
        reason = f"a Defaults entry bound to a user, host or command sets it to {exceptions[0]}; take it out there"
    elif not fine and not state.included:
        reason = f"{MAIN} does not include /etc/sudoers.d; add the line '@includedir /etc/sudoers.d'"
    after = verdict.saw if fine or reason else _told(name, value)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=verdict.saw,
        after=after,
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def _groups(wrong: Sequence[Control], state: State) -> tuple[Group, ...]:
    wanted = {c.settings["default"]: _line(c) for c in wrong if not _fine(c, state.defaults.get(c.settings["default"]))}
    if not wanted:
        return ()
    ids = tuple(c.id for c in wrong if c.settings["default"] in wanted)
    text = with_header(list(merged(_own_lines(state.ours), wanted).values()))
    before = "\n".join(f"# {name}: {_told(name, state.defaults.get(name))}" for name in wanted)
    step = Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(text), mode=0o440),
        before=before,
        after="\n".join(wanted.values()),
        why="sudo takes the last value that it reads",
        controls=ids,
    )
    # With --file it checks what the rules say; modes are the business of the controls for files.
    return (Group(name="sudo", steps=(step,), checks=(("visudo", "--check", f"--file={MAIN}"),)),)


def _own_lines(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.startswith("Defaults ")]
    return {line.split(None, 1)[1].lstrip("!").split("=")[0]: line for line in lines}
