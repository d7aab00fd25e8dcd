# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default deny: what listens is learned once and stays open, all else is refused.

The rules are a table and a file of our own. Somebody else's firewall is respected: then nothing is enforced.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..._change.steps import Effect, Group, Step
from ..._change.subjects.files import File, file_image
from ..._change.subjects.firewall import FilterTable, listing
from ..._change.subjects.units import has_systemd
from ..._errors import ClinicalError
from ..._host import protocols, sockets
from ..._host.door import Host
from ..._host.dropin import HEADER, encode, read_text
from ..._host.facts import container_engine
from ..._host.sockets import Listener
from ..context import SurveyContext
from ..model import Assessment, Blocked, Control, Kind, KindPlan, Setting, Verdicts, judge, not_applicable, unknown
from ..support.heard import (
    Unlearnable,
    doubts_about,
    followed,
    place_of,
    ports_of,
    ports_of_kernel,
    unlearnable,
)
from ..support.ruleset import (
    LEARNED,
    TABLE,
    Port,
    file_text,
    foreign_filter,
    learned_to_forward,
    opened,
    parse_entry,
    parse_learned,
    rules,
)
from ..support.unit_steps import enabling, starting

RULES = "/etc/nftables-healthops.nft"
UNIT = "healthops-firewall.service"
UNIT_FILE = f"/etc/systemd/system/{UNIT}"
_ENABLED = f"/etc/systemd/system/*.wants/{UNIT}"
_LEGACY = ("/proc/net/ip_tables_names", "/proc/net/ip6_tables_names")
_FORWARDING = ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding")
_NFT = "/usr/sbin/nft"
UNIT_TEXT = f"""{HEADER}[Unit]
Description=Packet filter of healthops.clinical
DefaultDependencies=no
ConditionPathExists={RULES}
After=nftables.service local-fs.target
Before=network-pre.target shutdown.target
Wants=network-pre.target
Conflicts=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ProtectSystem=full
ProtectHome=true
ExecStart={_NFT} -f {RULES}
ExecReload={_NFT} -f {RULES}
ExecStop={_NFT} 'add table {TABLE}; delete table {TABLE}'

[Install]
WantedBy=sysinit.target
"""
#: Debian's nftables.service empties all tables, whatever is done with it; ours comes back after it. Whether that unit
#: runs is the site's affair: its file may hold rules that nobody has tried.
DROP_IN = "/etc/systemd/system/nftables.service.d/healthops.conf"
_LOAD_AGAIN = f"-{_NFT} -f {RULES}"
DROP_IN_TEXT = f"""{HEADER}[Service]
ExecStartPost={_LOAD_AGAIN}
ExecReload={_LOAD_AGAIN}
ExecStopPost={_LOAD_AGAIN}
"""
WANTED = "what was not learned or declared is refused"


@dataclass(frozen=True)
class State:
    """The rules that run and those on disk, what listens, and why somebody else decides about the packet filter.

    ``running`` and ``text`` are None where there are none of ours. ``refused`` says why the rules cannot be had at all,
    ``foreign`` whose firewall is there already; both are None where nothing of the kind stands in the way.
    ``listeners`` are those that wait for clients, ``learned`` is what is open for their sake. Before the first time
    ``unlearnable`` are services that would be cut off later, ``unseen`` says why not all that is heard is known, and
    ``doubts`` what people should look at in what is learned.
    ``names`` are those of IP protocols on this host.
    """

    has_nft: bool
    running: str | None = None
    text: str | None = None
    unit: str | None = None
    drop_in: str | None = None
    folder: bool = True
    starts: bool = False
    listeners: tuple[Listener, ...] = ()
    learned: tuple[Port, ...] = ()
    unlearnable: tuple[Unlearnable, ...] = ()
    unseen: str | None = None
    doubts: tuple[str, ...] = ()
    names: Mapping[int, str] | None = None
    login_ports: tuple[int, ...] = ()
    forwards: bool = False
    foreign: str | None = None
    refused: str | None = None
    booted: bool = True


