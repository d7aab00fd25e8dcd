# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts and groups of a host, parsed once for all who ask; no hash leaves this file. Private."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..._host.door import Host

PASSWD, SHADOW, GROUP, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"
#: How many fields a line of each file has.
WIDTHS = {PASSWD: 7, SHADOW: 9, GROUP: 4, GSHADOW: 4}
NOBODY = "nobody"
#: Programs that end a login at once, or do one thing and end it.
NO_SHELLS = frozenset({"nologin", "false", "true", "sync", "shutdown", "halt"})
_SCHEME = re.compile(r"^\$([a-z0-9]+)\$")
NONE, LOCKED, SET = "none", "locked", "set"


@dataclass(frozen=True)
class Password:
    """What a password field says, without the hash. ``scheme`` is the name of its hash, nothing for the oldest."""

    state: str
    scheme: str = ""
    changed: int | None = None
    longest: int | None = None
    inactive: int | None = None


LOCKED_PASSWORD = Password(LOCKED)


@dataclass(frozen=True)
class Account:
    """One line of /etc/passwd; ``mark`` is what its password field says."""

    name: str
    mark: Password
    uid: int
    gid: int
    home: str
    shell: str

    @property
    def has_shell(self) -> bool:
        return posixpath.basename(self.shell) not in NO_SHELLS


@dataclass(frozen=True)
class UserGroup:
    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    """Everything that the four files say. ``malformed`` names lines that no program can read, by file and number."""

    accounts: tuple[Account, ...]
    passwords: dict[str, Password]
    groups: tuple[UserGroup, ...]
    group_passwords: dict[str, Password]
    directory_lines: tuple[str, ...]
    malformed: tuple[str, ...]
    first_uid: int = 1000
    last_uid: int = 60000

    def people(self) -> tuple[Account, ...]:
        """Accounts that are no part of the system and can open a shell."""
        return tuple(a for a in self.accounts if self.first_uid <= a.uid <= self.last_uid and a.has_shell)

    def password(self, account: Account) -> Password:
        """The password that counts: an empty field in passwd asks nobody, whatever shadow says."""
        if account.mark.state == NONE:
            return account.mark
        return self.passwords.get(account.name, account.mark)


def read_accounts(host: Host) -> Accounts:
    texts = {path: host.read_text(host.resolve(path)) for path in WIDTHS}
    rows = {path: [line.split(":") for line in text.splitlines() if line.strip()] for path, text in texts.items()}
    whole = {path: [row for row in found if _is_whole(path, row)] for path, found in rows.items()}
    login_defs = host.read_text(host.resolve("/etc/login.defs"))
    defined = dict(re.findall(r"^(UID_M(?:IN|AX))\s+(\d+)", login_defs, re.MULTILINE))
    return Accounts(
        tuple(_account(row) for row in whole[PASSWD]),
        {row[0]: _password(row[1], [*row, *[""] * 9]) for row in reversed(rows[SHADOW]) if len(row) > 1},
        tuple(UserGroup(row[0], int(row[2]), tuple(filter(None, row[3].split(",")))) for row in whole[GROUP]),
        {row[0]: _password(row[1]) for row in reversed(whole[GSHADOW])},
        tuple(path for path, found in rows.items() for row in found if row[0][:1] in ("+", "-")),
        tuple(where for path in WIDTHS for where in _malformed(path, texts[path])),
        int(defined.get("UID_MIN", 1000)),
        int(defined.get("UID_MAX", 60000)),
    )


def _is_whole(path: str, row: Sequence[str]) -> bool:
    numbers = {PASSWD: (2, 3), GROUP: (2,)}.get(path, ())
    return len(row) == WIDTHS[path] and bool(row[0]) and all(row[n].isdigit() for n in numbers)


def _malformed(path: str, text: str) -> list[str]:
    numbered = [(number, line.split(":")) for number, line in enumerate(text.splitlines(), 1)]
    return [f"{path}:{n}" for n, row in numbered if not _is_whole(path, row) and row[0][:1] not in ("+", "-")]


def _account(row: Sequence[str]) -> Account:
    name, mark, uid, gid, _about, home, shell = row
    return Account(name, _password(mark), int(uid), int(gid), home, shell or "/bin/sh")


def _password(field: str, row: Sequence[str] = ()) -> Password:
    """What a password field means; the other fields of a line of shadow say how it ages."""
    state = NONE if field == "" else LOCKED if field == "x" or field[0] in "!*" else SET
    match = _SCHEME.match(field)
    days = [int(word) if word.isdigit() else None for word in (row[2], row[4], row[6])] if row else [None] * 3
    return Password(state, match[1] if match else "", *days)
