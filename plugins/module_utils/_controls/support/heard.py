# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host hears before default deny comes: what can be learned of it, and what cannot and so must not be closed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..._host import protocols, sockets
from ..._host.door import Host
from ..._host.sockets import Listener
from ..._text.lines import split_lines
from ..._text.numbers import is_natural
from .ruleset import PROTOCOL, Port

_RPCBIND = 111
_FTP = 21
_FTP_SERVERS = frozenset({"vsftpd", "proftpd", "pure-ftpd", "pureftpd", "in.ftpd", "bftpd"})
#: A table that follows FTP, as nft lists it.
_FOLLOWS_FTP = re.compile(r"^\s*ct helper \S+ \{\s*type \"ftp\"", re.MULTILINE)
#: What comes in beside what is agreed on at a port: ESP where keys are exchanged, GRE for PPTP.
_BESIDE = {("udp", 500): 50, ("tcp", 1723): 47}


@dataclass(frozen=True)
class Unlearnable:
    """A service whose ports are other ones tomorrow; ``name`` is by what a person consents to its being closed.

    ``by_range`` says that a range of ports which the site declares mends it.
    """

    name: str
    reason: str
    by_range: bool = False


def place_of(listener: Listener) -> tuple[str, int]:
    """Return protocol and number of what is open where somebody reaches the listener."""
    return (PROTOCOL if listener.protocol == "raw" else listener.protocol, listener.port)


def describe_owner(listener: Listener) -> str:
    """Return the unit that a listener belongs to, or else its program."""
    return listener.unit or listener.program


def ports_of(listeners: Sequence[Listener]) -> tuple[Port, ...]:
    """Return what has to be open so that each listener is reached, and with it what comes in beside it."""
    owners: dict[tuple[str, int], str] = {}
    for listener in listeners:
        owners.setdefault(place_of(listener), describe_owner(listener))
        beside = _BESIDE.get(place_of(listener))
        if beside is not None:
            owners.setdefault((PROTOCOL, beside), describe_owner(listener))
    return tuple(sorted(Port(*place, who=who) for place, who in owners.items()))


def ports_of_kernel(host: Host) -> tuple[Port, ...]:
    """Return the protocols that the kernel takes in by itself. Raises ClinicalError where it cannot be asked."""
    return tuple(Port(PROTOCOL, number, who=who) for number, who in protocols.heard_by_kernel(host).items())


def doubts_about(outside: Sequence[Listener], lasting: Sequence[Listener], lent: range) -> tuple[str, ...]:
    """Return what people should look at, a sentence each: ports that may move, and sockets that were passed over."""
    moving = [listener for listener in lasting if listener.protocol == "tcp" and listener.port in lent]
    passed = [listener for listener in outside if listener not in lasting]
    sentences = [
        f"{listener} may have another port after its next start, and is followed by the next run then"
        for listener in moving
    ]
    sentences += [f"{listener} is taken for a port to send from and is not opened" for listener in passed]
    return tuple(dict.fromkeys(sentences))


def unlearnable(host: Host, listeners: Sequence[Listener], ruleset: str) -> tuple[Unlearnable, ...]:
    """Return the services that would be cut off later, though every port that is open now stays open."""
    services = [] if _FOLLOWS_FTP.search(ruleset) else _ftp_servers(listeners)
    if any(listener.port == _RPCBIND for listener in listeners):
        services += _rpc_services(host)
    return tuple(services)


def _ftp_servers(listeners: Sequence[Listener]) -> list[Unlearnable]:
    """Return the FTP servers: their data connections come in at ports that they name to each client."""
    servers = [it for it in listeners if it.protocol == "tcp" and (it.port == _FTP or it.program in _FTP_SERVERS)]
    names = dict.fromkeys(describe_owner(server) or server.place for server in servers)
    reason = "serves FTP, whose clients open a data connection to a port that it names to each of them"
    advice = "give it a range of ports and name that in the tunable firewall_open, as tcp/50000-50100"
    return [Unlearnable(name=name, reason=f"{name} {reason}; {advice}", by_range=True) for name in names]


def _rpc_services(host: Host) -> list[Unlearnable]:
    """Return the services that rpcbind gave a port of the moment."""
    lent = sockets.ephemeral(host)
    done = host.run(["rpcinfo", "-p"]) if host.which("rpcinfo") is not None else None
    rows = parse_rpcinfo(done.out) if done is not None and done.rc == 0 else []
    places: dict[str, list[str]] = {}
    for protocol, port, name in rows:
        if port in lent:
            places.setdefault(name, []).append(f"{protocol} {port}")
    advice = "give it one of its own in /etc/nfs.conf, or wherever it is set up"
    return [
        Unlearnable(name, f"the RPC service {name} has {', '.join(at)} only until its next start; {advice}")
        for name, at in places.items()
    ]


def parse_rpcinfo(output: str) -> list[tuple[str, int, str]]:
    """Return protocol, port and name of each service that ``rpcinfo -p`` prints: program vers proto port service."""
    rows = [line.split() for line in split_lines(output)]
    services = [(row[2], int(row[3]), row[4] if len(row) > 4 else row[0]) for row in rows if _is_service(row)]
    return list(dict.fromkeys(services))


def _is_service(row: Sequence[str]) -> bool:
    return len(row) >= 4 and row[2] in ("tcp", "udp") and is_natural(row[3])


def followed(learned: Sequence[Port], listeners: Sequence[Listener], lent: range) -> tuple[Port, ...]:
    """Return what was learned, with services that have another port of the moment since followed to where they are.

    ``listeners`` are those of now, with their owners; ``lent`` are the ports that the kernel lends.
    """
    now = {place_of(listener) for listener in listeners}
    known = {port.place for port in learned}
    ports: list[Port] = []
    for port in learned:
        moved = port.place not in now and port.number in lent and port.who
        places = [place_of(it) for it in listeners if describe_owner(it) == port.who] if moved else []
        fresh = [at for at in dict.fromkeys(places) if at[0] == port.protocol and at[1] in lent and at not in known]
        ports += [replace(port, number=number) for _protocol, number in fresh] or [port]
    return tuple(sorted(set(ports)))
