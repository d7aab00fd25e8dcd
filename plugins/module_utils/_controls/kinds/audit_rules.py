# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel notes about what people do: audit rules in a file of ours, compiled by augenrules. Private.

On disk is what augenrules compiled, the next boot compiles anew from rules.d, and what runs is what the kernel tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.audit import (
    COMPILED,
    LOAD,
    PROGRAM,
    RulesFile,
    growing_image,
    kernel_rules,
    locked,
    privileged_programs,
)
from ..._change.subjects.awaited import AwaitedFile
from ..._change.subjects.compiled import MADE_ANEW, Compiled
from ..._change.subjects.files import File, file_image
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text
from ..._host.facts import container
from ..._host.formats import FORMATS
from ..._vocabulary.results import NOTAPPLICABLE, OK
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable
from ..support.audit_syntax import RULE, Same, lines, meaning, meanings, silences

FOLDER = "/etc/audit/rules.d"
OURS = f"{FOLDER}/healthops.rules"
#: One rule that this kernel does not take, or whose path is not there, must not cost those after it.
HEAD = HEADER + "-i\n"
_PRIVILEGED = "runs privileged"
_AND_MORE = "and those for programs that packages of this run bring"


@dataclass(frozen=True)
class State:
    """The wanted lines of each control, and what is in rules.d, compiled, in the kernel, and in our own file.

    ``running`` is None where the kernel does not audit. ``growing`` is, for controls about programs that packages of
    this same run may bring, the rule for each of those.
    """

    there: bool
    wanted: Mapping[str, tuple[str, ...]]
    growing: Mapping[str, str]
    written: frozenset[Same]
    compiled: frozenset[Same]
    running: frozenset[Same] | None
    locked: bool
    ours: str
    in_container: bool

    @property
    def silent(self) -> bool:
        return any(map(silences, self.written))


