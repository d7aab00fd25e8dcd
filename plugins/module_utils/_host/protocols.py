# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""IP protocols beside TCP and UDP: their names, and those that the kernel hears by itself, with no process."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from .._errors import ClinicalError
from .._text.lines import split_lines
from .._text.numbers import is_natural
from .door import Host

#: The names that people write, by number.
NAMES: Mapping[int, str] = {
    4: "ipip",
    41: "ipv6",
    47: "gre",
    50: "esp",
    51: "ah",
    89: "ospf",
    103: "pim",
    108: "ipcomp",
    112: "vrrp",
    115: "l2tp",
    132: "sctp",
    136: "udplite",
}
_GRE = ("gre", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6erspan")
#: What comes in for each kind of tunnel; those within UDP have a socket that is seen as any other.
_TUNNELS: Mapping[str, tuple[int, ...]] = {
    **dict.fromkeys(_GRE, (47,)),
    "ipip": (4,),
    "sit": (4, 41),
    "ip6tnl": (4, 41),
    "vti": (50,),
    "vti6": (50,),
    "xfrm": (50,),
    "l2tpeth": (115,),
}
_IPSEC = {"esp": 50, "ah": 51, "comp": 108}
#: Where the kernel lists the sockets of protocols that have ports of their own: a line of heads, then one for each.
_SOCKETS = {132: ("/proc/net/sctp/eps",), 136: ("/proc/net/udplite", "/proc/net/udplite6")}
_NO_IPSEC = "not supported"


def describe(number: int) -> str:
    """Return a protocol as people write it: vrrp, or its number."""
    return NAMES.get(number, str(number))


def parse_protocol(text: str) -> int | None:
    """Return the number of a protocol given by name or number, None where it is neither."""
    if is_natural(text):
        number = int(text)
        if 0 < number < 256:
            return number
        return None
    return next((number for number, name in NAMES.items() if name == text), None)


def system_names(host: Host) -> dict[int, str]:
    """Return the names that the host's own programs print, by number, as protocols(5) has them."""
    rows = [line.partition("#")[0].split() for line in split_lines(host.read_text("/etc/protocols"))]
    names: dict[int, str] = {}
    for row in rows:
        if len(row) >= 2 and is_natural(row[1]):
            names.setdefault(int(row[1]), row[0])
    return names


def heard_by_kernel(host: Host) -> dict[int, str]:
    """Return the protocols that the kernel takes in by itself, each with what it is for: an interface, IPsec, sockets.

    Raises ClinicalError where that cannot be asked.
    """
    heard: dict[int, str] = {}
    for number, paths in _SOCKETS.items():
        if any(len(split_lines(host.read_text(path))) > 1 for path in paths):
            heard[number] = f"{describe(number)} sockets"
    for name, kind in _tunnels(host).items():
        for number in _TUNNELS.get(kind, ()):
            heard.setdefault(number, f"interface {name}")
    for number in _ipsec(host):
        heard.setdefault(number, "IPsec")
    return heard


def _tunnels(host: Host) -> dict[str, str]:
    """Return the kind of each interface that is up and has one. Modules bring tunnels of their own, which are down."""
    argv = ["ip", "-details", "-json", "link", "show", "up"]
    text = _ask(host, argv)
    try:
        links: list[dict[str, Any]] = json.loads(text or "[]")
        return {link["ifname"]: link["linkinfo"].get("info_kind", "") for link in links if "linkinfo" in link}
    except (ValueError, TypeError, KeyError):
        raise ClinicalError("Reading the tunnels with", " ".join(argv), "no JSON", "Try it on the host.") from None


def _ipsec(host: Host) -> list[int]:
    """Return the protocols of what IPsec has agreed on, and of what it would agree on."""
    texts = [_ask(host, ["ip", "xfrm", what]) for what in ("state", "policy")]
    return [_IPSEC[name] for text in texts for name in re.findall(r"\bproto (esp|ah|comp)\b", text)]


def _ask(host: Host, argv: list[str]) -> str:
    advice = "The packet filter is set only where all that a host hears is known; iproute2 brings the program."
    if host.which(argv[0]) is None:
        raise ClinicalError("Reading the tunnels with", " ".join(argv), "there is no such program", advice)
    done = host.run(argv)
    if done.rc == 0:
        return done.out
    if _NO_IPSEC in done.err:  # the kernel is built without it
        return ""
    raise ClinicalError("Reading the tunnels with", " ".join(argv), done.err_line, advice)
