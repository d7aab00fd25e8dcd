# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit rules: from the catalogue's short words to those of auditctl(8), and comparing what means the same.

A rule of the catalogue is one of

- ``watch PATH PERMISSIONS``: whoever touches a file, or anything in a folder (its path ends with a slash);
- ``calls NAME,NAME... [FILTER...]``: system calls, once for each kind of program that the machine can run;
- ``runs PATH``: people who run a program;
- ``runs privileged``: people who run any of the programs that lend them somebody else's rights.

The filter ``people`` leaves out what the system does by itself: it means accounts of people, and a login.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence

RULE = re.compile(
    r"(watch /\S+ [rwxa]+"
    r"|calls [a-z0-9_]+(,[a-z0-9_]+)*( (people|[a-z0-9]+(!=|>=|<=|=|>|<)[^ ]+))*"
    r"|runs (privileged|/\S+))"
)
#: The machine's name for itself, and the kinds of programs that it runs.
_KINDS_OF_PROGRAMS = {"x86_64": ("b64", "b32"), "i686": ("b32",), "i586": ("b32",), "armv7l": ("b32",)}
#: Calls of the older machines that the newer ones were made without.
_NOT_ON_NEW_MACHINES = frozenset(
    (
        *("chmod", "chown", "create_module", "creat", "fork", "lchown", "link", "mkdir", "mknod", "open", "readlink"),
        *("rename", "rmdir", "stime", "symlink", "time", "umount", "unlink", "utime", "utimes"),
    )
)
_NEW_MACHINES = ("aarch64", "riscv64", "loongarch64")
_NOT_B64 = frozenset(("stime", "umount"))  # of x86_64, where only the older kind of programs has them
#: The list that a rule is added to, its calls, and all its other fields, in one spelling.
RuleMeaning = tuple[str, frozenset[str], frozenset[str]]


def lines(rule: str, key: str, machine: str, people_from: int, privileged: Sequence[str]) -> list[str]:
    """Return a rule of the catalogue as auditctl takes it, one line for each program or kind of programs.

    Empty where the machine has none of its calls. ``people_from`` is the first number of people's accounts,
    ``privileged`` are the paths of programs that lend rights.
    """
    verb, _blank, arguments = rule.partition(" ")
    people = f"-F auid>={people_from} -F auid!=unset"
    if verb == "watch":
        path, permissions = arguments.split(" ")
        return [f"-w {path} -p {permissions} -k {key}"]
    if verb == "runs":
        paths = privileged if arguments == "privileged" else [arguments]
        return [f"-a always,exit -F path={path} -F perm=x {people} -k {key}" for path in paths]
    calls, *filters = arguments.split(" ")
    fields = [people if name == "people" else f"{_flag(name)} {name}" for name in filters]
    return _call_lines(calls.split(","), " ".join([*fields, f"-k {key}"]), machine)


def _call_lines(calls: Sequence[str], fields: str, machine: str) -> list[str]:
    """Return a line for each kind of programs that the machine runs and that has some of the calls."""
    rules = []
    for kind in _KINDS_OF_PROGRAMS.get(machine, ("b64",)):
        known = ",".join(call for call in calls if _known(call, kind, machine))
        if known:
            rules.append(f"-a always,exit -F arch={kind} -S {known} {fields}")
    return rules


def _flag(comparison: str) -> str:
    """Return -C where two fields of the event are held against each other, -F for one against a value."""
    if re.fullmatch(r"[a-z]*[ug]id!?=(e|s|fs|a|o|obj_)?[ug]id", comparison):
        return "-C"
    return "-F"


def _known(call: str, kind: str, machine: str) -> bool:
    if machine in _NEW_MACHINES:
        return call not in _NOT_ON_NEW_MACHINES
    return kind == "b32" or call not in _NOT_B64


@functools.lru_cache(maxsize=2048)
def meaning(line: str) -> RuleMeaning | None:
    """Return what a rule says, whatever its spelling; None for a line that is no rule.

    >>> meaning("-w /etc/group -p aw -k id") == meaning("-a exit,always -F path=/etc/group -F perm=wa -F key=id -S all")
    True
    """
    options = line.split()
    if len(options) < 2 or options[0] not in ("-w", "-a", "-A"):
        return None
    added, calls, fields = "always,exit", set(), set()
    for flag, value in zip(options[::2], options[1::2]):
        if flag in ("-a", "-A"):
            added = ",".join(sorted(value.split(",")))
        elif flag == "-S":
            calls |= set(value.split(",")) - {"all"}
        elif flag == "-C":  # the kernel tells it the other way round
            fields.add("compare " + " ".join(sorted(re.split(r"(!?=)", value))))
        else:
            fields.add(_field(flag, value))
    return added, frozenset(calls), frozenset(fields)


def _field(flag: str, value: str) -> str:
    if flag == "-k":
        return f"key={value}"
    text = {"-w": f"path={value}", "-p": f"perm={value}"}.get(flag, value)
    name, sign, right = (re.match(r"(\w+)(\W*?[=<>]+)(.*)", text) or re.match(r"()()(.*)", text)).groups()  # type: ignore[union-attr]
    if name in ("path", "dir"):
        name, right = "path", right.rstrip("/") or "/"
    if name == "perm":
        right = "".join(sorted(right))
    if name in ("auid", "uid", "euid") and right in ("-1", "4294967295"):
        right = "unset"
    if name == "a0" and right.startswith("0x"):
        right = str(int(right, 16))
    return f"{name}{sign}{right}"


def meanings(text: Iterable[str]) -> set[RuleMeaning]:
    """Return what the rules among some lines say."""
    rules = (meaning(line.strip()) for line in text)
    return {rule for rule in rules if rule is not None}


def silences(rule: RuleMeaning) -> bool:
    """Return whether a rule keeps the kernel from auditing anything at all."""
    return rule[0] == "never,task" and not rule[2]
