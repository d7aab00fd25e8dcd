# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""GRUB: what the kernel is started with, and a password for whoever wants to change that at the console. Private.

A password never asks anybody who just starts the server: every entry of the menu stays free to start, so that an
unattended reboot comes back. Its hash is supplied by the site, and never told.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.compiled import MADE_ANEW, Compiled
from ..._change.subjects.files import File, Meta, file_image
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, ordered_files, read_text
from ..._host.facts import container
from ..._host.formats import FORMATS
from ..._vocabulary.results import NOTAPPLICABLE
from ..model import (
    Assessment,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdict,
    Verdicts,
    describe_wanted,
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
_HASH = r"grub\.pbkdf2\.sha512\.[1-9][0-9]{3,8}\.[0-9A-F]{32,}\.[0-9A-F]{32,}"
_ENTRY = re.compile(r"^\s*(menuentry|submenu)\s.*\{\s*$", re.MULTILINE)
_LINUX = re.compile(r"^\s*linux(?:efi)?\s+\S+\s*(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class State:
    """The menu that GRUB reads, the words that it is made with, and what the kernel was started with.

    ``running`` is None in a container, whose kernel is the machine's.
    """

    menu: str | None
    written: tuple[str, ...]
    running: tuple[str, ...] | None
    drop_in: str
    script: str
    has_folder: bool
    has_tool: bool


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

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        menu = read_text(host, MENU)
        texts = [read_text(host, path) or "" for path in [DEFAULTS, *ordered_files(host, [FOLDER], "*.cfg")]]
        started = host.read_text("/proc/cmdline")
        return State(
            menu=menu,
            written=tuple(kernel_words(texts)),
            running=None if container(host) else tuple(started.split()),
            drop_in=read_text(host, DROP_IN) or "",
            script=read_text(host, PASSWORD) or "",
            has_folder=host.stat(FOLDER) is not None,
            has_tool=host.which("update-grub") is not None,
        )

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [c for c, a in zip(controls, assessments) if a.result == "fail" and _can_be_set(c, a, state)]
        return KindPlan(assessments, _groups(failing, state))


def kernel_words(texts: Sequence[str]) -> list[str]:
    """What the files give the kernel, read one after the other as the shell does; a later one may build on it."""
    value = ""
    for text in texts:
        for found in FORMATS["shell"].assignments(text):
            if found.key == VARIABLE:
                value = re.sub(r"\$\{?" + VARIABLE + r"\b\}?", lambda _: value, found.value)  # noqa: B023 - used at once
    return value.split()


def _last(words: Sequence[str], argument: str) -> str | None:
    """The last word that sets an argument is the one that counts."""
    name = argument.partition("=")[0]
    found = [word for word in words if word.partition("=")[0] == name]
    return found[-1] if found else None


def _fits(control: Control, words: Sequence[str]) -> bool:
    wanted, seen = control.settings["argument"], _last(words, control.settings["argument"])
    if control.settings.get("op") != "at_least" or seen is None:
        return bool(seen == wanted)
    value = seen.partition("=")[2]
    return value.isdigit() and int(value) >= int(wanted.partition("=")[2])


def _starts(menu: str) -> list[list[str]]:
    """The words of each way to start a kernel."""
    return [line.split() for line in _LINUX.findall(menu)]


def _assess(control: Control, state: State) -> Assessment:
    subject = "the password of the boot menu" if "password_hash" in control.settings else "the kernel's arguments"
    if state.menu is None:
        return not_applicable(control, subject, "set", "this host does not start with GRUB by itself")
    return (
        _assess_argument(control, state, state.menu)
        if "argument" in control.settings
        else _assess_password(control, state, state.menu)
    )


def _assess_argument(control: Control, state: State, menu: str) -> Assessment:
    argument = control.settings["argument"]
    wanted = describe_wanted(control.settings.get("op", "equal"), argument)
    disk = judge(_fits(control, state.written), _last(state.written, argument) or "not set")
    starts = _starts(menu)
    lacking = [words for words in starts if not _fits(control, words)]
    boot = judge(bool(starts) and not lacking, (_last(lacking[0], argument) or "not set") if lacking else "in all")
    if state.running is None:
        running = Verdict(NOTAPPLICABLE, "the machine's kernel")
    else:
        running = judge(_fits(control, state.running), _last(state.running, argument) or "not set")
    reason = ""
    if running.state == "deviates":
        reason = "it takes effect at the next boot"
    if (disk.state, boot.state) != ("ok", "ok") and not state.has_tool:
        reason = "there is no update-grub on this host; set it with the tool of the distribution"
    before = "; ".join(dict.fromkeys((disk.saw, boot.saw)))
    fine = (disk.state, boot.state) == ("ok", "ok")
    after = before if fine or not state.has_tool else argument
    return Assessment(
        control.id, "the kernel's arguments", wanted, before, after, Verdicts(running, disk, boot), reason
    )


def _asks_before_starting(menu: str) -> bool:
    """Whether an entry would wait for the password before it starts."""
    free = re.search(r"^\s*(?:set\s+)?menuentry_id_option=.*--unrestricted", menu, re.MULTILINE) is not None
    lines = [match.group() for match in _ENTRY.finditer(menu)]
    return any("--unrestricted" not in line and not (free and "$menuentry_id_option" in line) for line in lines)


def _assess_password(control: Control, state: State, menu: str) -> Assessment:
    supplied = control.settings["password_hash"]
    has = bool(re.search(r"^\s*password(_pbkdf2)?\s", menu, re.MULTILINE)) and "superusers" in menu
    foreign = has and PASSWORD not in menu
    current = foreign or supplied == NO_HASH or state.script == _script(supplied)
    blocking = has and _asks_before_starting(menu)
    told = "not set" if not has else "set, and asked before anything starts" if blocking else "set"
    verdict = judge(has and current and not blocking, told if current else "an older one is set")
    reason = ""
    if blocking and foreign:
        reason = "an unattended reboot would wait for the password; give the entries --unrestricted"
    elif not has and supplied == NO_HASH:
        reason = "no hash was supplied; make one with grub-mkpasswd-pbkdf2 and give it as boot_password_hash"
    elif verdict.state == "deviates" and not state.has_tool:
        reason = "there is no update-grub on this host; set it with the tool of the distribution"
    words = ("the password of the boot menu", "set, and not asked at an ordinary start", told)
    after = told if reason or verdict.state == "ok" else "set"
    return Assessment(control.id, *words, after, Verdicts(verdict, verdict, verdict), reason)


def _can_be_set(control: Control, assessment: Assessment, state: State) -> bool:
    """Whether there is something to write: what only waits for the next boot is written already."""
    if not state.has_tool:
        return False
    if "password_hash" in control.settings:
        return not assessment.reason
    return "deviates" in (assessment.verdicts.on_disk.state, assessment.verdicts.survives_reboot.state)


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
    """Ours, with one line for each argument; a later value takes the place of an earlier one."""
    names = [argument.partition("=")[0] for argument in arguments]
    old = [line for line in state.drop_in.splitlines() if line.startswith(VARIABLE)]
    kept = [line for line in old if line.rstrip('"').rpartition(" ")[2].partition("=")[0] not in names]
    new = [f'{VARIABLE}="${VARIABLE} {argument}"' for argument in arguments]
    return HEADER + "".join(f"{line}\n" for line in [*kept, *new])


def _groups(failing: Sequence[Control], state: State) -> tuple[Group, ...]:
    if not failing:
        return ()
    steps: list[Step] = []
    asking = [c for c in failing if "argument" in c.settings]
    if asking:
        ids = tuple(c.id for c in asking)
        unset = [c.settings["argument"] for c in asking if not _fits(c, state.written)]
        text = _drop_in(state, unset) if unset else state.drop_in
        if not state.has_folder:
            steps.append(Step(File(FOLDER), {"kind": "dir"}, "", "", "GRUB looks there", ids))
        before = "\n".join(_last(state.written, c.settings["argument"]) or "# not set" for c in asking)
        words = (before, "\n".join(c.settings["argument"] for c in asking), "the kernel is started with it")
        steps.append(Step(File(DROP_IN), file_image(encode(text)), *words, ids))
    for control in failing:
        if "password_hash" in control.settings:
            image = file_image(encode(_script(control.settings["password_hash"])), mode=0o700)
            closed = {"kind": "file", "mode": 0o600}
            why = "changing what starts asks for it; starting does not"
            steps.append(Step(File(PASSWORD), image, "not set", "set", why, (control.id,)))
            steps.append(Step(Meta(MENU), closed, "", "", "it holds the password's hash", (control.id,)))
    everyone = tuple(c.id for c in failing)
    steps.append(Step(Compiled("update-grub"), MADE_ANEW, "", "", "it makes the menu", everyone))
    return (Group("boot", tuple(steps)),)
