# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel notes about what people do: audit rules in a file of ours, compiled by augenrules.

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
    LOADED,
    PROGRAM,
    KernelRules,
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
from ..._host.formats import FORMATS
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from ..._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable
from ..support.audit_syntax import RULE, RuleMeaning, lines, meaning, meanings, silences

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

    installed: bool
    wanted: Mapping[str, tuple[str, ...]]
    growing: Mapping[str, str]
    written: frozenset[RuleMeaning]
    compiled: frozenset[RuleMeaning]
    running: frozenset[RuleMeaning] | None
    locked: bool
    ours: str
    in_container: bool

    @property
    def silent(self) -> bool:
        """Return whether a rule on the disk keeps the kernel from recording anything."""
        return any(map(silences, self.written))


class AuditRules(Kind):
    name = "audit_rules"
    SETTINGS = {"key": Setting("str", pattern=r"^[a-z][a-z0-9-]{2,30}$"), "rules": Setting("list")}

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if problems:
            return problems
        strange = [rule for rule in settings["rules"] if not RULE.fullmatch(str(rule))]
        accepted = "watch PATH PERMISSIONS, calls NAMES [FILTERS], runs PATH or runs privileged"
        return [f"settings.rules holds {rule!r}, wanted {accepted}" for rule in strange]

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(f"audit rule {rule}" for rule in settings["rules"])

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        installed = host.which("auditctl") is not None and host.stat(FOLDER) is not None
        running = kernel_rules(host) if installed and not context.in_container else None
        wanted, growing = _wanted(host, controls)
        texts = [read_text(host, path) or "" for path in ordered_files(host, [FOLDER], "*.rules")]
        return State(
            installed=installed,
            wanted=wanted,
            growing=growing,
            written=frozenset(meanings(line for text in texts for line in split_lines(text))),
            compiled=frozenset(meanings(split_lines(read_text(host, COMPILED) or ""))),
            running=None if running is None else frozenset(meanings(running)),
            locked=running is not None and locked(host),
            ours=read_text(host, OURS) or "",
            in_container=context.in_container,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan.of(assessments, [_group(failing, state)])


def _wanted(host: Host, controls: Sequence[Control]) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """Return the lines that each control wants, and the rule for each program that is still to come."""
    machine = host.read_text("/proc/sys/kernel/arch").strip()
    machine = machine or host.run(["uname", "-m"]).out.strip()
    first = FORMATS["login_defs"].get(read_text(host, "/etc/login.defs") or "", "UID_MIN") or ""
    people_from = int(first) if is_natural(first) else 1000
    about_programs = [control for control in controls if _PRIVILEGED in control.settings["rules"]]
    privileged = privileged_programs(host) if about_programs else []

    def spelled(control: Control, rules: Sequence[str]) -> tuple[str, ...]:
        key = control.settings["key"]
        return tuple(line for rule in rules for line in lines(rule, key, machine, people_from, privileged))

    growing = {c.id: spelled(c, [f"runs {PROGRAM}"])[0] for c in about_programs if c.coming}
    return {c.id: spelled(c, c.settings["rules"]) for c in controls}, growing


def _missing(control: Control, state: State, present_rules: frozenset[RuleMeaning]) -> list[str]:
    return [line for line in state.wanted[control.id] if meaning(line) not in present_rules]


def _assess(control: Control, state: State) -> Assessment:
    subject, lines_ = f"audit rules {control.settings['key']}", state.wanted[control.id]
    wanted = f"{len(lines_)} rules"
    if not state.installed and not control.awaits:
        return not_applicable(control, subject, wanted, "there is no auditctl on this host")
    if not lines_:
        return not_applicable(control, subject, wanted, "this machine has none of these system calls or programs")
    verdicts = Verdicts(
        running=_running(control, state),
        on_disk=_verdict(control, state, state.compiled),
        survives_reboot=_after_reboot(control, state),
    )
    fine = all(verdict.state != DEVIATES for verdict in verdicts.all)
    blocked = None if fine else _blocker(verdicts, state)
    before = f"{len(lines_) - len(_missing(control, state, state.written))} of {wanted}"
    after = f"{wanted}, {_AND_MORE}" if control.id in state.growing else wanted
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=before,
        after=before if fine or blocked else after,
        verdicts=verdicts,
        blocked=blocked,
    )