class Firewall(Kind):
    name = "firewall"
    SETTINGS = {"open": Setting("list")}

    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        return ("packet filter",)

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        wrong = [entry for entry in settings.get("open") or () if entry != LEARNED and parse_entry(str(entry)) is None]
        accepted = "wanted learned, tcp/PORT, udp/FIRST-LAST, protocol/NAME, or one of these with @ and a network"
        return [*super().validate(settings), *(f"settings.open holds {entry!r}, {accepted}" for entry in wrong)]

    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> State:
        text, has_nft = read_text(host, RULES), host.which("nft") is not None
        running, refused = _running_rules(host) if has_nft else (None, None)
        ruleset = _ruleset(host) if has_nft and running is None and refused is None else ""
        state = State(
            has_nft=has_nft,
            running=running,
            text=text,
            unit=read_text(host, UNIT_FILE),
            drop_in=read_text(host, DROP_IN),
            folder=host.stat(posixpath.dirname(DROP_IN)) is not None,
            starts=bool(host.glob(_ENABLED)),
            names=protocols.system_names(host),
            login_ports=_login_ports(host),
            forwards=_forwards(host, text),
            foreign=_foreign(host, ruleset) if running is None and refused is None else None,
            refused=refused,
            booted=has_systemd(host),
        )
        if text is None:
            return _with_heard(host, state, context, ruleset)
        return _with_listeners(host, controls, replace(state, learned=parse_learned(text)), context)

    def plan(self, controls: Sequence[Control], state: State) -> KindPlan:
        assessments = tuple(_assess(control, state) for control in controls)
        failing = [control for control, a in zip(controls, assessments) if a.to_enforce]
        return KindPlan(assessments, tuple(_group(control, state) for control in failing))


# --- looking ---


def _running_rules(host: Host) -> tuple[str | None, str | None]:
    """Return our table as it runs, None where there is none; and why the kernel refused to tell, None where it did."""
    try:
        return listing(host, TABLE), None
    except ClinicalError as error:
        return None, error.saw


def _ruleset(host: Host) -> str:
    """Return all rules that run. Raises ClinicalError where nft does not list them."""
    done = host.run(["nft", "-s", "list", "ruleset"])
    if done.rc != 0:
        raise ClinicalError("Reading the packet filter's rules with", "nft list ruleset", done.err_line)
    return done.out


def _foreign(host: Host, ruleset: str) -> str | None:
    """Return whose firewall is there already, None where nobody's is."""
    legacy = [path for path in _LEGACY if "filter" in host.read_text(path).split()]
    if legacy:
        return "iptables' own tables are in use"
    chain = foreign_filter(ruleset)
    if chain:
        return f"the chain {chain} filters already what comes in"
    return None


def _login_ports(host: Host) -> tuple[int, ...]:
    """Return the port at which the present login came in, which stays open whatever was learned."""
    from ..._host.login import own_port

    port = own_port(host)
    if port:
        return (port,)
    return ()


def _forwards(host: Host, text: str | None) -> bool:
    """Return whether it hands on what is not for itself: learned once, as listeners are; always with containers."""
    if container_engine(host):
        return True
    if text is None:
        return any(_is_on(host, path) for path in _FORWARDING)
    return learned_to_forward(text)


def _is_on(host: Host, path: str) -> bool:
    return host.read_text(path).strip() == "1"


def _with_heard(host: Host, state: State, context: SurveyContext, ruleset: str) -> State:
    """Return the state before the first time, with all that the host hears and who hears it."""
    outside = _outside(host, context)
    listeners = sockets.lasting(host, outside)
    try:
        of_kernel, unseen = ports_of_kernel(host), None
    except ClinicalError as error:
        of_kernel, unseen = (), str(error)
    learned = ports_of(listeners)
    closing = [service for service in unlearnable(host, listeners, ruleset) if not context.has_consent(service.name)]
    return replace(
        state,
        listeners=tuple(listeners),
        learned=opened((), (*of_kernel, *learned), ()),
        unlearnable=tuple(closing),
        unseen=unseen,
        doubts=doubts_about(outside, listeners, sockets.ephemeral(host)),
    )


