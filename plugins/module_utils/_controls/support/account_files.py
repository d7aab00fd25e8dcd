# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts and groups of a host, parsed once for all kinds; no hash leaves this file."""

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
    """A password field without the hash. ``scheme`` is the name of its hash (crypt(5)), empty for the oldest one.

    ``changed`` is the day of the last change since 1970; ``longest`` and ``inactive`` are days. None is not set.
    """

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
    """One line of /etc/group."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    """All accounts and groups of the four files. ``malformed`` names lines that no program can read, as path:number.

    ``directory_lines`` are the paths of files that take in accounts of a directory with a + or -, once for each line.
    """

    accounts: tuple[Account, ...]
    passwords: dict[str, Password]
    groups: tuple[UserGroup, ...]
    group_passwords: dict[str, Password]
    directory_lines: tuple[str, ...]
    malformed: tuple[str, ...]
    first_uid: int = 1000
    last_uid: int = 60000

    def people(self) -> tuple[Account, ...]:
        """Return the accounts that are no part of the system and can open a shell."""
        return tuple(a for a in self.accounts if self.first_uid <= a.uid <= self.last_uid and a.has_shell)

    def password(self, account: Account) -> Password:
        """Return the password that counts: an empty field in passwd asks nobody, whatever shadow says."""
        if account.mark.state == NONE:
            return account.mark
        return self.passwords.get(account.name, account.mark)


def read_accounts(host: Host) -> Accounts:
    """Read the four files and the range of people's numbers. Raises ClinicalError where one cannot be read."""
    texts = {path: host.read_text(host.resolve(path)) for path in WIDTHS}
    rows = {path: [line.split(":") for line in text.splitlines() if line.strip()] for path, text in texts.items()}
    readable = {path: [row for row in of_file if _is_readable(path, row)] for path, of_file in rows.items()}
    defined = dict(
        re.findall(r"^(UID_M(?:IN|AX))\s+(\d+)", host.read_text(host.resolve("/etc/login.defs")), re.MULTILINE)
    )
    return Accounts(
        accounts=tuple(_account(row) for row in readable[PASSWD]),
        passwords={row[0]: _password(row[1], [*row, *[""] * 9]) for row in reversed(rows[SHADOW]) if len(row) > 1},
        groups=tuple(_group(row) for row in readable[GROUP]),
        group_passwords={row[0]: _password(row[1]) for row in reversed(readable[GSHADOW])},
        directory_lines=tuple(path for path, of_file in rows.items() for row in of_file if _is_of_directory(row)),
        malformed=tuple(where for path in WIDTHS for where in _malformed(path, texts[path])),
        first_uid=int(defined.get("UID_MIN", 1000)),
        last_uid=int(defined.get("UID_MAX", 60000)),
    )


def _group(row: Sequence[str]) -> UserGroup:
    return UserGroup(row[0], int(row[2]), tuple(filter(None, row[3].split(","))))


def _is_of_directory(row: Sequence[str]) -> bool:
    return row[0][:1] in ("+", "-")


def _is_readable(path: str, row: Sequence[str]) -> bool:
    """Return whether programs can read a line: it has all its fields, a name, and numbers where those belong."""
    numbers = {PASSWD: (2, 3), GROUP: (2,)}.get(path, ())
    return len(row) == WIDTHS[path] and bool(row[0]) and all(row[n].isdigit() for n in numbers)


def _malformed(path: str, text: str) -> list[str]:
    rows = [(number, line.split(":")) for number, line in enumerate(text.splitlines(), 1)]
    return [f"{path}:{n}" for n, row in rows if not _is_readable(path, row) and not _is_of_directory(row)]


def _account(row: Sequence[str]) -> Account:
    name, mark, uid, gid, _about, home, shell = row
    return Account(name=name, mark=_password(mark), uid=int(uid), gid=int(gid), home=home, shell=shell or "/bin/sh")


def _password(field: str, row: Sequence[str] = ()) -> Password:
    """Return what a password field means; the other fields of a line of shadow(5), in days, say how it ages."""
    match = _SCHEME.match(field)
    scheme = match[1] if match else ""
    if not row:
        return Password(_password_state(field), scheme)
    changed, longest, inactive = (int(days) if days.isdigit() else None for days in (row[2], row[4], row[6]))
    return Password(state=_password_state(field), scheme=scheme, changed=changed, longest=longest, inactive=inactive)


def _password_state(field: str) -> str:
    if field == "":
        return NONE
    return LOCKED if field == "x" or field[0] in "!*" else SET
