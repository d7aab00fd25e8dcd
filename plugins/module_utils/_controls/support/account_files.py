# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The accounts and groups of a host, parsed once for all kinds; no hash leaves this file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..._errors import ClinicalError
from ..._host.door import Host
from ..._text.lines import split_lines
from ..._text.numbers import natural

PASSWD, SHADOW, GROUP, GSHADOW = "/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow"
#: How many fields a line of each file has.
WIDTHS = {PASSWD: 7, SHADOW: 9, GROUP: 4, GSHADOW: 4}
#: Which of them are numbers, where no line may do without.
_NUMBERS = {PASSWD: (2, 3), GROUP: (2,)}
#: Which are numbers or empty: days, and what nobody uses.
_DAYS = {SHADOW: range(2, 9)}
#: The C library takes no line with such a number of an account or a group, and none of days comes near it.
_TOO_LARGE = 2**32
NOBODY = "nobody"
#: Programs that end a login at once, or do one thing and end it.
NO_SHELLS = frozenset({"nologin", "false", "true", "sync", "shutdown", "halt"})
#: What the C library skips at the beginning of a line.
_BLANKS = " \t\n\v\f\r"
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
        """Return whether its shell lets anybody type commands."""
        return posixpath.basename(self.shell) not in NO_SHELLS


@dataclass(frozen=True)
class UserGroup:
    """One line of /etc/group."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    """The accounts and groups of the four files, in full or not at all.

    ``malformed`` names lines that are no entries, as path:number. Whoever asks for what stands in a file with a line
    that programs may read otherwise than we do (``unread``) gets a ClinicalError: nobody hides behind such a line. The
    ``readable_`` fields are the other lines. ``directory_lines`` are the paths of files that take in accounts of a
    directory with a + or -, once for each line.
    """

    readable_accounts: tuple[Account, ...] = ()
    readable_passwords: Mapping[str, Password] = field(default_factory=dict)
    readable_groups: tuple[UserGroup, ...] = ()
    readable_group_passwords: Mapping[str, Password] = field(default_factory=dict)
    directory_lines: tuple[str, ...] = ()
    malformed: tuple[str, ...] = ()
    unread: Mapping[str, str] = field(default_factory=dict)
    first_uid: int = 1000
    last_uid: int = 60000

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The lines of passwd. Raises ClinicalError where one cannot be read."""
        self.require(PASSWD)
        return self.readable_accounts

    @property
    def passwords(self) -> Mapping[str, Password]:
        """The passwords in shadow by account. Raises ClinicalError where a line cannot be read."""
        self.require(SHADOW)
        return self.readable_passwords

    @property
    def groups(self) -> tuple[UserGroup, ...]:
        """The lines of group. Raises ClinicalError where one cannot be read."""
        self.require(GROUP)
        return self.readable_groups

    @property
    def group_passwords(self) -> Mapping[str, Password]:
        """The passwords in gshadow by group. Raises ClinicalError where a line cannot be read."""
        self.require(GSHADOW)
        return self.readable_group_passwords

    def require(self, path: str) -> None:
        """Raise ClinicalError where a line of the file cannot be read."""
        if path in self.unread:
            advice = "Mend the line with vipw or vigr."
            raise ClinicalError("Reading", self.unread[path], "it is no line that all programs read alike", advice)

    def is_person(self, account: Account) -> bool:
        """Return whether an account is no part of the system and can open a shell."""
        return self.first_uid <= account.uid <= self.last_uid and account.has_shell

    def people(self) -> tuple[Account, ...]:
        """Return the accounts of people. Raises ClinicalError where a line of passwd cannot be read."""
        return tuple(account for account in self.accounts if self.is_person(account))

    def password(self, account: Account) -> Password:
        """Return the password that counts: an empty field in passwd asks nobody, whatever shadow says."""
        if account.mark.state == NONE:
            return account.mark
        return self.passwords.get(account.name, account.mark)


