# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default deny: what listens is learned once and stays open, all else is refused. Private to the collection.

The rules are a table and a file of our own. Somebody else's firewall is respected: then nothing is enforced.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.firewall import FilterTable, listing
from ..._change.subjects.trees import Tree
from ..._change.subjects.units import ENABLING_FOLDERS, EnabledUnit, has_systemd
from ..._errors import ClinicalError
from ..._host import sockets
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, read_text
from ..._host.facts import container_engine
from ..._host.sockets import Listener
from .. import in_use
from ..model import Assessment, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.ruleset import (
    LEARNED,
    TABLE,
    Port,
    file_text,
    foreign,
    learned_to_forward,
    opened,
    parse_entry,
    parse_learned,
    rules,
)

RULES = "/etc/nftables-healthops.nft"
UNIT = "nftables.service"
DROP_IN = f"/etc/systemd/system/{UNIT}.d/healthops.conf"
_ENABLED = f"/etc/systemd/system/*.wants/{UNIT}"
_LEGACY = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
_FORWARDING = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
_NFT = "/usr/sbin/nft"
#: Beside what Debian's unit loads, and after it: that begins with "flush ruleset".
DROP_IN_TEXT = f"{HEADER}[Service]\nExecStart={_NFT} -f {RULES}\nExecReload={_NFT} -f {RULES}\n"
WANTED = "what was not learned or declared is refused"


@dataclass(frozen=True)
class State:
    """The rules that run and those on disk, what listens, and why somebody else decides about the packet filter.

    ``refused`` says why the rules cannot be had at all; ``theirs`` whose firewall is there already.
    """

    has_nft: bool
    running: str | None = None
    text: str | None = None
    drop_in: str | None = None
    starts: bool = False
    listeners: tuple[Listener, ...] = ()
    fleeting: range = range(0)
    login_ports: tuple[int, ...] = ()
    forwards: bool = False
    theirs: str = ""
    refused: str = ""
    booted: bool = True
    folder: bool = True
    owned: Mapping[tuple[str, int], str] = field(default_factory=dict)


