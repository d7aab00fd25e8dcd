# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd would say to an account: its rules (sshd -T for that account and client) and the account's keys.

Judged the way sshd judges (auth.c, groupaccess.c, misc.c of OpenSSH): its deny and allow lists know * and ? but no
exclamation mark, which means "not" in the host part of USER@HOST only. What a file of keys lets in is said by
authorized_keys.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from .._errors import ClinicalError
from .._host.door import Host, Stat
from .._host.login import Connection
from .._host.running_sshd import running_with_options
from .._text.lines import split_lines
from .._text.numbers import is_natural
from . import authorized_keys
from .authorized_keys import Policy, Refused, Visit, is_like, matches_hosts

LOCAL = "127.0.0.1"
_ACL = "system.posix_acl_access"
#: A list of revoked keys that only ssh-keygen reads begins so.
_KRL = b"SSHKRL\n\0"


@dataclass(frozen=True)
class Account:
    """An account as the system knows it, from its files or from a directory."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str
    groups: tuple[str, ...]


class Options:
    """What sshd would use for one account from one client; an option may stand there several times."""

    def __init__(self, text: str) -> None:
        self._values: dict[str, list[str]] = {}
        for line in split_lines(text):
            option, _blank, value = line.partition(" ")
            self._values.setdefault(option.lower(), []).append(value.strip())

    def every(self, option: str) -> list[str]:
        """Return the values of an option, one of each line: the name of a group may hold blanks."""
        return self._values.get(option, [])

    def get(self, option: str) -> str:
        """Return the value of an option, empty where sshd has none."""
        return " ".join(self.every(option))

    def on(self, option: str) -> bool:
        """Return True where an option says yes."""
        return self.get(option) == "yes"

    def names(self, option: str) -> bool:
        """Return True where an option names a program or a file."""
        return self.get(option) not in ("", "none")


def effective(host: Host, name: str, connection: Connection) -> Options:
    """Ask sshd for the options that it would use for this account on this connection, with every Match considered.

    That is the server that the connection came to, where one listens there with options of its own.
    """
    if host.which("sshd") is None:
        raise ClinicalError("Asking sshd", name, "there is no SSH server on this host")
    address = connection.client or LOCAL
    ends = f"addr={address},laddr={connection.server or LOCAL},lport={connection.port or _usual_port(host)}"
    server = _server_options(host, connection.port)
    options = _ask(host, name, f"user={name},host={address},{ends}", server)
    if not options.on("usedns"):
        return options
    return _ask(host, name, f"user={name},host={client_name(host, options, address)},{ends}", server)


def _server_options(host: Host, port: int) -> tuple[str, ...]:
    """Return the options of its own of the SSH server that listens on a port; none for the usual one."""
    servers = running_with_options(host) if port else ()
    return next((server.options for server in servers if port in server.ports), ())


def _ask(host: Host, name: str, connection: str, server: tuple[str, ...] = ()) -> Options:
    done = host.run(["sshd", "-T", *server, "-C", connection])
    if done.rc != 0:
        raise ClinicalError("Asking sshd", name, f"sshd -T says: {done.err_line}")
    return Options(done.out)


def _usual_port(host: Host) -> str:
    """Return the first port of sshd's files, for an account that nobody knows the connection of."""
    return next(iter(_ask(host, "the port", "lport=1").every("port")), "22")


def client_name(host: Host, options: Options, address: str) -> str:
    """Return the name by which sshd calls a client: its address, unless UseDNS finds a name that leads back to it."""
    if not options.on("usedns"):
        return address
    names = host.run(["getent", "hosts", address]).out.split()[1:2]
    for name in names:
        back = split_lines(host.run(["getent", "ahosts", name]).out)
        if address in {line.split()[0] for line in back if line.split()}:
            return name
    return address