def read_accounts(host: Host) -> Accounts:
    """Read the four files and the range of people's numbers. Raises ClinicalError where one cannot be read."""
    rows = {path: _rows(path, host.read_text(host.resolve(path))) for path in WIDTHS}
    readable = {path: [row.fields for row in of_file if row.is_readable] for path, of_file in rows.items()}
    everything = [row for of_file in rows.values() for row in of_file]
    malformed = [row for row in everything if not row.is_readable and not row.is_of_directory]
    first_uid, last_uid = _range_of_people(host)
    return Accounts(
        readable_accounts=tuple(_account(fields) for fields in readable[PASSWD]),
        readable_passwords={fields[0]: _password(fields[1], fields) for fields in reversed(readable[SHADOW])},
        readable_groups=tuple(_group(fields) for fields in readable[GROUP]),
        readable_group_passwords={fields[0]: _password(fields[1]) for fields in reversed(readable[GSHADOW])},
        directory_lines=tuple(row.path for row in everything if row.is_of_directory),
        malformed=tuple(row.place for row in malformed),
        unread={row.path: row.place for row in reversed(malformed) if not row.is_skipped},
        first_uid=first_uid,
        last_uid=last_uid,
    )


@dataclass(frozen=True)
class _Row:
    """One line of one of the four files, its ``number`` from 1."""

    path: str
    number: int
    line: str

    @property
    def fields(self) -> list[str]:
        return self.line.split(":")

    @property
    def place(self) -> str:
        return f"{self.path}:{self.number}"

    @property
    def is_of_directory(self) -> bool:
        return self.line[:1] in ("+", "-")

    @property
    def is_skipped(self) -> bool:
        """Return whether the C library takes the line for none: it is empty or a comment."""
        return self.line.strip(_BLANKS)[:1] in ("#", "")

    @property
    def is_readable(self) -> bool:
        """Return whether programs read it alike: it has all its fields, a name, and numbers where those belong."""
        fields = self.fields
        if self.is_skipped or self.is_of_directory or len(fields) != WIDTHS[self.path]:
            return False
        if not fields[0] or fields[0] != fields[0].strip(_BLANKS):
            return False
        numbers = [fields[n] for n in _NUMBERS.get(self.path, ())]
        numbers += [fields[n] for n in _DAYS.get(self.path, ()) if fields[n]]
        return all(map(_is_number, numbers))


def _is_number(field: str) -> bool:
    number = natural(field)
    return number is not None and number < _TOO_LARGE


def _rows(path: str, text: str) -> list[_Row]:
    return [_Row(path, number, line) for number, line in enumerate(split_lines(text), 1)]


def _range_of_people(host: Host) -> tuple[int, int]:
    """Return the first and the last number of people, from login.defs or as programs have it without one."""
    text = host.read_text(host.resolve("/etc/login.defs"))
    defined = dict(re.findall(r"^(UID_M(?:IN|AX))[ \t]+([0-9]{1,10})(?![^ \t\n])", text, re.MULTILINE))
    return int(defined.get("UID_MIN", 1000)), int(defined.get("UID_MAX", 60000))


def _group(row: Sequence[str]) -> UserGroup:
    members = (member.lstrip(_BLANKS) for member in row[3].split(","))
    return UserGroup(row[0], int(row[2]), tuple(filter(None, members)))


def _account(row: Sequence[str]) -> Account:
    name, mark, uid, gid, _about, home, shell = row
    return Account(name=name, mark=_password(mark), uid=int(uid), gid=int(gid), home=home, shell=shell or "/bin/sh")


def _password(field: str, row: Sequence[str] = ()) -> Password:
    """Return what a password field means; the other fields of a line of shadow(5), in days, say how it ages."""
    match = _SCHEME.match(field)
    scheme = match[1] if match else ""
    if not row:
        return Password(_password_state(field), scheme)
    changed, longest, inactive = (natural(days) for days in (row[2], row[4], row[6]))
    return Password(state=_password_state(field), scheme=scheme, changed=changed, longest=longest, inactive=inactive)


def _password_state(field: str) -> str:
    if field == "":
        return NONE
    return LOCKED if field == "x" or field[0] in "!*" else SET
