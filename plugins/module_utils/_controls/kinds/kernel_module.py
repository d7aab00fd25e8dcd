# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules that nobody needs on a clinical server: not loaded, and not loadable by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.kernel import LoadedModule
from ..._errors import ClinicalError
from ..._host.door import Host
from ..._host.dropin import encode, merged, read_text, with_header
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from ..._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable

DROP_IN = "/etc/modprobe.d/healthops.conf"
REFUSING = ("/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true")
WANTED = "cannot be loaded"


@dataclass(frozen=True)
class State:
    """The modules that modprobe refuses, the number of users of each that is loaded, and our own rules.

    ``kept_loadable`` says of modules why they stay loadable.
    """

    refused: frozenset[str]
    users: Mapping[str, int]
    ours: str
    has_modprobe: bool
    in_container: bool
    kept_loadable: Mapping[str, str] = field(default_factory=dict)


class KernelModule(Kind):
    name = "kernel_module"
    SETTINGS = {"module": Setting("str", pattern=r"^[a-z0-9][a-z0-9_-]*$")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"kernel module {plain(settings['module'])}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        has_modprobe = host.which("modprobe") is not None
        users = parse_modules(host.read_text("/proc/modules"))
        return State(
            refused=parse_showconfig(_showconfig(host)) if has_modprobe else frozenset(),
            users=users,
            ours=read_text(host, DROP_IN) or "",
            has_modprobe=has_modprobe,
            in_container=context.in_container,
            kept_loadable=_kept_loadable(controls, users, context),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        return KindPlan.of([_assess(control, state) for control in controls], [_group(controls, state)])


def plain(module: str) -> str:
    """Return a module's name as the kernel spells it, which takes dashes and underscores for the same."""
    return module.replace("-", "_")


def _kept_loadable(controls: Sequence[Control], users: Mapping[str, int], context: SurveyContext) -> dict[str, str]:
    """Return why modules stay loadable: the inventory wants them, or somebody uses them and nobody consented."""
    kept_loadable = {}
    for control in controls:
        spelled = control.settings["module"]
        name = plain(spelled)
        if context.has_consent(control.id, spelled):
            continue
        reason = context.reason_to_keep(name, spelled)
        if reason is None and users.get(name) and not context.in_container:
            reason = f"it is loaded and has {users[name]} users"
        if reason is not None:
            kept_loadable[name] = reason
    return kept_loadable


def parse_showconfig(output: str) -> frozenset[str]:
    """Return the modules that ``modprobe --showconfig`` replaces by a command that does nothing or fails."""
    rows = (line.split() for line in split_lines(output))
    return frozenset(plain(row[1]) for row in rows if len(row) >= 3 and row[0] == "install" and row[2] in REFUSING)


def parse_modules(text: str) -> dict[str, int]:
    """Return the number of users of each loaded module; /proc/modules: name, size, number of users, ..."""
    rows = (line.split() for line in split_lines(text))
    return {plain(row[0]): int(row[2]) for row in rows if len(row) >= 3 and is_natural(row[2])}


def _showconfig(host: Host) -> str:
    done = host.run(["modprobe", "--showconfig"])
    if done.rc != 0:
        raise ClinicalError("Reading the rules of", "modprobe", done.err_line)
    return done.out


def _assess(control: Control, state: State) -> Assessment:
    module = plain(control.settings["module"])
    if not state.has_modprobe:
        return not_applicable(control, module, WANTED, "there is no modprobe on this host")
    disk = judge(module in state.refused, "refused" if module in state.refused else "loadable")
    running, users = _running(module, state), state.users.get(module)
    blocked = None
    if module in state.kept_loadable and (disk.state != OK or (running.state == DEVIATES and not users)):
        blocked = Blocked(f"{state.kept_loadable[module]}; to have it refused, list {module} in hardening_allow_stop")
    remark = ""
    if users and not state.in_container:
        remark = f"it is loaded and has {users} users; it goes at the next boot"
    before = disk.observed if users is None or state.in_container else "loaded"
    return Assessment(
        control=control.id,
        subject=module,
        wanted=WANTED,
        before=before,
        after=before if blocked else "refused",
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=disk),
        remark=remark,
        blocked=blocked,
    )


def _running(module: str, state: State) -> Verdict:
    if state.in_container:
        return Verdict(NOTAPPLICABLE, "the machine's kernel")
    if module not in state.users:
        return Verdict(OK, "not loaded")
    return judge(False, f"loaded, {state.users[module]} users")


def _group(controls: Sequence[Control], state: State) -> Group:
    """Return the group that has modprobe refuse what is loadable, and unloads what nobody uses."""
    ids = {plain(control.settings["module"]): control.id for control in controls}
    ids = {module: control for module, control in ids.items() if module not in state.kept_loadable}
    loadable = {module: control for module, control in ids.items() if module not in state.refused}
    steps = []
    if loadable and state.has_modprobe:
        steps.append(_refusal(loadable, state))
    for module, control in ids.items():
        if state.has_modprobe and not state.in_container and state.users.get(module) == 0:
            steps.append(_unloading(module, control))
    return Group("kernel_module", tuple(steps))


def _refusal(loadable: Mapping[str, str], state: State) -> Step:
    rules = _rules(state.ours)
    wanted = {line: "" for module in loadable for line in (f"blacklist {module}", f"install {module} /bin/false")}
    return Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(with_header(list(merged(rules, wanted))))),
        before="loadable: " + ", ".join(loadable),
        after="refused",
        why="modprobe refuses the module",
        controls=tuple(loadable.values()),
    )


def _unloading(module: str, control: str) -> Step:
    return Step(
        subject=LoadedModule(module),
        wanted={"loaded": False},
        before="loaded",
        after="not loaded",
        why="nothing uses it",
        controls=(control,),
    )


def _rules(text: str) -> dict[str, str]:
    return {line.strip(): "" for line in split_lines(text) if line.strip() and not line.startswith("#")}