def refusals(account: Account, options: Options, address: str, name: str) -> list[str]:
    """Return one sentence for each reason why sshd gives this account no shell, whatever its keys and passwords are.

    ``address`` and ``name`` are those of the client.
    """
    reasons = [f"sshd gives it no shell: {what}" for what in _instead_of_shell(options)]
    for pattern in options.every("denyusers"):
        if _user_matches(account.name, address, name, pattern):
            reasons.append(f"sshd refuses it: DenyUsers has {pattern}")
    allowed = options.every("allowusers")
    if allowed and not any(_user_matches(account.name, address, name, pattern) for pattern in allowed):
        reasons.append(f"sshd refuses it: AllowUsers does not have it, coming from {address}")
    for pattern in options.every("denygroups"):
        if any(is_like(group, pattern) for group in account.groups):
            reasons.append(f"sshd refuses it: DenyGroups has its group {pattern}")
    allowed = options.every("allowgroups")
    if allowed and not any(is_like(group, pattern) for group in account.groups for pattern in allowed):
        reasons.append("sshd refuses it: AllowGroups has none of its groups")
    if account.uid == 0 and options.get("permitrootlogin") in ("no", "forced-commands-only"):
        reasons.append(f"sshd refuses it: PermitRootLogin is {options.get('permitrootlogin')}")
    return reasons


def _instead_of_shell(options: Options) -> list[str]:
    """Return the options by which sshd closes the door, or opens another one than that of a shell."""
    reasons = []
    if options.on("refuseconnection"):
        reasons.append("RefuseConnection is yes")
    for option, spelled in (("forcecommand", "ForceCommand"), ("chrootdirectory", "ChrootDirectory")):
        if options.names(option):
            reasons.append(f"{spelled} is {options.get(option)}")
    return reasons


def missing_method(options: Options, available: frozenset[str]) -> str | None:
    """Return what AuthenticationMethods wants, None where what is available fulfils one of its lists."""
    lists = options.get("authenticationmethods").split() or ["any"]
    for wanted in lists:
        if wanted == "any" and available:
            return None
        if wanted != "any" and {method.partition(":")[0] for method in wanted.split(",")} <= available:
            return None
    return " or ".join(lists)


def key_trouble(host: Host, account: Account, options: Options, visit: Visit) -> str | None:
    """Return the reason why no key lets the account in, None where one would."""
    if not options.on("pubkeyauthentication"):
        return "PubkeyAuthentication is no"
    if options.names("authorizedkeyscommand") or options.names("trustedusercakeys"):
        return None  # what these would answer cannot be judged from here, which ``unjudged`` says
    try:
        policy = _policy(host, options)
    except Refused as reason:
        return str(reason)
    absent, broken = [], []
    for path in _key_files(account, options):
        if host.stat(host.resolve(path)) is None:
            absent.append(f"there is no {path}")
            continue
        trouble = _file_trouble(host, account, options, policy, visit, path)
        if trouble is None:
            return None
        broken.append(trouble)
    return next(iter([*broken, *absent]), "AuthorizedKeysFile is none")


def unjudged(host: Host, options: Options) -> list[str]:
    """Return what decides on keys, and cannot be judged from here."""
    if not options.on("pubkeyauthentication"):
        return []
    named = {name: options.get(name) for name in ("authorizedkeyscommand", "trustedusercakeys") if options.names(name)}
    sentences = {
        "authorizedkeyscommand": "what AuthorizedKeysCommand ({}) answers",
        "trustedusercakeys": "whom TrustedUserCAKeys ({}) has signed for",
    }
    unknown = [sentences[name].format(value) for name, value in named.items()]
    if (_revocations(host, options) or b"").startswith(_KRL):
        unknown.append(f"which keys RevokedKeys ({options.get('revokedkeys')}, a binary list) revokes")
    return unknown


def _revocations(host: Host, options: Options) -> bytes | None:
    """Return what lies where RevokedKeys points; None where nothing does, and nothing to revoke where it is none."""
    if options.names("revokedkeys"):
        return host.read(host.resolve(options.get("revokedkeys")))
    return b""


def _key_files(account: Account, options: Options) -> Iterator[str]:
    tokens = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    for pattern in options.get("authorizedkeysfile").split():
        if pattern != "none":
            path = re.sub("%.", lambda token: tokens.get(token.group(), token.group()), pattern)
            yield posixpath.normpath(posixpath.join(account.home, path))


