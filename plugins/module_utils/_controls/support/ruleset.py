# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the packet filter as text: what is open, and for whom. Spelled as nft itself lists them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..._host import protocols
from ..._text.lines import split_lines

TABLE = "inet healthops"
LEARNED = "learned"
#: Chains of others that only add to what a firewall does: container engines', and those that ban addresses.
_ADDING = re.compile(r"netavark|docker|cni-|f2b|fail2ban|crowdsec", re.IGNORECASE)
#: What refuses, or hands on to what may; and what names the ports that a rule is about.
_REFUSING = re.compile(r"\b(?:drop|reject|queue|jump|goto|vmap)\b")
_OF_PORTS = re.compile(r"\bdport\b")
_HEAD = """# Managed by the Ansible collection healthops.clinical (baseline): what is not listed here is refused.
# What listened when this was first written is listed as learned; take a line out to close it and run the baseline.
"""
_LEARNED_LINE = re.compile(r"^# learned: (tcp|udp|protocol)/(\d+)(?: (.*))?$", re.MULTILINE)
_FORWARDS_LINE = "# learned: it forwards\n"
_PORTS = re.compile(r"^(tcp|udp)/(\d{1,5})(?:-(\d{1,5}))?$")
_SOURCE = re.compile(r"^[0-9A-Fa-f.:]+(?:/\d{1,3})?$")
#: The protocol of a port that stands for a whole IP protocol.
PROTOCOL = "protocol"
#: Containers ask the host for names.
_NAMES_FOR_CONTAINERS = tuple(
    f'iifname "{name}*" meta l4proto {{ tcp, udp }} th dport 53 accept' for name in ("podman", "docker", "br-", "cni")
)
_ICMP = "echo-reply, destination-unreachable, echo-request, time-exceeded, parameter-problem"
_ICMP6 = (
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, echo-reply, "
    "mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-router-advert, "
    "nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report"
)


@dataclass(frozen=True, order=True)
class Port:
    """A port that is open, or all from ``number`` to ``last``: for everybody, or for one source.

    ``who`` is what listened there when it was learned. With the protocol ``protocol``, ``number`` is that of a whole IP
    protocol, such as VRRP, which has no ports.
    """

    protocol: str
    number: int
    source: str = ""
    who: str = ""
    last: int = 0

    @property
    def place(self) -> tuple[str, int]:
        """Return protocol and first number, by which ports are told apart."""
        return (self.protocol, self.number)

    @property
    def numbers(self) -> str:
        """The port or the range of ports as nft writes it."""
        return f"{self.number}-{self.last}" if self.last else str(self.number)

    def covers(self, place: tuple[str, int]) -> bool:
        """Return whether the place, a protocol and a number, is open with this."""
        return self.protocol == place[0] and self.number <= place[1] <= max(self.number, self.last)

    def __str__(self) -> str:
        numbers = protocols.describe(self.number) if self.protocol == PROTOCOL else self.numbers
        text = f"{self.protocol} {numbers}"
        if self.source:
            text += f" from {self.source}"
        return f"{text} ({self.who})" if self.who else text


def parse_entry(text: str) -> Port | None:
    """Return the port of ``tcp/443``, ``tcp/50000-50100``, ``protocol/vrrp`` or ``udp/514@10.0.0.0/8``.

    None where the text is none of these.
    """
    place, at, source = text.partition("@")
    port = _parse_place(place)
    if port is None or not at:
        return port
    try:
        network = ipaddress.ip_network(source if _SOURCE.match(source) else "", strict=True)
    except ValueError:
        return None
    is_address = network.prefixlen == network.max_prefixlen
    return replace(port, source=str(network.network_address) if is_address else str(network))


def _parse_place(text: str) -> Port | None:
    if text.startswith(f"{PROTOCOL}/"):
        number = protocols.parse_protocol(text[len(PROTOCOL) + 1 :])
        if number is None:
            return None
        return Port(PROTOCOL, number)
    match = _PORTS.match(text)
    if match is None:
        return None
    first, last = int(match[2]), int(match[3] or 0)
    if not 0 < first < 65536 or (match[3] and not first < last < 65536):
        return None
    return Port(match[1], first, last=last)


def opened(declared: Sequence[Port], learned: Iterable[Port], always: Iterable[Port]) -> tuple[Port, ...]:
    """Return all that is open. Where a site names sources for a port, it is open for these only."""
    narrowed = [port for port in declared if port.source]
    free = [port for port in learned if not any(narrow.covers(port.place) for narrow in narrowed)]
    unnamed = [port for port in always if not any(named.covers(port.place) for named in (*declared, *free))]
    unique = {(port.place, port.last, port.source): port for port in (*declared, *free, *unnamed)}
    return tuple(sorted(unique.values()))


