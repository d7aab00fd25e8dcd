# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of the packet filter as text: what is open, and for whom. Spelled as nft itself lists them."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..._text.lines import split_lines

TABLE = "inet healthops"
LEARNED = "learned"
#: Chains of others that only add to what a firewall does: container engines', and those that ban addresses.
_ADDING = re.compile(r"netavark|docker|cni-|f2b|fail2ban|crowdsec", re.IGNORECASE)
#: Tables of this collection's roles, which refuse on a few ports of their own and leave the rest to the host.
_ROLES = frozenset({"inet imaging_archive_doors", "inet imaging_archive_drain", "inet interface_gateway"})
_HEAD = """# Managed by the Ansible collection healthops.clinical (baseline): what is not listed here is refused.
# What listened when this was first written is listed as learned; take a line out to close it and run the baseline.
"""
_LEARNED_LINE = re.compile(r"^# learned: (tcp|udp)/(\d+)(?: (.*))?$", re.MULTILINE)
_FORWARDS_LINE = "# learned: it forwards\n"
_ENTRY = re.compile(r"^(tcp|udp)/(\d{1,5})(?:@([0-9A-Fa-f.:]+(?:/\d{1,3})?))?$")
_ICMP = "echo-reply, destination-unreachable, echo-request, time-exceeded, parameter-problem"
_ICMP6 = (
    "destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, echo-reply, "
    "mld-listener-query, mld-listener-report, mld-listener-done, nd-router-solicit, nd-router-advert, "
    "nd-neighbor-solicit, nd-neighbor-advert, mld2-listener-report"
)


@dataclass(frozen=True, order=True)
class Port:
    """A port that is open: for everybody, or for one source. ``who`` is what listened there when it was learned."""

    protocol: str
    number: int
    source: str = ""
    who: str = ""

    @property
    def place(self) -> tuple[str, int]:
        return (self.protocol, self.number)

    def __str__(self) -> str:
        text = f"{self.protocol} {self.number}"
        if self.source:
            text += f" from {self.source}"
        return f"{text} ({self.who})" if self.who else text


def parse_entry(text: str) -> Port | None:
    """Return the port of ``tcp/443`` or ``udp/514@10.0.0.0/8``; None where the text is neither."""
    match = _ENTRY.match(text)
    if match is None or not 0 < int(match[2]) < 65536:
        return None
    if match[3] is None:
        return Port(match[1], int(match[2]))
    try:
        source = ipaddress.ip_network(match[3], strict=True)
    except ValueError:
        return None
    is_address = source.prefixlen == source.max_prefixlen
    return Port(match[1], int(match[2]), str(source.network_address) if is_address else str(source))


def opened(declared: Sequence[Port], learned: Iterable[Port], always: Iterable[Port]) -> tuple[Port, ...]:
    """Return all that is open. Where a site names sources for a port, it is open for these only."""
    narrowed = {port.place for port in declared if port.source}
    free = [port for port in learned if port.place not in narrowed]
    named = {port.place for port in (*declared, *free)}
    unnamed = [port for port in always if port.place not in named]
    unique = {(port.place, port.source): port for port in (*declared, *free, *unnamed)}
    return tuple(sorted(unique.values()))


def rules(ports: Sequence[Port], forwards: bool) -> str:
    """Return the table. A host that forwards for its containers goes on doing so: its engine has rules for them."""
    lines = [f"table {TABLE} {{", *_set("tcp", ports), *_set("udp", ports), "\tchain input {"]
    lines += [
        f"\t\t{rule}" for rule in ("type filter hook input priority filter; policy drop;", *_input(ports, forwards))
    ]
    lines += ["\t}"]
    if not forwards:
        lines += ["", "\tchain forward {", "\t\ttype filter hook forward priority filter; policy drop;", "\t}"]
    return "\n".join([*lines, "}", ""])


def _input(ports: Sequence[Port], forwards: bool) -> list[str]:
    names = ("podman", "docker", "br-", "cni")
    # Containers ask the host for names.
    bridges = (
        [f'iifname "{name}*" meta l4proto {{ tcp, udp }} th dport 53 accept' for name in names] if forwards else []
    )
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
        *(_from(port) for port in ports if port.source),
    ]


def _from(port: Port) -> str:
    family = "ip6" if ":" in port.source else "ip"
    return f"{family} saddr {port.source} {port.protocol} dport {port.number} accept"


def _set(protocol: str, ports: Sequence[Port]) -> list[str]:
    numbers = sorted({port.number for port in ports if port.protocol == protocol and not port.source})
    elements = [f"\t\telements = {{ {', '.join(map(str, numbers))} }}"] if numbers else []
    return [f"\tset {protocol}_open {{", "\t\ttype inet_service", *elements, "\t}", ""]


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

    ``ruleset`` is what ``nft -s list ruleset`` says. A chain that lets everything through is no firewall.
    """
    table = chain = ""
    hooked, dropping, count = False, False, 0
    for raw in split_lines(ruleset):
        line = raw.strip()
        if line.startswith("table "):
            table = line[len("table ") :].rstrip(" {")
        elif line.startswith("chain "):
            chain, hooked, dropping, count = line[len("chain ") :].rstrip(" {"), False, False, 0
        elif line.startswith("type filter hook input"):
            hooked, dropping = True, "policy drop" in line
        elif line == "}":
            if hooked and (dropping or count) and not _is_known(table):
                return f"{table} {chain}"
            hooked = False
        elif hooked and line and not _ADDING.search(line):
            count += 1
    return None


def _is_known(table: str) -> bool:
    return table == TABLE or table in _ROLES or _ADDING.search(table) is not None
