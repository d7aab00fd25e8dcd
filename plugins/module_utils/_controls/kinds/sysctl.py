# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel parameters: live in /proc/sys and kept in a drop-in for the next boot."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._change.steps import Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.kernel import TAKEN_ALONG, KernelValue, kernel_path
from ..._errors import ClinicalError
from ..._host.door import Host
from ..._host.dropin import encode, merged, ordered_files, read_text, with_header
from ..._host.facts import global_keys_belong_elsewhere
from ..._text.lines import split_lines
from ..._vocabulary.results import OK
from ..context import SurveyContext
from ..measures import OPERATIONS, compare, describe_wanted
from ..model import (
    Assessment,
    Control,
    Kind,
    KindPlan,
    Setting,
    Verdicts,
    judge,
    not_applicable,
)

#: Sorts after every name that distributions use, also after 99-sysctl.conf, which is /etc/sysctl.conf itself.
DROP_IN = "/etc/sysctl.d/99-zz-healthops.conf"
#: The order in which systemd-sysctl reads them at boot.
FOLDERS = ("/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d")
NAMESPACED = ("net.", "kernel.msg", "kernel.sem", "kernel.shm", "fs.mqueue.")


@dataclass(frozen=True)
class KernelParameter:
    """One parameter: ``running`` is None where this kernel lacks it; ``denied`` says why it cannot be set."""

    running: str | None
    denied: str = ""


@dataclass(frozen=True)
class State:
    """The parameters of the controls, and every file (path, text) that sets parameters at boot, in reading order."""

    keys: Mapping[str, KernelParameter]
    files: tuple[tuple[str, str], ...]


class Sysctl(Kind):
    name = "sysctl"
    SETTINGS = {
        "key": Setting("str", pattern=r"^[a-z0-9_][a-zA-Z0-9_./-]*$"),
        "value": Setting("scalar"),
        "op": Setting("str", required=False, choices=OPERATIONS, default="equal"),
        "accept": Setting("list", required=False, default=()),
    }

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return (f"sysctl {settings['key']}",)

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        elsewhere, limited = global_keys_belong_elsewhere(host), context.in_container and host.is_root()
        keys = {c.settings["key"]: _observe_key(host, c.settings["key"], elsewhere, limited) for c in controls}
        files = [(path, read_text(host, path) or "") for path in ordered_files(host, FOLDERS)]
        if all(path != DROP_IN for path, _text in files):
            files = sorted([*files, (DROP_IN, "")], key=lambda file: file[0].rsplit("/", 1)[1])
        return State(keys, tuple(files))

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        ours = parse(dict(state.files)[DROP_IN])
        targets = {c.settings["key"]: _target(c, state) for c in controls if _concerns(c, state)}
        # First what makes the kernel change others, or booting would undo those: they are set in this order.
        ordered = sorted(merged(ours, targets).items(), key=lambda pair: pair[0] not in TAKEN_ALONG)
        text = with_header([f"{key} = {value}" for key, value in ordered])
        future = tuple((path, text if path == DROP_IN else old) for path, old in state.files)
        assessments = [_assess(control, state, targets, future) for control in controls]
        fixing = {c.settings["key"]: c.id for c, a in zip(controls, assessments) if a.to_enforce}
        return KindPlan.of(assessments, [_group(fixing, targets, state, ours, text)])


def parse(text: str) -> dict[str, str]:
    """Return the assignments in one sysctl.d file, the last of a key; keys with dots, values with single blanks.

    >>> parse("net/ipv4/ip_forward=1\\n-kernel.sem = 1  2")
    {'net.ipv4.ip_forward': '1', 'kernel.sem': '1 2'}
    """
    return {normal(key): value for key, value in _assignments(text) if value is not None}


