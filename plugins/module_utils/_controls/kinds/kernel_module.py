# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules that nobody needs on a clinical server: not loaded, and not loadable by name. Private."""

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
from ..._host.facts import container
from ..._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK
from .. import in_use
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdict, Verdicts, judge, not_applicable

DROP_IN = "/etc/modprobe.d/healthops.conf"
REFUSING = ("/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true")
WANTED = "cannot be loaded"


@dataclass(frozen=True)
class State:
    """What modprobe would do, which modules run with how many users, our own rules, and what is kept for which use."""

    refused: frozenset[str]
    users: Mapping[str, int]
    ours: str
    has_modprobe: bool
    in_container: bool
    kept: Mapping[str, str] = field(default_factory=dict)


class KernelModule(Kind):
    name = "kernel_module"
    SETTINGS = {"module": Setting("str", pattern=r"^[a-z0-9][a-z0-9_-]*$")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"kernel module {plain(settings['module'])}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        has_modprobe = host.which("modprobe") is not None
        users = parse_modules(host.read_text("/proc/modules"))
        in_container = bool(container(host))
        held = {} if in_container else {name: f"it is loaded and has {n} users" for name, n in users.items() if n}
        free = [c for c in controls if in_use.consented(allow_stop, c.id, c.settings["module"])]
        names = {plain(c.settings["module"]): c.settings["module"] for c in controls if c not in free}
        kept = {name: in_use.kept(host, name, written) or held.get(name, "") for name, written in names.items()}
        return State(
            refused=parse_showconfig(_showconfig(host)) if has_modprobe else frozenset(),
            users=users,
            ours=read_text(host, DROP_IN) or "",
            has_modprobe=has_modprobe,
            in_container=in_container,
            kept=kept,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        return KindPlan(tuple(_assess(c, state) for c in controls), _groups(controls, state))


def plain(module: str) -> str:
    """The kernel takes dashes and underscores in module names for the same."""
    return module.replace("-", "_")


def parse_showconfig(output: str) -> frozenset[str]:
    """The modules that ``modprobe --showconfig`` says are replaced by a command that does nothing or fails."""
    rows = (line.split() for line in output.splitlines())
    return frozenset(plain(row[1]) for row in rows if len(row) >= 3 and row[0] == "install" and row[2] in REFUSING)


def parse_modules(text: str) -> dict[str, int]:
    """/proc/modules: name, size, number of users, ..."""
    rows = (line.split() for line in text.splitlines())
    return {plain(row[0]): int(row[2]) for row in rows if len(row) >= 3 and row[2].isdigit()}


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
    users = state.users.get(module)
    if state.in_container:
        running = Verdict(NOTAPPLICABLE, "the machine's kernel")
    elif users is None:
        running = Verdict(OK, "not loaded")
    else:
        running = judge(False, f"loaded, {users} users")
    kept = "" if disk.state == OK and (running.state != DEVIATES or users) else state.kept.get(module, "")
    reason = f"{kept}; to have it refused, list {module} in hardening_allow_stop" if kept else ""
    if not reason and users and not state.in_container:
        reason = f"it is loaded and has {users} users; it goes at the next boot"
    before = disk.saw if users is None or state.in_container else "loaded"
    after = before if kept else "refused"
    return Assessment(control.id, module, WANTED, before, after, Verdicts(running, disk, disk), reason)


def _groups(controls: Sequence[Control], state: State) -> tuple[Group, ...]:
    if not state.has_modprobe:
        return ()
    wanted = {plain(c.settings["module"]): c.id for c in controls if not state.kept.get(plain(c.settings["module"]))}
    open_ = {module: control for module, control in wanted.items() if module not in state.refused}
    steps = []
    if open_:
        text = with_header(list(merged(_rules(state.ours), {m: rule for name in open_ for m, rule in _rule(name)})))
        why = "modprobe refuses the module"
        step = (File(DROP_IN), file_image(encode(text)), "loadable: " + ", ".join(open_), "refused", why)
        steps.append(Step(*step, tuple(open_.values())))
    for module, control in wanted.items():
        if not state.in_container and state.users.get(module) == 0:
            subject = (LoadedModule(module), {"loaded": False})
            steps.append(Step(*subject, "loaded", "not loaded", "nothing uses it", (control,)))
    return (Group("kernel_module", tuple(steps)),) if steps else ()


def _rule(module: str) -> list[tuple[str, str]]:
    return [(f"blacklist {module}", ""), (f"install {module} /bin/false", "")]


def _rules(text: str) -> dict[str, str]:
    return {line.strip(): "" for line in text.splitlines() if line.strip() and not line.startswith("#")}
