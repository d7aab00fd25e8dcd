# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the files of accounts: passwords, numbers, names, shells, ageing.

A check yields what is wrong. What a program cannot mend without guessing is left to people, with the reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Step
from ..._change.subjects.accounts import AccountField
from ..._host.door import Stat
from .account_files import LOCKED_PASSWORD, NONE, SET, Account, Accounts, Password

#: crypt(5)'s slow hashes: yescrypt and its kin, scrypt, SHA-512, bcrypt.
SOUND_HASHES = frozenset({"y", "gy", "7", "6", "2a", "2b", "2y"})
NOLOGIN = "/usr/sbin/nologin"
#: Nobody's password may expire from one run to the next: people have this many days to hear of it.
NOTICE = 14


@dataclass(frozen=True)
class Violation:
    """One thing that is not as it should be. Either ``step`` mends it, or ``advice`` tells a person what to do.

    ``owner`` is the number of the account that has it, where it is in somebody's home.
    """

    what: str
    step: Step | None = None
    advice: str = ""
    owner: int = 0


@dataclass(frozen=True)
class Home:
    """The home of one account on a local disk; ``entries`` are what begins with a dot, and what is in its .ssh.

    ``keys`` are the texts of its lists of keys by path, None for one that cannot be read.
    """

    account: Account
    path: str
    stat: Stat | None
    entries: Mapping[str, Stat]
    keys: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True)
class AccountsView:
    """All that a check may look at. ``protected`` are accounts that no control changes, ``busy`` those that run one.

    ``keyed`` are accounts that somebody can enter with a key, ``texts`` files that shells read, ``folders`` those that
    root's shell looks for programs in.
    """

    control: str
    settings: Mapping[str, Any]
    files: Accounts
    protected: frozenset[str]
    today: int
    busy: frozenset[str] = frozenset()
    keyed: frozenset[str] = frozenset()
    homes: Sequence[Home] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, Stat | None] = field(default_factory=dict)

    def change(self, what: str, value: str, before: str, after: str, why: str) -> Step:
        """Return the step that sets one field of an account or a group."""
        return Step(
            subject=AccountField(what),
            wanted={"value": value},
            before=before,
            after=after,
            why=why,
            controls=(self.control,),
        )

    @property
    def excepted(self) -> frozenset[str]:
        """Return the names of the accounts that the control leaves alone."""
        return frozenset(self.settings.get("except", ()))


Check = Callable[[AccountsView], Iterator[Violation]]