def _file_trouble(
    host: Host, account: Account, options: Options, policy: Policy, visit: Visit, path: str
) -> str | None:
    """Return the reason why sshd takes no key from a file that is there, None where it takes one."""
    real = host.resolve(path)
    info = host.stat(real)
    if info is not None and info.kind != "file":
        return f"{path} is not a regular file"
    above = list(_folders(real))
    if options.on("strictmodes"):
        home = host.resolve(account.home)
        strict = above[: above.index(home) + 1] if home in above else above
        for place in (real, *strict):
            if trouble := _loose(host, account, place):
                return trouble
    for place, bit in [(real, 0o4), *((folder, 0o1) for folder in reversed(above))]:
        if not _may(host, account, place, bit):
            act = f"read {path}" if place == real else f"enter {place}"
            return f"the account may not {act}"
    text = (host.read(real) or b"").decode("utf-8", "replace")
    reason = authorized_keys.why_refused(text, policy, visit)
    if reason is None:
        return None
    return f"{path}: {reason}"


def _policy(host: Host, options: Options) -> Policy:
    """Return what sshd wants of a key. Raises Refused where it takes none, because it cannot read what is revoked."""
    listed, revoked = _revocations(host, options), frozenset[bytes]()
    path = options.get("revokedkeys")
    if listed is None:
        raise Refused(f"there is no {path}, so sshd refuses every key (RevokedKeys)")
    if not listed.startswith(_KRL):
        try:
            revoked = authorized_keys.revoked_keys(listed.decode("utf-8", "replace"))
        except Refused as reason:
            raise Refused(f"a line of {path} {reason}, so sshd refuses every key (RevokedKeys)") from None
    smallest = options.get("requiredrsasize")
    return Policy(
        algorithms=options.get("pubkeyacceptedalgorithms"),
        ca_algorithms=options.get("casignaturealgorithms"),
        least_rsa_bits=int(smallest) if is_natural(smallest) else 0,
        revoked=revoked,
    )


def _folders(path: str) -> Iterator[str]:
    while path != "/":
        path = posixpath.dirname(path)
        yield path


def _loose(host: Host, account: Account, path: str) -> str | None:
    """Return what StrictModes has against a file or folder, None where it has nothing."""
    info = host.stat(path)
    if info is None:
        return None
    if info.uid not in (0, account.uid):
        return f"{path} belongs to {host.owner_name(info.uid)}"
    if info.mode & 0o020 and not _own_group(host, account, info.gid):
        return f"{path} is writable by its group"
    if info.mode & 0o002:
        return f"{path} is writable by everybody"
    return None


def _own_group(host: Host, account: Account, gid: int) -> bool:
    """Check for a group with nobody in it but the account, which Debian's sshd (user-group-modes.patch) lets write."""
    if gid != account.gid or host.stat("/etc/debian_version") is None:
        return False
    group = host.run(["getent", "group", str(gid)]).out.strip().split(":")
    everybody = [line.split(":") for line in split_lines(host.run(["getent", "passwd"]).out)]
    members = {name for name in group[-1].split(",") if name} | {f[0] for f in everybody if f[3:4] == [str(gid)]}
    return members == {account.name}


def _may(host: Host, account: Account, path: str, bit: int) -> bool:
    """Check the mode for the account: sshd reads the file as the account, not as root."""
    info = host.stat(path)
    if info is None or account.uid == 0 or _ACL in host.xattrs(path):
        return True
    return bool(info.mode & bit << _shift(host, account, info))


def _shift(host: Host, account: Account, info: Stat) -> int:
    if info.uid == account.uid:
        return 6
    if host.group_name(info.gid) in account.groups:
        return 3
    return 0


def _user_matches(user: str, address: str, name: str, pattern: str) -> bool:
    wanted, at, hosts = pattern.partition("@")
    return is_like(user, wanted) and (not at or matches_hosts(name, address, hosts))
