# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared emergency accounts: would they still get in and become root?

Asked of the system's own tools and files, without logging in. No text here ever holds a hash, a key or a password.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from .._errors import ClinicalError
from .._host.door import Host
from .._host.login import Connection, Login
from .._text.lines import split_lines
from .._text.numbers import is_natural
from .authorized_keys import Visit
from .ssh_access import LOCAL, Account, Options, client_name, effective, key_trouble, missing_method, refusals, unjudged

SHADOW = "/etc/shadow"
SUDO_PAM = "/etc/pam.d/sudo"
NO_LOGIN = frozenset({"nologin", "false", "true"})
_DAY = 86400
#: A name that getent, sshd -C and sudo take for a name and nothing else.
_NAME = re.compile(r"[^\x00-\x1f:,/#%+-][^\x00-\x1f:,/]*")
#: Settings of sudo by which it asks for no password, or for that of another account.
_NOT_ITS_PASSWORD = re.compile(r"(?<!\S)(?:!authenticate|rootpw|targetpw|runaspw)(?![^\s,])")
_ENTRY = re.compile(r"^\s+\(([^)]*)\)\s*(.+)$", re.MULTILINE)
_TAGS = re.compile(r"^(?:(?:[A-Z_]+=\S+|[A-Z]+:)\s+)*")
#: The rules of PAM for sudo that only look at the account's own password or at other files.
_USUAL_PAM = re.compile(r"^(?:include|substack)$|^pam_(?:unix|env|faillock|faildelay)\.so$")


@dataclass(frozen=True)
class Shadow:
    """One line of /etc/shadow without its hash; days count from 1970, None where nothing is set."""

    locked: bool
    has_password: bool
    changed: int | None
    longest: int | None
    expires: int | None


@dataclass(frozen=True)
class Case:
    """One account, seen from one client on one day; ``shadow`` is None for an account of a directory."""

    host: Host
    account: Account
    shadow: Shadow | None
    connection: Connection
    today: int


def problems(host: Host, users: Sequence[str], login: Login | None = None, today: int | None = None) -> list[str]:
    """Return one sentence for each thing that keeps one of these accounts out; none where all would get in.

    They would come as ``login`` came; ``today`` is the day, counted from 1970.
    """
    day = int(host.now()) // _DAY if today is None else today
    connection = Connection() if login is None else login.connection
    troubles = [(name, trouble) for name in users for trouble in _problems_of(host, name, connection, day)]
    return [f"break-glass account {name}: {trouble}" for name, trouble in troubles]


def warnings(host: Host, users: Sequence[str], login: Login | None = None) -> list[str]:
    """Return one sentence for each account whose keys nobody can judge from here: they were taken for a way in."""
    connection = Connection() if login is None else login.connection
    sentences = []
    for name in users:
        try:
            unknown = unjudged(host, effective(host, name, connection))
        except ClinicalError:  # a problem of the account, which ``problems`` tells
            continue
        if unknown:
            what = " and ".join(unknown)
            sentences.append(
                f"break-glass account {name}: {what} cannot be judged from here; try a login with its key."
            )
    return sentences


def _problems_of(host: Host, name: str, connection: Connection, today: int) -> list[str]:
    try:
        account = _account(host, name)
        shadow = _shadow(host, account.name) if account else None
    except ClinicalError as error:
        return [f"it could not be checked: {error}"]
    if account is None:
        return ["there is no such account"]
    case = Case(host=host, account=account, shadow=shadow, connection=connection, today=today)
    checks = (_shell, _expiry, _ssh, _sudo)
    return [problem for check in checks for problem in _run_check(check, case)]


def _run_check(check: Callable[[Case], list[str]], case: Case) -> list[str]:
    """Return the problems that a check finds; what could not be asked is never fine."""
    try:
        return check(case)
    except ClinicalError as error:
        return [f"it could not be checked: {error}"]


def _account(host: Host, name: str) -> Account | None:
    if not _NAME.fullmatch(name) or is_natural(name):  # getent takes a number as one
        return None
    row = host.run(["getent", "passwd", name]).out.rstrip("\n")
    if not row:
        return None
    fields = row.split(":")
    if "\n" in row or len(fields) != 7 or not (is_natural(fields[2]) and is_natural(fields[3])):
        raise ClinicalError("Asking", f"getent passwd {name}", f"it answers {row!r:.120}", "Look at /etc/passwd.")
    groups = host.run(["id", "-Gnz", fields[0]]).out.split("\0")  # -z: a directory's groups may have blanks
    home, shell = fields[5] or "/", fields[6] or "/bin/sh"
    return Account(
        name=fields[0],
        uid=int(fields[2]),
        gid=int(fields[3]),
        home=home,
        shell=shell,
        groups=tuple(filter(None, groups)),
    )


def _shadow(host: Host, name: str) -> Shadow | None:
    for line in split_lines(host.read_text(SHADOW)):
        fields = line.split(":")
        if fields[0] == name and len(fields) >= 8:
            return Shadow(
                locked=fields[1].startswith("!"),
                has_password=fields[1].startswith("$"),
                changed=_days(fields[2]),
                longest=_days(fields[4]),
                expires=_days(fields[7]),
            )
    return None


def _days(field: str) -> int | None:
    if is_natural(field):
        return int(field)
    return None