def _assignments(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield key and value of each line of one file in its order; None is a key that no pattern is to set."""
    for raw in split_lines(text):
        line = raw.strip()
        if line[:1] in ("", "#", ";"):
            continue
        key, separator, value = line.partition("=")
        if separator:
            yield key[key.startswith("-") :].strip(), " ".join(value.split())
        elif key.startswith("-"):
            yield key[1:].strip(), None


def normal(key: str) -> str:
    """Return a key with dots, as sysctl(8) prints it: the first separator tells which of the two was written."""
    slash, dot = key.find("/"), key.find(".")
    if slash == -1 or (dot != -1 and dot < slash):
        return key
    return key.translate(str.maketrans("/.", "./"))


def effective(files: Sequence[tuple[str, str]], key: str) -> tuple[str, str] | None:
    """Return the value that the next boot will set, and the file that sets it; None where no file does.

    A name beats all patterns, also one that only keeps patterns off; of patterns the last counts: sysctl.d(5).
    """
    options = _options(tuple(files))
    if key in options:
        value, path = options[key]
        if value is None:
            return None
        return (value, path)
    matching = [option for name, option in options.items() if _is_pattern(name) and _matches(key, name)]
    return next(((value, path) for value, path in reversed(matching) if value is not None), None)


@functools.lru_cache(maxsize=4)
def _options(files: tuple[tuple[str, str], ...]) -> dict[str, tuple[str | None, str]]:
    """Return what all files set, in their order, each value with its file; asked for every key, and worked out once."""
    options: dict[str, tuple[str | None, str]] = {}
    for path, text in files:
        for name, value in _assignments(text):
            known = normal(name)
            if known in options and options[known][0] == value:
                continue  # said again, it keeps its place
            options.pop(known, None)
            options[known] = (value, path)
    return options


@functools.lru_cache(maxsize=4)
def _parsed(files: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], ...]:
    return tuple(parse(text) for _path, text in files)


def _is_pattern(name: str) -> bool:
    return not set("*?[").isdisjoint(name)


def _matches(key: str, pattern: str) -> bool:
    """Return whether a pattern means a key: each of its parts is about one part, as in paths of files."""
    parts, patterns = key.split("."), pattern.split(".")
    return len(parts) == len(patterns) and all(map(fnmatch.fnmatchcase, parts, patterns))


def _observe_key(host: Host, key: str, elsewhere: bool, limited: bool) -> KernelParameter:
    """Read one parameter; ``elsewhere`` and ``limited`` say how far the kernel is not this host's own.

    Raises ClinicalError where a host that may read it cannot.
    """
    try:
        running = KernelValue(key).capture(host)["value"]
    except ClinicalError:
        if not limited:
            raise
        return KernelParameter(None, "the kernel does not let this container read the key")
    if running is None:
        return KernelParameter(None, "this kernel does not have the key")
    if elsewhere and not key.startswith(NAMESPACED):
        return KernelParameter(running, "the kernel belongs to the machine that this container runs on")
    if limited and not host.can_write(kernel_path(key)):
        return KernelParameter(running, "the kernel does not let this container set the key")
    return KernelParameter(running)


def _concerns(control: Control, state: State) -> bool:
    return not state.keys[control.settings["key"]].denied


def _fine(control: Control, value: str) -> bool:
    return compare(_op(control), value, _value(control), control.settings.get("accept", ()))


def _op(control: Control) -> str:
    return str(control.settings.get("op", "equal"))


def _value(control: Control) -> str:
    value = control.settings["value"]
    return " ".join(str(int(value) if isinstance(value, bool) else value).split())


def _target(control: Control, state: State) -> str:
    """Return the value to set: an acceptable one that is there already rather than another acceptable one."""
    key = control.settings["key"]
    running, booting = state.keys[key].running, effective(state.files, key)
    candidates = [running or "", booting[0] if booting else ""]
    return next((value for value in candidates if value and _fine(control, value)), _value(control))


def _assess(
    control: Control, state: State, targets: Mapping[str, str], future: Sequence[tuple[str, str]]
) -> Assessment:
    key = control.settings["key"]
    parameter = state.keys[key]
    wanted = describe_wanted(_op(control), _value(control), control.settings.get("accept", ()))
    if parameter.denied:
        return not_applicable(control, key, wanted, parameter.denied, parameter.running or "absent")
    booting, planned = effective(state.files, key), effective(future, key)
    where = f"{booting[0]} in {booting[1]}" if booting else "set nowhere"
    verdicts = Verdicts(
        running=judge(_fine(control, parameter.running or ""), parameter.running),
        on_disk=judge(any(_fine(control, values.get(key, "")) for values in _parsed(state.files)), where),
        survives_reboot=judge(booting is not None and _fine(control, booting[0]), where),
    )
    remark = ""
    if planned is not None and not _fine(control, planned[0]):
        remark = f"{planned[1]} sets it to {planned[0]} after our drop-in; remove it there"
    before = parameter.running or ""
    if verdicts.survives_reboot.state != OK:
        before += f" ({booting[0] if booting else 'not set'} at the next boot)"
    return Assessment(
        control=control.id,
        subject=key,
        wanted=wanted,
        before=before,
        after=targets[key],
        verdicts=verdicts,
        remark=remark,
    )


def _group(
    fixing: Mapping[str, str], targets: Mapping[str, str], state: State, ours: Mapping[str, str], text: str
) -> Group:
    """Return the group that writes our drop-in (``text``), and sets what runs otherwise; ``fixing`` are ids by key."""
    steps = []
    missing = {key: control for key, control in fixing.items() if ours.get(key) != targets[key]}
    if missing:
        drop_in = Step(
            subject=File(DROP_IN),
            wanted=file_image(encode(text)),
            before="\n".join(f"{key} = {ours[key]}" for key in missing if key in ours),
            after="\n".join(f"{key} = {targets[key]}" for key in missing),
            why="kernel parameters are set again from here at each boot",
            controls=tuple(missing.values()),
        )
        steps.append(drop_in)
    for key, control in fixing.items():
        running = state.keys[key].running or ""
        if running != targets[key]:
            steps.append(_running_step(key, running, targets[key], control))
    return Group("sysctl", tuple(steps))


def _running_step(key: str, running: str, target: str, control: str) -> Step:
    return Step(
        subject=KernelValue(key),
        wanted={"value": target},
        before=running,
        after=target,
        why="the kernel runs with it now",
        controls=(control,),
    )