def _with_listeners(host: Host, controls: Sequence[Control], state: State, context: SurveyContext) -> State:
    """Return the state with what listens; the owners of sockets are looked up only where something is closed."""
    outside = [listener for listener in sockets.listeners(host) if listener.outside]
    state = replace(state, listeners=tuple(sockets.surely_lasting(host, outside)))
    if not any(_closed(control, state) for control in controls):
        return state
    listeners = sockets.lasting(host, _outside(host, context))
    learned = followed(state.learned, listeners, sockets.ephemeral(host))
    return replace(state, listeners=tuple(listeners), learned=learned)


def _outside(host: Host, context: SurveyContext) -> list[Listener]:
    """Return what listens for others than this host itself, with its owners."""
    owned = [listener for of_unit in context.use(host).listeners.values() for listener in of_unit]
    return [listener for listener in owned if listener.outside]


# --- planning, pure ---


def _declared(control: Control) -> tuple[list[Port], bool]:
    """Return the ports that the site opens, and whether what was learned is open as well."""
    entries = [str(entry) for entry in control.settings["open"]]
    return [port for entry in entries if (port := parse_entry(entry)) is not None], LEARNED in entries


def _open(control: Control, state: State) -> tuple[Port, ...]:
    declared, with_learned = _declared(control)
    always = [Port("tcp", number, who="this login") for number in state.login_ports]
    return opened(declared, state.learned if with_learned else (), always)


def _closed(control: Control, state: State, narrowed: bool = False) -> list[Listener]:
    """Return what listens and nobody can reach; with ``narrowed`` also what only some sources can."""
    free = [port for port in _open(control, state) if not (narrowed and port.source)]
    return [it for it in state.listeners if not any(port.covers(place_of(it)) for port in free)]


def _table(control: Control, state: State) -> str:
    return rules(_open(control, state), state.forwards, state.names or {})


def _text(control: Control, state: State) -> str:
    return file_text(_table(control, state), state.learned, state.forwards)


def _describe_open(control: Control, state: State) -> str:
    return f"open: {', '.join(map(str, _open(control, state))) or 'nothing'}; all else is refused"


def _assess(control: Control, state: State) -> Assessment:
    if not state.has_nft and not control.awaits:
        return not_applicable(control, TABLE, WANTED, "there is no nft on this host")
    if state.refused is not None and "permitted" in state.refused:
        return not_applicable(control, TABLE, WANTED, f"this host may not have rules of its own: {state.refused}")
    if state.refused is not None:
        return unknown(control, TABLE, WANTED, state.refused)
    verdicts = _verdicts(control, state)
    fine = _filters(control, state) and _is_loaded_at_boot(control, state)
    described = _describe_open(control, state)
    before = described if fine else f"{verdicts.running.observed}, {verdicts.survives_reboot.observed}"
    blocked = _blocker(control, state)
    return Assessment(
        control=control.id,
        subject=TABLE,
        wanted=WANTED,
        before=before,
        after=before if blocked else described,
        verdicts=verdicts,
        remark=_drift(control, state),
        blocked=blocked,
    )


def _blocker(control: Control, state: State) -> Blocked | None:
    """Return why the rules are not set, None where nothing that is heard now would be cut off by them later."""
    if state.foreign:
        return Blocked(f"{state.foreign}; it is respected and nothing is enforced")
    if state.unseen:
        return Blocked(state.unseen)
    has_range = any(port.last for port in _declared(control)[0])
    closing = [service for service in state.unlearnable if not (service.by_range and has_range)]
    if not closing:
        return None
    names = ", ".join(service.name for service in closing)
    reasons = "; ".join(service.reason for service in closing)
    return Blocked(f"{reasons}; to have it closed, list {names} in hardening_allow_stop")