def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


def _shell(case: Case) -> list[str]:
    shell = case.account.shell
    if posixpath.basename(shell) in NO_LOGIN:
        return [f"its shell is {shell}"]
    info = case.host.stat(case.host.resolve(shell))
    if info is None or info.kind != "file" or not info.mode & 0o111:
        return [f"its shell {shell} is not a program on this host"]
    return []


def _expiry(case: Case) -> list[str]:
    if case.shadow is None or case.shadow.expires is None or case.shadow.expires > case.today:
        return []
    return [f"its account expired on {_date(case.shadow.expires)}"]


def _aged(case: Case) -> str | None:
    """Return the reason why the account would have to change its password first, which nobody does in an emergency."""
    shadow = case.shadow
    if shadow is None or shadow.changed is None:
        return None
    if shadow.changed == 0:
        return "its password must be changed at the next login"
    if shadow.longest is None or shadow.changed + shadow.longest >= case.today:
        return None
    return f"its password ran out on {_date(shadow.changed + shadow.longest)}"


def _ssh(case: Case) -> list[str]:
    options = effective(case.host, case.account.name, case.connection)
    address = case.connection.client or LOCAL
    visit = Visit(address=address, name=client_name(case.host, options, address), now=case.host.now())
    problems = refusals(case.account, options, visit.address, visit.name)
    pam = options.on("usepam")
    if pam and (aged := _aged(case)):
        problems.append(aged)  # PAM looks at this however one came in, also with a key
    if not pam and case.shadow and case.shadow.locked:
        problems.append("it is locked, and with UsePAM no sshd refuses even its keys")
    return problems + _way_in(case, options, visit)


def _way_in(case: Case, options: Options, visit: Visit) -> list[str]:
    key, password = key_trouble(case.host, case.account, options, visit), _password_trouble(case, options)
    available = set() if key else {"publickey"}
    if not password and options.on("passwordauthentication"):
        available.add("password")
    if not password and options.on("kbdinteractiveauthentication") and options.on("usepam"):
        available.add("keyboard-interactive")
    missing = missing_method(options, frozenset(available))
    if not missing:
        return []
    why = "; ".join(reason for reason in (key, password) if reason)
    if not available:
        return [f"neither a key nor a password would let it in: {why}"]
    return [f"sshd wants {missing} (AuthenticationMethods): {why or 'it has not all of them'}"]


def _password_trouble(case: Case, options: Options) -> str | None:
    """Return the reason why no password lets the account in, None where one would."""
    pam = options.on("usepam")
    if not options.on("passwordauthentication") and not (pam and options.on("kbdinteractiveauthentication")):
        return "sshd takes no passwords"
    if case.account.uid == 0 and not options.on("permitrootlogin"):
        return "PermitRootLogin lets no password in"
    if case.shadow is None:
        if pam:
            return None
        return "it has no password on this host"
    return _own_password_trouble(case)


def _own_password_trouble(case: Case) -> str | None:
    shadow = case.shadow
    if shadow is None:  # a directory holds it
        return None
    if shadow.locked:
        return "its password is locked"
    return _aged(case) if shadow.has_password else "it has no password"


def _sudo(case: Case) -> list[str]:
    if case.account.uid == 0:
        return []
    if case.host.which("sudo") is None:
        return ["there is no sudo on this host, so it could not become root"]
    done = case.host.run(["sudo", "-l", "-U", case.account.name])
    if done.rc != 0 or "is not allowed to run sudo" in done.out:
        return [f"it could not become root: {done.err_line}"]
    allowed, free = _root_rights(done.out)
    if not allowed:
        return ["it could not become root: sudo lets it run nothing as root"]
    trouble = _own_password_trouble(case)
    if trouble and not free and not _NOT_ITS_PASSWORD.search(done.out) and _usual_pam(case.host):
        return [f"it could not become root: sudo asks for its password, and {trouble}"]
    return []


def _root_rights(listing: str) -> tuple[bool, bool]:
    """Read out of ``sudo -l``: may it run a command as root, and one without a password? The last rule counts."""
    allowed = free = False
    for runas, commands in _ENTRY.findall(listing):
        users = {user.strip() for user in runas.partition(":")[0].split(",")}
        if not users & {"ALL", "root", "#0"} or users & {"!root", "!#0"}:
            continue
        asks = True
        for command in re.split(r"(?<!\\),\s*", commands):
            tags = _TAGS.match(command)
            bare = command[tags.end() :] if tags else command
            given = command[: len(command) - len(bare)].split()
            asks = "NOPASSWD:" not in given and (asks or "PASSWD:" in given)
            if bare == "!ALL":
                allowed = free = False
            elif not bare.startswith("!"):
                allowed, free = True, free or not asks
    return allowed, free


def _usual_pam(host: Host) -> bool:
    """Check that PAM asks sudo's users for their password; a rule of its own (a token, an agent's keys) may not."""
    for line in split_lines(host.read_text(host.resolve(SUDO_PAM))):
        rule = re.match(r"^\s*-?auth\s+(\[[^\]]*\]|\S+)\s+(\S+)", line)
        if rule and not any(_USUAL_PAM.match(posixpath.basename(part)) for part in rule.groups()):
            return False
    return True