class Firewall(Kind):
    name = "firewall"
    SETTINGS = {"open": Setting("list")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return ("packet filter",)

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        wrong = [entry for entry in settings.get("open") or () if entry != LEARNED and parse_entry(str(entry)) is None]
        words = "wanted learned, tcp/PORT, udp/PORT, or one of these with @ and a network"
        return [*super().validate(settings), *(f"settings.open holds {entry!r}, {words}" for entry in wrong)]

    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> State:
        text, has_nft = read_text(host, RULES), host.which("nft") is not None
        running, refused, theirs = None, "", ""
        if has_nft:
            try:
                running = listing(host, TABLE)
            except ClinicalError as error:
                refused = error.saw
        if running is None and not refused:
            theirs = _theirs(host, has_nft)
        found = tuple(one for one in sockets.listeners(host) if one.outside)
        state = State(
            has_nft=has_nft,
            running=running,
            text=text,
            drop_in=read_text(host, DROP_IN),
            starts=bool(host.glob(_ENABLED)),
            listeners=found,
            fleeting=sockets.ephemeral(host),
            login_ports=_login_ports(host),
            forwards=_forwards(host, text),
            theirs=theirs,
            refused=refused,
            booted=has_systemd(host),
            folder=host.stat(posixpath.dirname(DROP_IN)) is not None,
        )
        return _with_owners(host, controls, state)

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        return KindPlan(
            tuple(_assess(c, state) for c in controls), tuple(g for c in controls for g in _groups(c, state))
        )


# --- looking ---


def _theirs(host: Host, has_nft: bool) -> str:
    """Whose firewall is there already."""
    legacy = [path for path in _LEGACY if "filter" in host.read_text(path).split()]
    if legacy:
        return "iptables' own tables are in use"
    if not has_nft:
        return ""
    done = host.run(["nft", "-s", "list", "ruleset"])
    if done.rc != 0:
        raise ClinicalError("Reading the packet filter's rules with", "nft list ruleset", done.err_line)
    chain = foreign(done.out)
    return f"the chain {chain} filters already what comes in" if chain else ""


def _login_ports(host: Host) -> tuple[int, ...]:
    """Where the present login came in, which stays open whatever was learned."""
    from ..._host.login import own_port

    port = own_port(host)
    return (port,) if port else ()


def _forwards(host: Host, text: str | None) -> bool:
    """Whether it hands on what is not for itself: learned once, as what listens is, and always where containers run."""
    if container_engine(host):
        return True
    return any(_is_on(host, path) for path in _FORWARDING) if text is None else learned_to_forward(text)


def _is_on(host: Host, path: str) -> bool:
    return (host.read(path) or b"").strip() == b"1"


def _with_owners(host: Host, controls: Sequence[Control], state: State) -> State:
    """Whose the sockets are is asked only where people are going to read it."""
    from dataclasses import replace

    closed = [one for c in controls for one in _closed(c, state)]
    if state.text is not None and not closed:
        return state
    known = [one for some in in_use.look(host).listeners.values() for one in some if one.outside]
    return replace(state, owned={(o.protocol, o.port): o.unit or o.program for o in known}, listeners=tuple(known))


# --- planning, pure ---


def _declared(control: Control) -> tuple[list[Port], bool]:
    """What the site opens, and whether what was learned is open as well."""
    entries = [str(entry) for entry in control.settings["open"]]
    return [port for entry in entries if (port := parse_entry(entry)) is not None], LEARNED in entries


def _learned(state: State) -> tuple[Port, ...]:
    """What was learned once; what listens now, where nothing was."""
    if state.text is not None:
        return parse_learned(state.text)
    places = {(one.protocol, one.port) for one in state.listeners if _lasts(one, state)}
    return tuple(sorted(Port(*place, who=state.owned.get(place, "")) for place in places))


def _lasts(one: Listener, state: State) -> bool:
    """A UDP socket with a port of the moment waits for the answer to a question of its own."""
    return one.protocol == "tcp" or one.port not in state.fleeting


def _open(control: Control, state: State) -> tuple[Port, ...]:
    declared, with_learned = _declared(control)
    always = [Port("tcp", number, who="this login") for number in state.login_ports]
    return opened(declared, _learned(state) if with_learned else (), always)


def _closed(control: Control, state: State, narrowed: bool = False) -> list[Listener]:
    """What listens and nobody can reach; with ``narrowed`` also what only some sources can."""
    free = {port.place for port in _open(control, state) if not (narrowed and port.source)}
    return [one for one in state.listeners if _lasts(one, state) and (one.protocol, one.port) not in free]


def _table(control: Control, state: State) -> str:
    return rules(_open(control, state), state.forwards)


def _text(control: Control, state: State) -> str:
    return file_text(_table(control, state), _learned(state), state.forwards)


def _told(control: Control, state: State) -> str:
    return f"open: {', '.join(map(str, _open(control, state))) or 'nothing'}; all else is refused"


def _assess(control: Control, state: State) -> Assessment:
    if not state.has_nft and not control.awaits:
        return not_applicable(control, TABLE, WANTED, "there is no nft on this host")
    if "permitted" in state.refused:
        return not_applicable(control, TABLE, WANTED, f"this host may not have rules of its own: {state.refused}")
    if state.refused:
        return unknown(control, TABLE, WANTED, state.refused)
    filters = (state.running or "").split() == _table(control, state).split()
    written = state.text == _text(control, state)
    boots = written and state.starts and state.drop_in == DROP_IN_TEXT
    running = judge(filters, "default deny" if filters else "other rules" if state.running else "no rules of ours")
    disk = judge(written, "the rules" if written else "other rules" if state.text else "no rules of ours")
    boot = judge(boots or not state.booted, "loaded at boot" if boots else "not loaded at boot")
    fine = filters and written and boots
    before = _told(control, state) if fine else f"{running.saw}, {boot.saw}"
    reason = state.theirs and f"{state.theirs}; it is respected and nothing is enforced"
    after = before if reason else _told(control, state)
    return Assessment(
        control.id, TABLE, WANTED, before, after, Verdicts(running, disk, boot), reason or _drift(control, state)
    )


def _drift(control: Control, state: State) -> str:
    """What began to listen since the rules were learned. It is told, and not opened."""
    closed = _closed(control, state)
    if state.text is None or not closed:
        return ""
    told = ", ".join(dict.fromkeys(str(one) for one in closed))
    return f"{told} listens and is not open; if it is to be, add it to the tunable firewall_open"


def _groups(control: Control, state: State) -> tuple[Group, ...]:
    found = _assess(control, state)
    if found.result != "fail" or state.theirs:
        return ()
    ids, table, text = (control.id,), _table(control, state), _text(control, state)
    steps: list[Step] = []
    if state.text != text:
        words = ("other rules" if state.text else "absent", _told(control, state), "it is loaded at each boot")
        steps.append(Step(File(RULES), file_image(encode(text), 0o600), *words, ids))
    steps += _boot_steps(state, ids)
    if (state.running or "").split() != table.split():
        told = (
            "\n".join(["other rules"] if state.running else ["everything is let in"]),
            "\n".join(_lines(control, state)),
        )
        steps.append(Step(FilterTable(TABLE), {"rules": table}, *told, "what nobody needs is closed", ids))
    stops = tuple(dict.fromkeys(one.place for one in _closed(control, state, narrowed=True)))
    return (Group("firewall", tuple(steps), (), (Effect("daemon-reload"),), stops=stops),)


def _lines(control: Control, state: State) -> list[str]:
    return [*(f"open: {port}" for port in _open(control, state)), "refused: all else"]


def _boot_steps(state: State, ids: tuple[str, ...]) -> list[Step]:
    steps: list[Step] = []
    if not state.booted:
        return steps
    if state.drop_in != DROP_IN_TEXT:
        folder = posixpath.dirname(DROP_IN)
        if not state.folder:
            image = {"kind": "dir", "mode": 0o755, "uid": 0, "gid": 0}
            steps.append(Step(File(folder), image, "absent", "made", "it holds the drop-in", ids))
        words = ("other lines" if state.drop_in else "absent", "loads our rules", f"{UNIT} loads them after its own")
        steps.append(Step(File(DROP_IN), file_image(encode(DROP_IN_TEXT), 0o644), *words, ids))
    if not state.starts:
        steps.append(Step(Tree(ENABLING_FOLDERS), None, "", "", "the links that enabling lays", ids))
        steps.append(Step(EnabledUnit(UNIT), {"enabled": True}, "disabled", "enabled", "it starts at each boot", ids))
    return steps