def passwords_set(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts that anybody can enter without a password."""
    why = "anybody could log in as this account"
    for account in view.files.accounts:
        if view.files.password(account).state != NONE:
            continue
        what = f"{account.name} has no password"
        if account.name in view.protected:
            yield Violation(what, advice="a person has to set a password for it")
            continue
        before = "no password is asked for"
        if account.mark.state == NONE:
            after = "the password in shadow counts"
            mark = view.change(f"password mark of {account.name}", "x", before=before, after=after, why=why)
            yield Violation(what, mark)
        if view.files.passwords.get(account.name, LOCKED_PASSWORD).state == NONE:
            lock = view.change(f"password of {account.name}", "!", before=before, after="locked", why=why)
            yield Violation(what, lock)


def passwords_shadowed(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts whose password is in /etc/passwd."""
    for account in view.files.accounts:
        if account.mark.state == SET:
            yield Violation(f"the password of {account.name} is in /etc/passwd", advice="run pwconv, which moves it")


def passwords_hashed_well(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts whose password has a hash that is quick to guess: crypt(5)."""
    for name, password in sorted(view.files.passwords.items()):
        if password.state == SET and password.scheme not in SOUND_HASHES:
            yield Violation(f"{name}'s password is stored with an old hash", advice="it has to set its password anew")


def passwords_changed_in_past(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts whose password was changed in the future, so that it never expires."""
    for name, password in sorted(view.files.passwords.items()):
        if password.state == SET and password.changed is not None and password.changed > view.today + 1:
            yield Violation(
                f"{name} changed its password in the future",
                advice="mend the clock, then chage --lastday, or it never expires",
            )


def shell_less_are_locked(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts that have a password, but no shell."""
    for account in view.files.accounts:
        usable = view.files.password(account).state == SET
        if usable and not account.has_shell and account.name not in view.excepted | view.protected:
            advice = "if no file transfer or mail service checks it, lock it with passwd --lock; else list the account"
            yield Violation(f"{account.name} has no shell, but a password", advice=advice)


def group_passwords(view: AccountsView) -> Iterator[Violation]:
    """Yield groups that have a password."""
    for name, password in sorted(view.files.group_passwords.items()):
        if password.state == SET:
            lock = view.change(
                f"group password of {name}",
                "!",
                before="a password lets people join",
                after="locked",
                why="a shared password lets anybody into the group",
            )
            yield Violation(f"group {name} has a password", lock)


def uid_zero(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts other than root that have its number."""
    for account in view.files.accounts:
        if account.uid == 0 and account.name != "root":
            yield Violation(f"{account.name} has root's number 0", advice="give it a number of its own, or remove it")


def gid_zero(view: AccountsView) -> Iterator[Violation]:
    # sync, shutdown, halt and operator are of this group on some distributions, and open no shell.
    """Yield accounts that are of root's group and open a shell."""
    for account in view.files.accounts:
        if account.gid == 0 and account.uid != 0 and account.has_shell:
            advice = "give it a group of its own with usermod --gid"
            yield Violation(f"the group of {account.name} is root's", advice=advice)


def group_zero(view: AccountsView) -> Iterator[Violation]:
    """Yield groups other than root's that have its number."""
    for group in view.files.groups:
        if group.gid == 0 and group.name != "root":
            yield Violation(
                f"group {group.name} has root's number 0", advice="give it a number of its own with groupmod"
            )


def unique_uids(view: AccountsView) -> Iterator[Violation]:
    """Yield numbers that several accounts share."""
    yield from _shared("number", ((str(a.uid), a.name) for a in view.files.accounts if a.uid != 0), "accounts")


def unique_users(view: AccountsView) -> Iterator[Violation]:
    """Yield names that stand in /etc/passwd more than once."""
    for name in _twice([account.name for account in view.files.accounts]):
        yield Violation(f"{name} stands in /etc/passwd more than once", advice="keep one of the lines, with vipw")


def unique_gids(view: AccountsView) -> Iterator[Violation]:
    """Yield numbers that several groups share."""
    yield from _shared("number", ((str(g.gid), g.name) for g in view.files.groups if g.gid != 0), "groups")


def unique_groups(view: AccountsView) -> Iterator[Violation]:
    """Yield names that stand in /etc/group more than once."""
    for name in _twice([group.name for group in view.files.groups]):
        yield Violation(f"{name} stands in /etc/group more than once", advice="keep one of the lines, with vigr")


def unique_homes(view: AccountsView) -> Iterator[Violation]:
    """Yield homes that several people share."""
    yield from _shared("home", ((a.home, a.name) for a in view.files.people()), "accounts")


def groups_exist(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts whose group is not there."""
    known = {group.gid for group in view.files.groups}
    for account in view.files.accounts:
        if account.gid not in known:
            what = f"group {account.gid} of {account.name} is not there"
            yield Violation(what, advice="make the group, or give the account another one")


def shadow_group(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts that can read every password's hash."""
    advice = "take it out with gpasswd --delete, once its program checks passwords through PAM"
    for group in view.files.groups:
        if group.name == "shadow":
            members = [*group.members, *(a.name for a in view.files.accounts if a.gid == group.gid)]
            yield from (Violation(f"{name} can read every password's hash", advice=advice) for name in sorted(members))


def well_formed(view: AccountsView) -> Iterator[Violation]:
    """Yield lines that programs cannot read."""
    for where in view.files.malformed:
        yield Violation(f"{where} is no line that programs can read", advice="mend it with vipw or vigr")


def no_directory_lines(view: AccountsView) -> Iterator[Violation]:
    """Yield files that take in accounts of a directory with a + or -."""
    for path in sorted(set(view.files.directory_lines)):
        advice = "take the line out with vipw or vigr; name the directory in /etc/nsswitch.conf instead"
        yield Violation(f"{path} takes in accounts of a directory with a + or -", advice=advice)


def system_shells(view: AccountsView) -> Iterator[Violation]:
    """Yield accounts of the system that open a shell. One that somebody uses, as far as can be seen, is left alone."""
    for account in view.files.accounts:
        system = account.uid < view.files.first_uid and account.uid != 0
        if not system or not account.has_shell or account.name in view.excepted | view.protected:
            continue
        what, use = f"{account.name} opens {account.shell}", _use(view, account)
        if use:
            advice = f"{use}, so it stays; list it in accounts_system_with_shell, or give it {NOLOGIN}"
            yield Violation(what, advice=advice)
        else:
            why = "nobody logs in as a part of the system"
            yield Violation(what, view.change(f"shell of {account.name}", NOLOGIN, account.shell, NOLOGIN, why))


def _use(view: AccountsView, account: Account) -> str:
    if view.files.password(account).state == SET:
        return f"{account.name} has a password"
    if account.name in view.keyed:
        return f"{account.name} has keys for SSH"
    if account.name in view.busy:
        return f"{account.name} runs programs now"
    return ""


def password_longest(view: AccountsView) -> Iterator[Violation]:
    """Yield people (members of the groups that the site names) whose password lives longer than ``value`` days."""
    limit = int(view.settings["value"])
    for account, password in _ageing(view):
        if password.longest is not None and password.longest <= limit:
            continue
        what = f"{account.name}'s password lasts {_days(password.longest)}"
        remaining = (password.changed or 0) + limit - view.today
        if remaining < NOTICE:
            advice = f"it would expire within {NOTICE} days, so it has to be changed first"
            yield Violation(what, advice=advice)
            continue
        step = view.change(
            f"longest days of {account.name}",
            str(limit),
            before=_days(password.longest),
            after=f"{limit} days",
            why="a password that was read over the shoulder ends",
        )
        yield Violation(what, step)


def password_inactive(view: AccountsView) -> Iterator[Violation]:
    """Yield people whose account stays open longer than ``value`` days after their password expired."""
    limit = int(view.settings["value"])
    for account, password in _ageing(view):
        if password.inactive is not None and password.inactive <= limit:
            continue
        step = view.change(
            f"inactive days of {account.name}",
            str(limit),
            before=_days(password.inactive),
            after=f"{limit} days",
            why="an account that nobody uses any more is closed",
        )
        yield Violation(f"{account.name} stays open {_days(password.inactive)} after its password expired", step)


def _ageing(view: AccountsView) -> Iterator[tuple[Account, Password]]:
    """Yield people with a password of their own. Service accounts never age: who is in no named group is left alone."""
    named = [group for group in view.files.groups if group.name in view.settings.get("groups", ())]
    members = {name for group in named for name in group.members}
    gids = {group.gid for group in named}
    for account in view.files.people():
        password = view.files.password(account)
        named_here = account.name in members or account.gid in gids
        if named_here and password.state == SET and account.name not in view.excepted | view.protected:
            yield account, password


def _days(number: int | None) -> str:
    return "for ever" if number is None or number >= 99999 else f"{number} days"


def _twice(names: Sequence[str]) -> list[str]:
    return sorted(name for name, count in Counter(names).items() if count > 1)


def _shared(what: str, pairs: Iterator[tuple[str, str]], kind: str) -> Iterator[Violation]:
    owners: dict[str, list[str]] = {}
    for value, name in pairs:
        owners.setdefault(value, []).append(name)
    for value, names in owners.items():
        if len(set(names)) > 1:
            advice = f"give each of the {kind} its own, and its files to it"
            yield Violation(f"{', '.join(dict.fromkeys(names))} share the {what} {value}", advice=advice)


#: By the word in a control's settings: the check, and what is wanted in words.
FILE_CHECKS: dict[str, tuple[Check, str]] = {
    "passwords_set": (passwords_set, "every account has a password or is locked"),
    "passwords_shadowed": (passwords_shadowed, "every password is in /etc/shadow"),
    "passwords_hashed_well": (passwords_hashed_well, "every password has a slow hash"),
    "passwords_changed_in_past": (passwords_changed_in_past, "no password was changed in the future"),
    "shell_less_are_locked": (shell_less_are_locked, "who has no shell has no password"),
    "group_passwords": (group_passwords, "no group has a password"),
    "uid_zero": (uid_zero, "only root has the number 0"),
    "gid_zero": (gid_zero, "only root is of group 0"),
    "group_zero": (group_zero, "only the group root has the number 0"),
    "unique_uids": (unique_uids, "each account has its own number"),
    "unique_users": (unique_users, "each account stands there once"),
    "unique_gids": (unique_gids, "each group has its own number"),
    "unique_groups": (unique_groups, "each group stands there once"),
    "unique_homes": (unique_homes, "each person has a home of their own"),
    "groups_exist": (groups_exist, "the group of each account is there"),
    "shadow_group": (shadow_group, "nobody is in the group shadow"),
    "well_formed": (well_formed, "every line can be read"),
    "no_directory_lines": (no_directory_lines, "no line begins with + or -"),
    "system_shells": (system_shells, "accounts of the system open no shell"),
    "password_longest": (password_longest, "passwords of people last a limited time"),
    "password_inactive": (password_inactive, "accounts of people close after their password expired"),
}