class AuditRules(Kind):
    name = "audit_rules"
    SETTINGS = {"key": Setting("str", pattern=r"^[a-z][a-z0-9-]{2,30}$"), "rules": Setting("list")}

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        strange = [] if problems else [rule for rule in settings["rules"] if not RULE.fullmatch(str(rule))]
        words = "watch PATH PERMISSIONS, calls NAMES [FILTERS], runs PATH or runs privileged"
        return problems + [f"settings.rules holds {rule!r}, wanted {words}" for rule in strange]

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(f"audit rule {rule}" for rule in settings["rules"])

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        there = host.which("auditctl") is not None and host.stat(FOLDER) is not None
        in_container = bool(container(host))
        running = kernel_rules(host) if there and not in_container else None
        wanted, growing = _wanted(host, controls)
        texts = [read_text(host, path) or "" for path in ordered_files(host, [FOLDER], "*.rules")]
        return State(
            there=there,
            wanted=wanted,
            growing=growing,
            written=frozenset(meanings(line for text in texts for line in text.splitlines())),
            compiled=frozenset(meanings((read_text(host, COMPILED) or "").splitlines())),
            running=None if running is None else frozenset(meanings(running)),
            locked=running is not None and locked(host),
            ours=read_text(host, OURS) or "",
            in_container=in_container,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail" and not a.reason]
        return KindPlan(assessments, _groups(failing, state))


def _wanted(host: Host, controls: Sequence[Control]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """What each control wants, and the rule for each program that is still to come."""
    machine = host.read_text("/proc/sys/kernel/arch").strip()
    machine = machine or host.run(["uname", "-m"]).out.strip()
    first = FORMATS["login_defs"].get(read_text(host, "/etc/login.defs") or "", "UID_MIN") or ""
    people_from = int(first) if first.isdigit() else 1000
    about_programs = [control for control in controls if _PRIVILEGED in control.settings["rules"]]
    privileged = privileged_programs(host) if about_programs else []

    def spelled(control: Control, rules: Sequence[str]) -> tuple[str, ...]:
        key = control.settings["key"]
        return tuple(line for rule in rules for line in lines(rule, key, machine, people_from, privileged))

    growing = {c.id: spelled(c, [f"runs {PROGRAM}"])[0] for c in about_programs if c.coming}
    return {c.id: spelled(c, c.settings["rules"]) for c in controls}, growing


def _missing(control: Control, state: State, seen: frozenset[Same]) -> list[str]:
    return [line for line in state.wanted[control.id] if meaning(line) not in seen]


def _assess(control: Control, state: State) -> Assessment:
    subject, wanted = f"audit rules {control.settings['key']}", state.wanted[control.id]
    told = f"{len(wanted)} rules"
    if not state.there and not control.awaits:
        return not_applicable(control, subject, told, "there is no auditctl on this host")
    if not wanted:
        return not_applicable(control, subject, told, "this machine has none of these system calls or programs")
    disk, boot = (_verdict(control, state, seen) for seen in (state.compiled, state.written))
    if state.running is None:
        running = Verdict(NOTAPPLICABLE, "the machine's kernel" if state.in_container else "the kernel does not audit")
    else:
        running = _verdict(control, state, state.running)
    if control.id in state.growing and boot.state == OK:
        boot = judge(False, "packages of this run may bring more such programs")
    fine = "deviates" not in (running.state, disk.state, boot.state)
    before = f"{len(wanted) - len(_missing(control, state, state.written))} of {told}"
    reason = "" if fine else _hindrance(running, disk, boot, state)
    after = before if fine or reason else told + (f", {_AND_MORE}" if control.id in state.growing else "")
    return Assessment(control.id, subject, told, before, after, Verdicts(running, disk, boot), reason)


def _verdict(control: Control, state: State, seen: frozenset[Same]) -> Verdict:
    missing = _missing(control, state, seen)
    if state.silent:
        return judge(False, "a rule of the list task tells the kernel to audit nothing")
    return judge(not missing, f"not there: {missing[0]}" if missing else "all there")


def _hindrance(running: Verdict, disk: Verdict, boot: Verdict, state: State) -> str:
    if state.silent:
        return f"a rule in {FOLDER} keeps the kernel from auditing anything (never,task); take it out"
    if state.locked and running.state == "deviates" and (disk.state, boot.state) == ("ok", "ok"):
        return "the rules are locked until the next boot (-e 2), which brings them"
    return ""


def _groups(failing: Sequence[Control], state: State) -> tuple[Group, ...]:
    if not failing:
        return ()
    ids = tuple(control.id for control in failing)
    missing = {c.id: _missing(c, state, state.written) for c in failing}
    new = list(dict.fromkeys(line for c in failing for line in missing[c.id]))
    growing = [state.growing[control.id] for control in failing if control.id in state.growing]
    file = AwaitedFile if any(control.awaits for control in failing) else File
    steps = []
    if new or growing:
        image = file_image(encode((state.ours or HEAD) + "".join(f"{line}\n" for line in new)), mode=0o640)
        before = "\n".join(f"# {c.settings['key']}: {len(missing[c.id])} rules are not there" for c in failing)
        after = "\n".join([*new, *(f"# {_AND_MORE}" for _rule in growing)])
        words = (before, after, "augenrules compiles it with the other files of its folder")
        step = (RulesFile(OURS), growing_image(image, growing[0])) if growing else (file(OURS), image)
        steps.append(Step(*step, *words, ids))
    else:
        words = ("not as in " + FOLDER, "compiled and loaded", "the rules are written, but not in force")
        steps.append(Step(file(OURS), file_image(encode(state.ours)), *words, ids))
    steps.append(Step(Compiled("augenrules"), MADE_ANEW, "", "", "it compiles all files of the folder", ids))
    effects = () if state.in_container else (Effect(LOAD),)  # whose kernel lets callers wait, and fails
    return (Group("audit_rules", tuple(steps), (), effects),)
