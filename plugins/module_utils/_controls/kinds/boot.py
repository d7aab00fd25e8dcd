# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB: what the kernel is started with, and a password for whoever wants to change that at the console.

A password never asks anybody who just starts the server: every entry of the menu stays free to start, so that an
unattended reboot comes back. Its hash is supplied by the site, and never told.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.compiled import MADE_DIFFERENT, Compiled
from ..._change.subjects.files import File, Meta, file_image
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text
from ..._host.formats import FORMATS
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from ..._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK
from ..context import SurveyContext
from ..measures import describe_wanted
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
)

MENU = "/boot/grub/grub.cfg"
DEFAULTS = "/etc/default/grub"
FOLDER = "/etc/default/grub.d"
DROP_IN = f"{FOLDER}/zz-healthops.cfg"
#: After 00_header, which sets the variable that every entry takes its options from, and before all entries.
PASSWORD = "/etc/grub.d/01_healthops_password"
VARIABLE = "GRUB_CMDLINE_LINUX"
NO_HASH = "none"
_NO_TOOL = "there is no update-grub on this host; set it with the tool of the distribution"
_HASH = r"grub\.pbkdf2\.sha512\.[1-9][0-9]{3,8}\.[0-9A-F]{32,}\.[0-9A-F]{32,}"
_ENTRY = re.compile(r"^\s*(menuentry|submenu)\s.*\{\s*$", re.MULTILINE)
_LINUX = re.compile(r"^\s*linux(?:efi)?\s+\S+\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """The menu that GRUB reads, the words that it is made with, and what the kernel was started with.

    ``running`` is None in a container, whose kernel is the machine's. ``is_made`` says that the menu is newer than all
    that it is made with.
    """

    menu: str | None
    written: tuple[str, ...]
    running: tuple[str, ...] | None
    drop_in: str
    script: str
    has_folder: bool
    has_tool: bool
    is_made: bool


class Boot(Kind):
    name = "boot"
    SETTINGS = {
        "argument": Setting("str", required=False, pattern=r"^[a-z0-9_.]+(=[\w.,:-]+)?$"),
        "op": Setting("str", required=False, choices=("equal", "at_least"), default="equal"),
        "password_hash": Setting("str", required=False, pattern=rf"^({NO_HASH}|{_HASH})$"),
    }

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        problems = super().validate(settings)
        if not problems and ("argument" in settings) == ("password_hash" in settings):
            return ["settings holds either argument or password_hash"]
        return problems

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        if "argument" not in settings:
            return ("boot password",)
        return (f"boot argument {settings['argument'].partition('=')[0]}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        paths = [DEFAULTS, *ordered_files(host, [FOLDER], "*.cfg")]
        texts = [read_text(host, path) or "" for path in paths]
        started = host.read_text("/proc/cmdline")
        return State(
            menu=read_text(host, MENU),
            written=tuple(kernel_words(texts)),
            running=None if context.in_container else tuple(started.split()),
            drop_in=read_text(host, DROP_IN) or "",
            script=read_text(host, PASSWORD) or "",
            has_folder=host.stat(FOLDER) is not None,
            has_tool=host.which("update-grub") is not None,
            is_made=_changed(host, MENU) > max(map(functools.partial(_changed, host), paths)),
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [c for c, a in zip(controls, assessments) if a.to_enforce and _is_to_be_written(c, a)]
        return KindPlan.of(assessments, [_group(failing, state)])


def _changed(host: Host, path: str) -> float:
    """Return when a file was last changed, 0 where there is none."""
    info = host.stat(path)
    if info:
        return info.ctime
    return 0.0


def kernel_words(texts: Sequence[str]) -> list[str]:
    """Return what the files give the kernel, read one after the other as the shell does: later ones may add to it."""
    value = ""
    for text in texts:
        for assignment in FORMATS["shell"].assignments(text):
            if assignment.key == VARIABLE:
                earlier = value
                value = re.sub(r"\$\{?" + VARIABLE + r"\b\}?", lambda _match: earlier, assignment.value)  # noqa: B023
    return value.split()


def _last(arguments: Sequence[str], argument: str) -> str | None:
    """Return the last word that sets an argument, which is the one that counts."""
    name = argument.partition("=")[0]
    settings = [setting for setting in arguments if setting.partition("=")[0] == name]
    return next(reversed(settings), None)


def _fits(control: Control, arguments: Sequence[str]) -> bool:
    """Return whether a kernel that is started with ``arguments`` has what the control wants."""
    wanted, present = control.settings["argument"], _last(arguments, control.settings["argument"])
    if control.settings.get("op") != "at_least" or present is None:
        return bool(present == wanted)
    value = present.partition("=")[2]
    return is_natural(value) and int(value) >= int(wanted.partition("=")[2])


def _starts(menu: str) -> list[list[str]]:
    """Return the arguments of each way to start a kernel."""
    return [line.split() for line in _LINUX.findall(menu)]


def _assess(control: Control, state: State) -> Assessment:
    subject = "the password of the boot menu" if "password_hash" in control.settings else "the kernel's arguments"
    if state.menu is None:
        return not_applicable(control, subject, "set", "this host does not start with GRUB by itself")
    assess = _assess_argument if "argument" in control.settings else _assess_password
    return assess(control, state, state.menu)


def _assess_argument(control: Control, state: State, menu: str) -> Assessment:
    argument = control.settings["argument"]
    disk = _judge_argument(control, state.written)
    boot = _judge_menu(control, menu)
    running = Verdict(NOTAPPLICABLE, "the machine's kernel")
    if state.running is not None:
        running = _judge_argument(control, state.running)
    written = (disk.state, boot.state) == (OK, OK)
    blocked = None if written else _blocker(disk, control, state, menu)
    before = "; ".join(dict.fromkeys((disk.observed, boot.observed)))
    return Assessment(
        control=control.id,
        subject="the kernel's arguments",
        wanted=describe_wanted(control.settings.get("op", "equal"), argument),
        before=before,
        after=before if written or blocked else argument,
        verdicts=Verdicts(running=running, on_disk=disk, survives_reboot=boot),
        remark="it takes effect at the next boot" if running.state == DEVIATES else "",
        blocked=blocked,
    )


def _blocker(disk: Verdict, control: Control, state: State, menu: str) -> Blocked | None:
    """Return why making the menu anew would change nothing, None where it may."""
    if not state.has_tool:
        return Blocked(_NO_TOOL)
    lacking = _lacking(control, menu)
    if disk.state == OK and state.is_made and 0 < len(lacking) < len(_starts(menu)):
        return Blocked(
            f"update-grub gives it to other entries, not to {len(lacking)} of {len(_starts(menu))}; "
            "add it where these are written, such as /etc/grub.d/40_custom"
        )
    return None


def _judge_argument(control: Control, arguments: Sequence[str]) -> Verdict:
    return judge(_fits(control, arguments), _last(arguments, control.settings["argument"]) or "not set")


def _judge_menu(control: Control, menu: str) -> Verdict:
    """Judge every way to start a kernel; a menu without any has none that is as wanted."""
    lacking = _lacking(control, menu)
    if lacking:
        return _judge_argument(control, lacking[0])
    return judge(bool(_starts(menu)), "in all")


def _lacking(control: Control, menu: str) -> list[list[str]]:
    """Return the arguments of each way to start a kernel that has not what the control wants."""
    return [arguments for arguments in _starts(menu) if not _fits(control, arguments)]


def _asks_before_starting(menu: str) -> bool:
    """Return whether an entry would wait for the password before it starts."""
    free = re.search(r"^\s*(?:set\s+)?menuentry_id_option=.*--unrestricted", menu, re.MULTILINE) is not None
    lines = [match.group() for match in _ENTRY.finditer(menu)]
    return any("--unrestricted" not in line and not (free and "$menuentry_id_option" in line) for line in lines)


def _assess_password(control: Control, state: State, menu: str) -> Assessment:
    supplied = control.settings["password_hash"]
    is_set = bool(re.search(r"^\s*password(_pbkdf2)?\s", menu, re.MULTILINE)) and "superusers" in menu
    foreign = is_set and PASSWORD not in menu
    current = foreign or supplied == NO_HASH or state.script == _script(supplied)
    blocking = is_set and _asks_before_starting(menu)
    described = "set" if is_set else "not set"
    if blocking:
        described = "set, and asked before anything starts"
    verdict = judge(is_set and current and not blocking, described if current else "an older one is set")
    blocked = None
    if blocking and foreign:
        blocked = Blocked("an unattended reboot would wait for the password; give the entries --unrestricted")
    elif supplied == NO_HASH and not is_set:
        blocked = Blocked("no hash was supplied; make one with grub-mkpasswd-pbkdf2 and give it as boot_password_hash")
    elif verdict.state == DEVIATES and not state.has_tool:
        blocked = Blocked(_NO_TOOL)
    return Assessment(
        control=control.id,
        subject="the password of the boot menu",
        wanted="set, and not asked at an ordinary start",
        before=described,
        after=described if blocked or verdict.state == OK else "set",
        verdicts=Verdicts.same(verdict),
        blocked=blocked,
    )


def _is_to_be_written(control: Control, assessment: Assessment) -> bool:
    """Return whether there is something to write: what only waits for the next boot is written already."""
    stored = (assessment.verdicts.on_disk.state, assessment.verdicts.survives_reboot.state)
    return "password_hash" in control.settings or DEVIATES in stored


def _script(supplied: str) -> str:
    return (
        f"#!/bin/sh\n{HEADER}"
        "# Every entry starts without the password; changing one, and GRUB's own command line, asks for it.\n"
        "cat << 'HEALTHOPS'\n"
        'set superusers="healthops"\n'
        "export superusers\n"
        f"password_pbkdf2 healthops {supplied}\n"
        'menuentry_id_option="--unrestricted $menuentry_id_option"\n'
        "HEALTHOPS\n"
    )


def _drop_in(state: State, arguments: Sequence[str]) -> str:
    """Return our drop-in with one line for each argument; a later value takes the place of an earlier one."""
    names = [argument.partition("=")[0] for argument in arguments]
    old = [line for line in split_lines(state.drop_in) if line.startswith(VARIABLE)]
    unchanged = [line for line in old if line.rstrip('"').rpartition(" ")[2].partition("=")[0] not in names]
    new = [f'{VARIABLE}="${VARIABLE} {argument}"' for argument in arguments]
    return HEADER + "".join(f"{line}\n" for line in [*unchanged, *new])


def _group(failing: Sequence[Control], state: State) -> Group:
    """Return the group that writes our files and has GRUB's menu made anew."""
    if not failing:
        return Group("boot", ())
    about_arguments = [control for control in failing if "argument" in control.settings]
    steps: list[Step] = []
    if about_arguments:
        steps += _argument_steps(about_arguments, state)
    for control in failing:
        if "password_hash" in control.settings:
            steps += _password_steps(control)
    menu = Step(
        subject=Compiled("update-grub"),
        wanted=dict(MADE_DIFFERENT),
        before="\n".join(f"# {c.settings['argument']} is not in all entries" for c in about_arguments),
        after="\n".join(f"{c.settings['argument']} in all entries" for c in about_arguments),
        why="it makes the menu",
        controls=tuple(control.id for control in failing),
    )
    return Group("boot", (*steps, menu))


def _argument_steps(controls: Sequence[Control], state: State) -> list[Step]:
    ids = tuple(control.id for control in controls)
    arguments = [control.settings["argument"] for control in controls]
    unset = [control.settings["argument"] for control in controls if not _fits(control, state.written)]
    steps: list[Step] = []
    if not unset:  # it is written, and not yet in the menu
        return steps
    if not state.has_folder:
        folder = Step(
            subject=File(FOLDER), wanted={"kind": "dir"}, before="", after="", why="GRUB looks there", controls=ids
        )
        steps.append(folder)
    drop_in = Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(_drop_in(state, unset))),
        before="\n".join(_last(state.written, argument) or "# not set" for argument in arguments),
        after="\n".join(arguments),
        why="the kernel is started with it",
        controls=ids,
    )
    return [*steps, drop_in]


def _password_steps(control: Control) -> list[Step]:
    """Return the steps for the script that sets the password, and for the menu, which will hold its hash."""
    script = Step(
        subject=File(PASSWORD),
        wanted=file_image(encode(_script(control.settings["password_hash"])), mode=0o700),
        before="not set",
        after="set",
        why="changing what starts asks for it; starting does not",
        controls=(control.id,),
    )
    menu = Step(
        subject=Meta(MENU),
        wanted={"kind": "file", "mode": 0o600},
        before="",
        after="",
        why="it holds the password's hash",
        controls=(control.id,),
    )
    return [script, menu]