def rules(ports: Sequence[Port], forwards: bool, names: Mapping[int, str]) -> str:
    """Return the table. A host that forwards for its containers goes on doing so: its engine has rules for them.

    ``names`` are those that the host's nft prints for IP protocols, by number.
    """
    lines = [f"table {TABLE} {{", *_set("tcp", ports), *_set("udp", ports), "\tchain input {"]
    lines += [
        f"\t\t{rule}"
        for rule in ("type filter hook input priority filter; policy drop;", *_input(ports, forwards, names))
    ]
    lines += ["\t}"]
    if not forwards:
        lines += ["", "\tchain forward {", "\t\ttype filter hook forward priority filter; policy drop;", "\t}"]
    return "\n".join([*lines, "}", ""])


def _input(ports: Sequence[Port], forwards: bool, names: Mapping[int, str]) -> list[str]:
    bridges = _NAMES_FOR_CONTAINERS if forwards else ()
    return [
        'iif "lo" accept',
        "ct state established,related accept",
        "ct state invalid drop",
        "ip saddr 127.0.0.0/8 drop",
        "ip6 saddr ::1 drop",
        # Connections that were open before these rules came are not known to them yet, and go on.
        "tcp flags ! syn accept",
        f"icmp type {{ {_ICMP} }} accept",
        f"icmpv6 type {{ {_ICMP6} }} accept",
        "ip protocol igmp accept",
        *bridges,
        "tcp dport @tcp_open accept",
        "udp dport @udp_open accept",
        *(_rule(port, names) for port in ports if port.source or port.protocol == PROTOCOL),
    ]


def _rule(port: Port, names: Mapping[int, str]) -> str:
    """Return the rule of what stands in no set: what has a source, and whole protocols."""
    meets = f"{port.protocol} dport {port.numbers}"
    if port.protocol == PROTOCOL:
        meets = f"meta l4proto {names.get(port.number, port.number)}"
    if not port.source:
        return f"{meets} accept"
    family = "ip6" if ":" in port.source else "ip"
    return f"{family} saddr {port.source} {meets} accept"


def _set(protocol: str, ports: Sequence[Port]) -> list[str]:
    members = _members([port for port in ports if port.protocol == protocol and not port.source])
    flags = ["\t\tflags interval"] if any(port.last for port in members) else []
    elements = [f"\t\telements = {{ {', '.join(port.numbers for port in members)} }}"] if members else []
    return [f"\tset {protocol}_open {{", "\t\ttype inet_service", *flags, *elements, "\t}", ""]


def _members(ports: Sequence[Port]) -> list[Port]:
    """Return ports and ranges in their order, so that none meets another: nft takes no set in which they do."""
    members: list[Port] = []
    for port in sorted(ports, key=lambda port: (port.number, -port.last)):
        if members and members[-1].covers(port.place):
            longer = max(members[-1].last, port.last)
            members[-1] = replace(members[-1], last=longer)
        else:
            members.append(port)
    return members


def file_text(table: str, learned: Iterable[Port], forwards: bool) -> str:
    """Return the file that is loaded at boot. It remembers what was learned, so that later listeners stay closed."""
    remembered = _FORWARDS_LINE if forwards else ""
    for port in sorted(learned):
        remembered += f"# learned: {port.protocol}/{port.number} {port.who}".rstrip() + "\n"
    return f"{_HEAD}{remembered}table {TABLE}\ndelete table {TABLE}\n{table}"


def parse_learned(text: str) -> tuple[Port, ...]:
    """Return the ports that our file remembers as learned."""
    matches = _LEARNED_LINE.findall(text)
    return tuple(Port(protocol=protocol, number=int(number), who=who or "") for protocol, number, who in matches)


def learned_to_forward(text: str) -> bool:
    """Return whether our file remembers that the host hands on what is not for itself."""
    return _FORWARDS_LINE in text


def foreign_filter(ruleset: str) -> str | None:
    """Return somebody else's filter for what comes in, as "table chain"; None where there is none that matters.

    ``ruleset`` is what ``nft -s list ruleset`` says. A chain that lets everything through is no firewall, and neither
    is one that refuses on ports which it names and leaves the rest to the host, as those of configured systems do.
    """
    table = chain = ""
    hooked, refuses = False, False
    for raw in split_lines(ruleset):
        line = raw.strip()
        if line.startswith("table "):
            table = line[len("table ") :].rstrip(" {")
        elif line.startswith("chain "):
            chain, hooked, refuses = line[len("chain ") :].rstrip(" {"), False, False
        elif line.startswith("type filter hook input"):
            hooked, refuses = True, "policy drop" in line
        elif line == "}":
            if hooked and refuses and not _is_known(table):
                return f"{table} {chain}"
            hooked = False
        elif hooked and _REFUSING.search(line) and not _OF_PORTS.search(line) and not _ADDING.search(line):
            refuses = True
    return None


def _is_known(table: str) -> bool:
    return table == TABLE or _ADDING.search(table) is not None