def _verdicts(control: Control, state: State) -> Verdicts:
    """Return how the kernel's rules, our file, and what is loaded at boot stand."""
    filters = _filters(control, state)
    written = state.text == _text(control, state)
    boots = _is_loaded_at_boot(control, state)
    return Verdicts(
        running=judge(filters, "default deny" if filters else _describe_rules(state.running)),
        on_disk=judge(written, "the rules" if written else _describe_rules(state.text)),
        survives_reboot=judge(boots or not state.booted, "loaded at boot" if boots else "not loaded at boot"),
    )


def _describe_rules(text: str | None) -> str:
    return "other rules" if text else "no rules of ours"


def _filters(control: Control, state: State) -> bool:
    return (state.running or "").split() == _table(control, state).split()


def _is_loaded_at_boot(control: Control, state: State) -> bool:
    units = (state.unit, state.drop_in) == (UNIT_TEXT, DROP_IN_TEXT)
    return state.text == _text(control, state) and state.starts and units


def _drift(control: Control, state: State) -> str:
    """Return a remark about what began to listen since the rules were learned. It is told, and not opened."""
    closed = _closed(control, state)
    if state.text is None:
        return "; ".join(state.doubts)
    if not closed:
        return ""
    places = ", ".join(dict.fromkeys(map(str, closed)))
    return f"{places} listens and is not open; if it is to be, add it to the tunable firewall_open"


def _group(control: Control, state: State) -> Group:
    """Return the group that writes the rules, has them loaded at boot, and has the kernel take them."""
    ids, text = (control.id,), _text(control, state)
    steps: list[Step] = []
    if state.text != text:
        rules_file = Step(
            subject=File(RULES),
            wanted=file_image(encode(text), 0o600),
            before="other rules" if state.text else "absent",
            after=_describe_open(control, state),
            why="it is loaded at each boot",
            controls=ids,
        )
        steps.append(rules_file)
    steps += _boot_steps(state, ids)
    if not _filters(control, state):
        table = Step(
            subject=FilterTable(TABLE),
            wanted={"rules": _table(control, state)},
            before="other rules" if state.running else "everything is let in",
            after="\n".join(_lines(control, state)),
            why="what nobody needs is closed",
            controls=ids,
        )
        steps.append(table)
        if state.booted and state.unit != UNIT_TEXT:  # taking it back stops the unit, and with it goes the table
            steps.append(starting(UNIT, "inactive", "stopping it takes our table away, and no other", ids))
    stops = tuple(dict.fromkeys(listener.place for listener in _closed(control, state, narrowed=True)))
    return Group(name="firewall", steps=tuple(steps), effects=(Effect("daemon-reload"),), stops=stops)


def _lines(control: Control, state: State) -> list[str]:
    return [*(f"open: {port}" for port in _open(control, state)), "refused: all else"]


def _boot_steps(state: State, ids: tuple[str, ...]) -> list[Step]:
    """Return the steps for the unit that loads our rules at boot; none where systemd does not run."""
    if not state.booted:
        return []
    steps: list[Step] = []
    if state.unit != UNIT_TEXT:
        unit = Step(
            subject=File(UNIT_FILE),
            wanted=file_image(encode(UNIT_TEXT), 0o644),
            before="other lines" if state.unit else "absent",
            after="loads our table, and takes only that away",
            why="it loads the rules before the network is up",
            controls=ids,
        )
        steps.append(unit)
    if state.drop_in != DROP_IN_TEXT:
        steps += _drop_in_steps(state, ids)
    if not state.starts:
        steps += enabling(UNIT, "disabled", "it starts at each boot", ids)
    return steps


def _drop_in_steps(state: State, ids: tuple[str, ...]) -> list[Step]:
    folder = Step(
        subject=File(posixpath.dirname(DROP_IN)),
        wanted={"kind": "dir", "mode": 0o755, "uid": 0, "gid": 0},
        before="absent",
        after="made",
        why="it holds the drop-in",
        controls=ids,
    )
    drop_in = Step(
        subject=File(DROP_IN),
        wanted=file_image(encode(DROP_IN_TEXT), 0o644),
        before="other lines" if state.drop_in else "absent",
        after="loads our table again",
        why="the unit of the distribution empties all tables",
        controls=ids,
    )
    return [drop_in] if state.folder else [folder, drop_in]
