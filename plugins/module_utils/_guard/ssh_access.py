# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What sshd would say to an account: its rules (sshd -T for that account and client) and the account's keys.

Judged the way sshd judges (auth.c, groupaccess.c, misc.c of OpenSSH): its deny and allow lists know * and ? but no
exclamation mark, which means "not" in the host part of USER@HOST only.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .._errors import ClinicalError
from .._host.door import Host, Stat
from .._text.lines import split_lines

LOCAL = "127.0.0.1"
_KEY_TYPE = r"ssh-rsa|ssh-ed25519|ecdsa-sha2-nistp(?:256|384|521)|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com"
_QUOTED = r'"(?:\\"|[^"])*"'
#: A line of authorized_keys: options, which may hold quoted blanks, then a type and the key itself.
_KEY = re.compile(
    rf'^\s*(?:((?:[^\s"#]|{_QUOTED})(?:[^\s"]|{_QUOTED})*)\s+)?({_KEY_TYPE})\s+([A-Za-z0-9+/=]+)(?:\s|$)',
)
_RSA_NAMES = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
_ACL = "system.posix_acl_access"


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


def effective(host: Host, name: str, client: str) -> Options:
    """Ask sshd for the options that it would use for this account, with every Match block considered."""
    if host.which("sshd") is None:
        raise ClinicalError("Asking sshd", name, "there is no SSH server on this host")
    address = client or LOCAL
    done = host.run(["sshd", "-T", "-C", f"user={name},host={address},addr={address}"])
    if done.rc != 0:
        raise ClinicalError("Asking sshd", name, f"sshd -T says: {done.err_line}")
    return Options(done.out)


def refusals(account: Account, options: Options, client: str) -> list[str]:
    """Return one sentence for each reason why sshd would not even look at a key or a password of this account."""
    address = client or LOCAL
    reasons: list[str] = []
    for pattern in options.every("denyusers"):
        if _user_matches(account.name, address, pattern):
            reasons.append(f"sshd refuses it: DenyUsers has {pattern}")
    allowed = options.every("allowusers")
    if allowed and not any(_user_matches(account.name, address, pattern) for pattern in allowed):
        reasons.append(f"sshd refuses it: AllowUsers does not have it, coming from {address}")
    for pattern in options.every("denygroups"):
        if any(_like(group, pattern) for group in account.groups):
            reasons.append(f"sshd refuses it: DenyGroups has its group {pattern}")
    allowed = options.every("allowgroups")
    if allowed and not any(_like(group, pattern) for group in account.groups for pattern in allowed):
        reasons.append("sshd refuses it: AllowGroups has none of its groups")
    if account.uid == 0 and options.get("permitrootlogin") in ("no", "forced-commands-only"):
        reasons.append(f"sshd refuses it: PermitRootLogin is {options.get('permitrootlogin')}")
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


def key_trouble(host: Host, account: Account, options: Options) -> str | None:
    """Return the reason why no key lets the account in, None where one would."""
    if not options.on("pubkeyauthentication"):
        return "PubkeyAuthentication is no"
    if options.names("authorizedkeyscommand") or options.names("trustedusercakeys"):
        return None  # what these would answer cannot be judged from here
    absent, broken = [], []
    for path in _key_files(account, options):
        if host.stat(host.resolve(path)) is None:
            absent.append(f"there is no {path}")
            continue
        trouble = _file_trouble(host, account, options, path)
        if trouble is None:
            return None
        broken.append(trouble)
    return next(iter([*broken, *absent]), "AuthorizedKeysFile is none")


def _key_files(account: Account, options: Options) -> Iterator[str]:
    tokens = {"%%": "%", "%h": account.home, "%u": account.name, "%U": str(account.uid)}
    for pattern in options.get("authorizedkeysfile").split():
        if pattern != "none":
            path = re.sub("%.", lambda token: tokens.get(token.group(), token.group()), pattern)
            yield posixpath.normpath(posixpath.join(account.home, path))


def _file_trouble(host: Host, account: Account, options: Options, path: str) -> str | None:
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
    return _content_trouble(path, host.read(real) or b"", options)


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
    return f"{path} is writable by everybody" if info.mode & 0o002 else None


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
    return 3 if host.group_name(info.gid) in account.groups else 0


def _content_trouble(path: str, content: bytes, options: Options) -> str | None:
    matches = [_KEY.match(line) for line in split_lines(content.decode("utf-8", "replace"))]
    keys = [match for match in matches if match]
    if not keys:
        return f"{path} holds no key"
    if any(_accepted(key[1] or "", key[2], key[3], options) for key in keys):
        return None
    return f"{path} holds no key that sshd accepts (PubkeyAcceptedAlgorithms, RequiredRSASize)"


def _accepted(key_options: str, key_type: str, blob: str, options: Options) -> bool:
    if "cert-authority" in key_options.split(","):
        return True  # which certificates it signs cannot be seen here
    accepted = options.get("pubkeyacceptedalgorithms").split(",")
    if key_type != "ssh-rsa":
        return accepted == [""] or key_type in accepted
    smallest = options.get("requiredrsasize")
    large = not smallest.isdigit() or _rsa_bits(blob) >= int(smallest)
    return large and (accepted == [""] or any(name in accepted for name in _RSA_NAMES))


def _rsa_bits(blob: str) -> int:
    """Return the size of an RSA key: its blob is the type, the exponent and the modulus, each after its length."""
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return 0
    field = b""
    for _field in range(3):
        size = int.from_bytes(data[:4], "big")
        field, data = data[4 : 4 + size], data[4 + size :]
    return int.from_bytes(field, "big").bit_length()


def _user_matches(name: str, address: str, pattern: str) -> bool:
    user, at, hosts = pattern.partition("@")
    if not at:
        return _like(name, pattern)
    return _like(name, user) and _from(address, hosts.split(","))


def _from(address: str, patterns: Sequence[str]) -> bool:
    """Check that a list of hosts has this address and does not exclude it."""
    hits = [(pattern.startswith("!"), _address_like(address, pattern.lstrip("!"))) for pattern in patterns]
    return any(hit for excluded, hit in hits if not excluded) and not any(hit for excluded, hit in hits if excluded)


def _address_like(address: str, pattern: str) -> bool:
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return _like(address.lower(), pattern.lower())


def _like(text: str, pattern: str) -> bool:
    signs = {"*": ".*", "?": "."}
    return re.fullmatch("".join(signs.get(sign) or re.escape(sign) for sign in pattern), text, re.DOTALL) is not None