def _running(control: Control, state: State) -> Verdict:
    if state.running is None:
        return Verdict(NOTAPPLICABLE, "the machine's kernel" if state.in_container else "the kernel does not audit")
    return _verdict(control, state, state.running)


def _after_reboot(control: Control, state: State) -> Verdict:
    verdict = _verdict(control, state, state.written)
    if control.id in state.growing and verdict.state == OK:
        return judge(False, "packages of this run may bring more such programs")
    return verdict


def _verdict(control: Control, state: State, present_rules: frozenset[RuleMeaning]) -> Verdict:
    missing = _missing(control, state, present_rules)
    if state.silent:
        return judge(False, "a rule of the list task tells the kernel to audit nothing")
    return judge(not missing, f"not there: {missing[0]}" if missing else "all there")


def _blocker(verdicts: Verdicts, state: State) -> Blocked | None:
    """Return why rules that are not in force are left as they are, None where they can be written."""
    if state.silent:
        return Blocked(f"a rule in {FOLDER} keeps the kernel from auditing anything (never,task); take it out")
    stored = (verdicts.on_disk.state, verdicts.survives_reboot.state) == (OK, OK)
    if state.locked and verdicts.running.state == DEVIATES and stored:
        return Blocked("the rules are locked until the next boot (-e 2), which brings them")
    return None


def _group(failing: Sequence[Control], state: State) -> Group:
    """Return the group that writes our file, compiles it with the others, and has the kernel load the rules."""
    if not failing:
        return Group("audit_rules", ())
    ids = tuple(control.id for control in failing)
    file_steps = _file_steps(failing, state, ids)
    uncompiled = [control for control in failing if _missing(control, state, state.compiled)]
    if not file_steps and not uncompiled:
        return Group(name="audit_rules", steps=(_loading(failing, state, ids),))
    shown = [] if file_steps else uncompiled
    compiling = Step(
        subject=Compiled("augenrules"),
        wanted=MADE_ANEW,
        before="\n".join(f"# {c.settings['key']}: {len(_missing(c, state, state.compiled))} not there" for c in shown),
        after="\n".join(f"# {c.settings['key']}: all as in {FOLDER}" for c in shown),
        why="it compiles all files of the folder",
        controls=ids,
    )
    effects = () if state.in_container else (Effect(LOAD),)  # whose kernel lets callers wait, and fails
    return Group(name="audit_rules", steps=(*file_steps, compiling), effects=effects)


def _loading(failing: Sequence[Control], state: State, ids: tuple[str, ...]) -> Step:
    """Return the step for rules that are on disk, compiled, and not in the kernel."""
    running = state.running or frozenset()
    missing = [line for control in failing for line in _missing(control, state, running)]
    return Step(
        subject=KernelRules(),
        wanted=dict(LOADED),
        before="\n".join(f"# not there: {line}" for line in missing),
        after="\n".join(missing),
        why="the rules are written, but not in force",
        controls=ids,
    )


def _file_steps(failing: Sequence[Control], state: State, ids: tuple[str, ...]) -> list[Step]:
    """Return the step for our file; none where all rules are in some file of the folder."""
    missing = {control.id: _missing(control, state, state.written) for control in failing}
    new = list(dict.fromkeys(line for lines_ in missing.values() for line in lines_))
    growing = [state.growing[control.id] for control in failing if control.id in state.growing]
    if not new and not growing:
        return []
    file = AwaitedFile if any(control.awaits for control in failing) else File
    image = file_image(encode((state.ours or HEAD) + "".join(f"{line}\n" for line in new)), mode=0o600)
    write = Step(
        subject=RulesFile(OURS) if growing else file(OURS),
        wanted=growing_image(image, growing[0]) if growing else image,
        before="\n".join(f"# {c.settings['key']}: {len(missing[c.id])} rules are not there" for c in failing),
        after="\n".join([*new, *(f"# {_AND_MORE}" for _rule in growing)]),
        why="augenrules compiles it with the other files of its folder",
        controls=ids,
    )
    return [write]
