# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may run what with sudo, as cvtsudoers tells it, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._errors import ClinicalError
from ..._host.door import Stat
from .account_files import SET, Accounts

ALL = "ALL"
#: What sudoers writes before each kind of people, by cvtsudoers' word for it.
_PREFIXES = {
    "username": "",
    "userid": "#",
    "usergroup": "%",
    "usergid": "%#",
    "netgroup": "+",
    "nonunixgroup": "%:",
    "nonunixgid": "%:#",
}


@dataclass(frozen=True)
class SudoRule:
    """One rule: its people as sudoers writes them, in order, what they may run, and what not.

    A group has a % before it, a number #, a netgroup +, and whom the rule leaves out !.
    """

    people: tuple[str, ...]
    asks: bool
    commands: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the programs that it names; ALL is none, and a pattern may be many."""
        programs = (command.split()[0] for command in self.commands if command.strip())
        return tuple(program for program in programs if program.startswith("/") and not set("*?[") & set(program))


def read_document(output: str) -> dict[str, Any]:
    """Return what cvtsudoers prints; of files that say nothing it prints nothing.

    Raises ClinicalError where that is no JSON.
    """
    try:
        document = json.loads(output or "{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        try_this = "Run cvtsudoers -f json /etc/sudoers by hand."
        raise ClinicalError("Reading the rules of", "sudo", "what cvtsudoers prints of them is no JSON", try_this)
    return document


def parse_rules(output: str) -> tuple[SudoRule, ...]:
    """Return the rules of cvtsudoers' JSON, with aliases put in."""
    document = read_document(output)
    rules = []
    for spec in document.get("User_Specs", []):
        people = tuple(_people(spec.get("User_List", []), document.get("User_Aliases", {})))
        for part in spec.get("Cmnd_Specs", []):
            options = {key: value for option in part.get("Options", []) for key, value in option.items()}
            commands = list(_commands(part.get("Commands", []), document.get("Command_Aliases", {})))
            rule = SudoRule(
                people=people,
                asks=options.get("authenticate", True) is not False,
                commands=tuple(command for command, negated in commands if not negated),
                forbidden=tuple(command for command, negated in commands if negated),
            )
            rules.append(rule)
    return tuple(rules)


def _people(
    entries: Sequence[Mapping[str, Any]], aliases: Mapping[str, Any], negated: bool = False, above: tuple[str, ...] = ()
) -> Iterator[str]:
    """Yield who is meant, as sudoers writes it. Raises ClinicalError for a kind of people that nobody knows here."""
    for entry in entries:
        turned = bool(entry.get("negated")) != negated
        kind = next((key for key in entry if key in ("useralias", *_PREFIXES)), "")
        if kind == "useralias":
            if entry[kind] not in above:
                members = _of_alias(entry[kind], aliases)
                yield from _people(members, aliases, turned, (*above, entry[kind]))
        elif kind:
            yield f"{'!' if turned else ''}{_PREFIXES[kind]}{entry[kind]}"
        else:
            raise _not_understood(entry)


def _commands(
    entries: Sequence[Mapping[str, Any]], aliases: Mapping[str, Any], negated: bool = False, above: tuple[str, ...] = ()
) -> Iterator[tuple[str, bool]]:
    """Yield each command and whether it is forbidden. Raises ClinicalError for a kind that nobody knows here."""
    for entry in entries:
        turned = bool(entry.get("negated")) != negated
        if "cmndalias" in entry:
            if entry["cmndalias"] not in above:
                members = _of_alias(entry["cmndalias"], aliases)
                yield from _commands(members, aliases, turned, (*above, entry["cmndalias"]))
        elif "command" in entry:
            yield str(entry["command"]), turned
        else:
            raise _not_understood(entry)


def _of_alias(name: str, aliases: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    if name not in aliases:
        raise ClinicalError(
            "Reading the rules of", "sudo", f"the alias {name} is defined nowhere", "Run visudo --check."
        )
    members: Sequence[Mapping[str, Any]] = aliases[name]
    return members


def _not_understood(entry: Mapping[str, Any]) -> ClinicalError:
    text = json.dumps(entry, sort_keys=True)
    return ClinicalError("Reading the rules of", "sudo", f"a rule for {text}", "Read that rule with sudo -l -U.")


#: People that a netgroup or a directory names.
_ELSEWHERE = ("+", "%:")

Check = Callable[[SudoRule, Accounts, Mapping[str, "Stat | None"], "frozenset[str]"], Iterator[str]]


def _asks(
    rule: SudoRule, accounts: Accounts, programs: Mapping[str, Stat | None], excepted: frozenset[str]
) -> Iterator[str]:
    if rule.asks:
        return
    usable = {account.name for account in accounts.accounts if accounts.password(account).state == SET}
    free = set[str]()
    for name in rule.people:
        if name.startswith("!"):
            free -= _members(name[1:], accounts)
        elif name == ALL:
            yield "everybody may use sudo without a password"
        elif name in excepted:
            continue
        elif name.startswith(_ELSEWHERE):
            yield f"{name}, whose members no file of this host names, may use sudo without a password"
        else:
            free |= _members(name, accounts)
    with_password = sorted((usable & free) - excepted - {"root"})
    if with_password:
        yield f"{', '.join(with_password)} may use sudo without the password that they have"


def _members(name: str, accounts: Accounts) -> set[str]:
    """Return the accounts that a rule's name stands for: one account, or with a % before it a group."""
    if name.startswith("#"):
        return {account.name for account in accounts.accounts if str(account.uid) == name[1:]}
    if not name.startswith("%"):
        return {account.name for account in accounts.accounts} if name == ALL else {name}
    groups = [group for group in accounts.groups if name in (f"%{group.name}", f"%#{group.gid}")]
    primary = {account.name for account in accounts.accounts for group in groups if account.gid == group.gid}
    return primary | {member for group in groups for member in group.members}


def _no_exceptions(
    rule: SudoRule, accounts: Accounts, programs: Mapping[str, Stat | None], excepted: frozenset[str]
) -> Iterator[str]:
    for command in rule.forbidden:
        yield f"a rule for {', '.join(rule.people)} forbids {command.split()[0]}"


def _programs_of_root(
    rule: SudoRule, accounts: Accounts, programs: Mapping[str, Stat | None], excepted: frozenset[str]
) -> Iterator[str]:
    for path in rule.paths:
        info = programs.get(path)
        if info is not None and (info.uid != 0 or info.mode & 0o022):
            yield f"others can change {path}, which {', '.join(rule.people)} may run as root"


#: By the word in a control's settings: the check, and what is wanted in words.
CHECKS: dict[str, tuple[Check, str]] = {
    "asks": (_asks, "who has a password gives it"),
    "no_exceptions": (_no_exceptions, "rules say what is allowed"),
    "programs_of_root": (_programs_of_root, "only root changes what rules name"),
}
