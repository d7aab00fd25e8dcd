# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which lines of an authorized_keys file let somebody in to a shell, the way sshd reads them.

After OpenSSH's auth2-pubkeyfile.c, auth-options.c, sshkey.c and match.c. A line that sshd would refuse, or that runs a
command of its own instead of a shell, is no way in; what is not understood is refused, as sshd does it.
"""

from __future__ import annotations

import base64
import binascii
import calendar
import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .._text.quoting import from_sshd_value

#: Of each type of key how many fields its blob has; the first is the type itself.
_FIELDS = {
    "ssh-rsa": 3,
    "ssh-ed25519": 2,
    "ecdsa-sha2-nistp256": 3,
    "ecdsa-sha2-nistp384": 3,
    "ecdsa-sha2-nistp521": 3,
    "sk-ssh-ed25519@openssh.com": 3,
    "sk-ecdsa-sha2-nistp256@openssh.com": 4,
}
_RSA_NAMES = ("ssh-rsa", "rsa-sha2-256", "rsa-sha2-512")
#: The least that any OpenSSH takes, whatever RequiredRSASize says.
_LEAST_RSA_BITS = 1024
_QUOTED = re.compile(r'"((?:[^"\\]|\\"|\\)*)"')
#: Options that say yes or no, and those of them that may begin with no-.
_FLAGS = frozenset({"cert-authority", "restrict"})
_NEGATABLE = frozenset(
    {"agent-forwarding", "port-forwarding", "pty", "touch-required", "user-rc", "verify-required", "x11-forwarding"}
)
_PLACE = re.compile(r"(?:\[[^\]]+\]|[^:/\[\]]+)[:/](?:\*|\d{1,5})")
#: The options with a value, and how the value has to look.
_VALUES: Mapping[str, re.Pattern[str]] = {
    "command": re.compile(r".*", re.DOTALL),
    "environment": re.compile(r"\w+=.*", re.ASCII | re.DOTALL),
    "expiry-time": re.compile(r"(?:\d{8}|\d{12}|\d{14})Z?", re.ASCII),
    "from": re.compile(r".+", re.DOTALL),
    "permitlisten": re.compile(rf"(?:{_PLACE.pattern}|\*|\d{{1,5}})"),
    "permitopen": _PLACE,
    "principals": re.compile(r".*", re.DOTALL),
    "tunnel": re.compile(r"any|\d+", re.ASCII),
}
_ONCE = frozenset({"command", "from", "principals", "tunnel"})


class Refused(Exception):
    """The reason why sshd takes no notice of a line."""


@dataclass(frozen=True)
class Policy:
    """What sshd itself wants of a key: names of algorithms, the least size of an RSA key, and what is revoked."""

    algorithms: str = ""
    ca_algorithms: str = ""
    least_rsa_bits: int = _LEAST_RSA_BITS
    revoked: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Visit:
    """Who comes: the address, its name as sshd would find it, and the seconds since 1970."""

    address: str
    name: str
    now: float


@dataclass(frozen=True)
class _Line:
    """A line with a key: its type, its blob, its options by name in lower case."""

    key_type: str
    blob: bytes
    flags: frozenset[str] = frozenset()
    values: Mapping[str, Sequence[str]] = field(default_factory=dict)


def why_refused(text: str, policy: Policy, visit: Visit) -> str | None:
    """Return the reason why no line of a file lets this visit in, None where one does."""
    reasons: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        content = line.strip(" \t\r")
        if not content or content.startswith("#"):
            continue
        try:
            _check(_parse(content), policy, visit)
        except Refused as reason:
            reasons.append(f"line {number} {reason}")
        else:
            return None
    return "; ".join(reasons[:3]) if reasons else "holds no key"


def revoked_keys(text: str) -> frozenset[bytes]:
    """Return the keys of a plain list of RevokedKeys. Raises Refused for one that sshd cannot read."""
    lines = [line.strip(" \t\r") for line in text.split("\n")]
    return frozenset(_key(line)[1] for line in lines if line and not line.startswith("#"))


# --- reading a line ---


def _parse(content: str) -> _Line:
    if re.split(r"[ \t]", content)[0] in _FIELDS:
        return _Line(*_key(content))
    end = _end_of_options(content)
    flags, values = _options(content[:end])
    key_type, blob = _key(content[end:].lstrip(" \t"))
    return _Line(key_type=key_type, blob=blob, flags=frozenset(flags), values=values)


def _key(text: str) -> tuple[str, bytes]:
    """Return type and blob of a key, which a comment may follow."""
    parts = re.split(r"[ \t]+", text, maxsplit=2)
    if parts[0] not in _FIELDS:
        raise Refused("holds no key")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except (IndexError, binascii.Error):
        raise Refused("holds a damaged key") from None
    fields = list(_fields(blob))
    if len(fields) != _FIELDS[parts[0]] or fields[0].decode("ascii", "replace") != parts[0]:
        raise Refused("holds a damaged key")
    return parts[0], blob


def _fields(blob: bytes) -> Iterator[bytes]:
    while blob:
        size = int.from_bytes(blob[:4], "big")
        if len(blob) < 4 + size:
            raise Refused("holds a damaged key")
        yield blob[4 : 4 + size]
        blob = blob[4 + size :]


def _end_of_options(content: str) -> int:
    """Return where the options end: at the first blank that is not quoted."""
    quoted = False
    position = 0
    while position < len(content) and (quoted or content[position] not in " \t"):
        if content[position : position + 2] == '\\"':
            position += 1
        elif content[position] == '"':
            quoted = not quoted
        position += 1
    if quoted:
        raise Refused("has a quote that does not end")
    return position


def _options(text: str) -> tuple[set[str], dict[str, list[str]]]:
    """Return the options that say yes, and those with a value, by their names in lower case."""
    flags: set[str] = set()
    values: dict[str, list[str]] = {}
    while text:
        name = re.match(r"[A-Za-z0-9-]*", text)
        option = name.group().lower() if name else ""
        text = text[len(option) :]
        if text.startswith("=") and option in _VALUES:
            value, text = _value(option, text[1:])
            values.setdefault(option, []).append(value)
        elif option in _FLAGS or option in _NEGATABLE or (option.startswith("no-") and option[3:] in _NEGATABLE):
            flags.add(option)
        elif option or not text.startswith(","):  # sshd passes over a comma with nothing before it
            raise Refused(f"has {option or text[:1]}, which is neither a key nor an option that sshd knows")
        if text and not text.startswith(","):
            raise Refused(f"has something else than a comma behind the option {option}")
        text = text[1:]
    repeated = [option for option, given in values.items() if option in _ONCE and len(given) > 1]
    if repeated:
        raise Refused(f"has the option {repeated[0]} twice")
    return flags, values


def _value(option: str, text: str) -> tuple[str, str]:
    """Return the value at the beginning of a text, and what follows it."""
    quoted = _QUOTED.match(text)
    if quoted is None:
        raise Refused(f"has a value of {option} without quotes")
    value = from_sshd_value(quoted.group(1))
    if not _VALUES[option].fullmatch(value):
        raise Refused(f"has a value of {option} that sshd does not take")
    return value, text[quoted.end() :]


# --- judging a line ---


def _check(line: _Line, policy: Policy, visit: Visit) -> None:
    """Raise Refused where the line does not let this visit in to a shell."""
    if line.blob in policy.revoked:
        raise Refused("holds a key that RevokedKeys lists")
    if line.key_type == "ssh-rsa" and _rsa_bits(line.blob) < max(policy.least_rsa_bits, _LEAST_RSA_BITS):
        raise Refused("holds an RSA key that is too short (RequiredRSASize)")
    if "cert-authority" in line.flags:
        _check_authority(line, policy)
    elif "principals" in line.values:
        raise Refused("has principals, which only an authority may have")
    elif not _accepted(_names_of(line.key_type), policy.algorithms):
        raise Refused("holds a type of key that sshd does not accept (PubkeyAcceptedAlgorithms)")
    if not all(_comes_from(visit, patterns) for patterns in line.values.get("from", ())):
        raise Refused(f"does not let in {visit.address} (from)")
    if any(visit.now > _expiry(value) for value in line.values.get("expiry-time", ())):
        raise Refused("has expired (expiry-time)")
    if "command" in line.values:
        raise Refused("runs a command of its own and no shell (command)")


def _check_authority(line: _Line, policy: Policy) -> None:
    """Raise Refused where no certificate that this authority signs would be taken; which it signs cannot be seen."""
    if not _accepted(_names_of(line.key_type), policy.ca_algorithms):
        raise Refused("holds an authority that sshd does not accept (CASignatureAlgorithms)")
    if policy.algorithms and "-cert-v01@openssh.com" not in policy.algorithms:
        raise Refused("holds an authority, and sshd accepts no certificates (PubkeyAcceptedAlgorithms)")


def _names_of(key_type: str) -> tuple[str, ...]:
    return _RSA_NAMES if key_type == "ssh-rsa" else (key_type,)


def _accepted(names: Sequence[str], patterns: str) -> bool:
    return not patterns or any(matches_list(name, patterns) for name in names)


def _rsa_bits(blob: bytes) -> int:
    """Return the size of an RSA key: its blob is the type, the exponent and the modulus."""
    return int.from_bytes(list(_fields(blob))[2], "big").bit_length()


def _expiry(value: str) -> float:
    """Return when a key expires, in seconds since 1970: local time without a Z behind it."""
    seconds: Callable[[time.struct_time], float] = time.mktime
    if value.endswith("Z"):
        seconds = calendar.timegm
    digits = value.rstrip("Z").ljust(14, "0")
    try:
        return seconds(time.strptime(digits, "%Y%m%d%H%M%S"))
    except (ValueError, OverflowError):
        raise Refused("has a value of expiry-time that sshd does not take") from None


def _comes_from(visit: Visit, patterns: str) -> bool:
    try:
        return matches_hosts(visit.name, visit.address, patterns)
    except ValueError:
        raise Refused("has a network in from that is none") from None


# --- patterns ---


def matches_list(text: str, patterns: str) -> bool:
    """Compare a text with a list of patterns: one of them fits, and none that begins with an exclamation mark."""
    signs = [(pattern.startswith("!"), is_like(text, pattern.lstrip("!"))) for pattern in patterns.split(",")]
    return (False, True) in signs and (True, True) not in signs


def matches_hosts(name: str, address: str, patterns: str) -> bool:
    """Compare a client with a list of names, addresses and networks. Raises ValueError for a network that is none."""
    lowered = patterns.lower()
    signs = [(pattern.startswith("!"), _fits(name, address, pattern.lstrip("!"))) for pattern in lowered.split(",")]
    return (False, True) in signs and (True, True) not in signs


def _fits(name: str, address: str, pattern: str) -> bool:
    if "/" in pattern:
        network = ipaddress.ip_network(pattern)  # one with bits of a host in it is an error for sshd as well
        return ipaddress.ip_address(address.partition("%")[0]) in network
    return is_like(address.lower(), pattern) or is_like(name.lower(), pattern)


def is_like(text: str, pattern: str) -> bool:
    """Compare a text with a pattern that knows * and ? only."""
    signs = {"*": ".*", "?": "."}
    return re.fullmatch("".join(signs.get(sign) or re.escape(sign) for sign in pattern), text, re.DOTALL) is not None
