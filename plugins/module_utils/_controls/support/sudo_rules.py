# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may run what with sudo, as cvtsudoers tells it, and what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..._host.door import Stat
from .account_files import SET, Accounts

ALL = "ALL"


@dataclass(frozen=True)
class SudoRule:
    """One rule: its people (a group with a % before it), what they may run, and what not."""

    people: tuple[str, ...]
    asks: bool
    commands: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Return the programs that it names; ALL is none, and a pattern may be many."""
        programs = (command.split()[0] for command in self.commands if command.strip())
        return tuple(program for program in programs if program.startswith("/") and not set("*?[") & set(program))


def parse_rules(output: str) -> tuple[SudoRule, ...]:
    """Return the rules of cvtsudoers' JSON, with aliases put in."""
    document = json.loads(output)
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


def _people(entries: Sequence[Mapping[str, Any]], aliases: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    for entry in entries:
        if "useralias" in entry and depth < 8:
            yield from _people(aliases.get(entry["useralias"], []), aliases, depth + 1)
        elif "usergroup" in entry:
            yield f"%{entry['usergroup']}"
        elif "username" in entry and not entry.get("negated"):
            yield str(entry["username"])


def _commands(
    entries: Sequence[Mapping[str, Any]], aliases: Mapping[str, Any], negated: bool = False, depth: int = 0
) -> Iterator[tuple[str, bool]]:
    for entry in entries:
        turned = bool(entry.get("negated")) != negated
        if "cmndalias" in entry and depth < 8:
            yield from _commands(aliases.get(entry["cmndalias"], []), aliases, turned, depth + 1)
        elif "command" in entry:
            yield str(entry["command"]), turned


Check = Callable[[SudoRule, Accounts, Mapping[str, "Stat | None"], "frozenset[str]"], Iterator[str]]


def _asks(
    rule: SudoRule, accounts: Accounts, programs: Mapping[str, Stat | None], excepted: frozenset[str]
) -> Iterator[str]:
    usable = {account.name for account in accounts.accounts if accounts.password(account).state == SET}
    if rule.asks:
        return
    for name in rule.people:
        if name in excepted or name == "root":
            continue
        members = _members(name, accounts)
        with_password = sorted((usable & members) - excepted - {"root"})
        if name == ALL:
            yield "everybody may use sudo without a password"
        elif with_password:
            yield f"{', '.join(with_password)} may use sudo without the password that they have"


def _members(name: str, accounts: Accounts) -> set[str]:
    """Return the accounts that a rule's name stands for: one account, or with a % before it a group."""
    if not name.startswith("%"):
        return {name}
    groups = [group for group in accounts.groups if group.name == name[1:]]
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
