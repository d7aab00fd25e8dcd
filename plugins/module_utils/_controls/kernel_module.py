# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel modules that nobody needs on a clinical server: not loaded, and not loadable by name. Private."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from .._changes import Group, Step
from .._errors import ClinicalError
from .._host import Host
from .._subjects.files import File, file_image
from .._subjects.kernel import LoadedModule
from ._dropin import encode, merged, read_text, with_header
from ._facts import container
from ._model import (
    NOTAPPLICABLE,
    OK,
    Assessment,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    judge,
    not_applicable,
)

DROP_IN = "/etc/modprobe.d/healthops.conf"
REFUSING = ("/bin/false", "/bin/true", "/usr/bin/false", "/usr/bin/true")
WANTED = "cannot be loaded"


@dataclass(frozen=True)
class State:
    """What modprobe would do, which modules run with how many users, and our own rules."""

    refused: frozenset[str]
    users: Mapping[str, int]
    ours: str
    has_modprobe: bool
    in_container: bool


class KernelModule(Kind):
    name = "kernel_module"
    SETTINGS = {"module": Setting("str", pattern=r"^[a-z0-9][a-z0-9_-]*$")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"kernel module {plain(settings['module'])}",)

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        has_modprobe = host.which("modprobe") is not None
        return State(
            refused=parse_showconfig(_showconfig(host)) if has_modprobe else frozenset(),
            users=parse_modules((host.read("/proc/modules") or b"").decode("utf-8", "replace")),
            ours=read_text(host, DROP_IN) or "",
            has_modprobe=has_modprobe,
            in_container=bool(container(host)),
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
        running, reason = Verdict(NOTAPPLICABLE, "the machine's kernel"), ""
    elif users is None:
        running, reason = Verdict(OK, "not loaded"), ""
    else:
        reason = f"it is loaded and has {users} users; it goes at the next boot" if users else ""
        running = judge(False, f"loaded, {users} users")
    before = disk.saw if users is None or state.in_container else "loaded"
    return Assessment(control.id, module, WANTED, before, "refused", Verdicts(running, disk, disk), reason)


def _groups(controls: Sequence[Control], state: State) -> tuple[Group, ...]:
    if not state.has_modprobe:
        return ()
    open_ = {plain(c.settings["module"]): c.id for c in controls if plain(c.settings["module"]) not in state.refused}
    steps = []
    if open_:
        text = with_header(list(merged(_rules(state.ours), {m: rule for name in open_ for m, rule in _rule(name)})))
        why = "modprobe refuses the module"
        step = (File(DROP_IN), file_image(encode(text)), "loadable: " + ", ".join(open_), "refused", why)
        steps.append(Step(*step, tuple(open_.values())))
    for control in controls:
        module = plain(control.settings["module"])
        if not state.in_container and state.users.get(module) == 0:
            subject = (LoadedModule(module), {"loaded": False})
            steps.append(Step(*subject, "loaded", "not loaded", "nothing uses it", (control.id,)))
    return (Group("kernel_module", tuple(steps)),) if steps else ()


def _rule(module: str) -> list[tuple[str, str]]:
    return [(f"blacklist {module}", ""), (f"install {module} /bin/false", "")]


def _rules(text: str) -> dict[str, str]:
    return {line.strip(): "" for line in text.splitlines() if line.strip() and not line.startswith("#")}
