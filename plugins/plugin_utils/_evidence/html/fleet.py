# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the report that look across the fleet: by framework, waivers, what stayed available, how services answered.

Private to the collection, and pure. Days left are those that a result was told at the start of its run, never counted
from today: the same run gives the same page.
"""

from __future__ import annotations

import dataclasses
import re
import typing as t

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.frameworks import (
    STATUSES,
)
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import (
    WORST_FIRST,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html.text import show
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural, probes
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.words import (
    Json,
    canonical,
)

Link = t.Tuple[str, str]  # (text, anchor); without an anchor it is only text

#: What a framework is, in words that nobody can take for more, by its status.
STANDING = {
    "law": "Law in force",
    "proposed": "Proposed, not law",
    "guidance": "Guidance, not law",
    "benchmark": "Benchmark, not law",
}
#: How strongly a control supports a reference. That people and paper stand beside it is said above the list.
STRENGTHS = {
    "full": "all that it asks of a server",
    "partial": "a part of what it asks of a server",
    "supports": "helps towards it",
}


@dataclasses.dataclass(frozen=True)
class Control:
    """The text of a control, told once; ``seen`` is result word -> names of hosts (or "all others")."""

    anchor: str
    data: Json
    hazard: str
    references: t.List[t.Tuple[str, str]]
    seen: t.List[t.Tuple[str, int, str]]
    counts: t.Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Support:
    """A control that supports a reference, how strongly, and on how many hosts it has which result."""

    control: Control
    strength: str


@dataclasses.dataclass(frozen=True)
class Reference:
    id: str
    counts: t.Mapping[str, int]
    supports: t.List[Support]


@dataclasses.dataclass(frozen=True)
class Framework:
    anchor: str
    title: str
    status: str
    standing: str
    about: str
    controls: int
    counts: t.Mapping[str, int]
    references: t.List[Reference]


def by_framework(run: Json, controls: t.Sequence[Control]) -> t.List[Framework]:
    """Each framework that a control of this run supports; what binds comes first, what is only proposed last."""
    linked: t.Dict[str, t.Dict[str, t.List[Support]]] = {}
    for control in controls:
        for reference in control.data["references"]:
            strength = str(reference.get("strength", "supports"))
            support = Support(control, STRENGTHS.get(strength) or show(strength))
            linked.setdefault(reference["framework"], {}).setdefault(show(reference["reference"]), []).append(support)
    order = ("law", "guidance", "benchmark", "proposed")
    known = {name: run["frameworks"].get(name, {}) for name in linked}
    names = sorted(linked, key=lambda name: (order.index(_status(known[name])), show(known[name].get("title", name))))
    return [_framework(f"f{number}", known[name], name, linked[name]) for number, name in enumerate(names, 1)]


def _status(about: Json) -> str:
    """What a framework is; one of which nobody says it binds nobody."""
    return about["status"] if about.get("status") in STATUSES else "guidance"


def _framework(anchor: str, about: Json, name: str, linked: t.Mapping[str, t.List[Support]]) -> Framework:
    status = _status(about)
    references = [Reference(each, _sum(_all(linked[each])), linked[each]) for each in sorted(linked, key=natural)]
    mine = {support.control.anchor: support.control for each in references for support in each.supports}
    told = [show(about[key]) for key in ("version", "source") if about.get(key)]
    told += [f"as of {show(about['as_of'])}"] if about.get("as_of") else []
    return Framework(
        anchor,
        show(about.get("title", name)),
        status,
        STANDING[status],
        "; ".join(told),
        len(mine),
        _sum(mine.values()),
        references,
    )


def _all(supports: t.Iterable[Support]) -> t.List[Control]:
    return [support.control for support in supports]


def _sum(controls: t.Iterable[Control]) -> t.Dict[str, int]:
    counted: t.Dict[str, int] = {}
    for control in controls:
        for word, number in control.counts.items():
            counted[word] = counted.get(word, 0) + number
    return {word: counted[word] for word in WORST_FIRST if word in counted}


def natural(text: str) -> t.List[t.Tuple[int, int, str]]:
    """A key for sorting in which 5.2 comes before 5.10, and AC-6 before AC-6(2)."""
    pieces = re.findall(r"\d+|\D+", text)
    return [(0, int(piece), "") if piece.isdecimal() and piece.isascii() else (1, 0, piece) for piece in pieces]


@dataclasses.dataclass(frozen=True)
class Waiver:
    control: Link
    word: str
    left: str
    urgent: bool
    facts: t.List[t.Tuple[str, str]]
    hosts: t.List[Link]


WAIVER_SOON = 30  # days
_WAIVER_FACTS = (
    ("reason", "Reason"),
    ("compensating_control", "Instead"),
    ("owner", "Owner"),
    ("approver", "Approved by"),
    ("ticket", "Ticket"),
    ("expires", "Until"),
    ("value", "Up to the value"),
    ("hosts", "For hosts"),
    ("groups", "For groups"),
)


def days(left: int) -> str:
    if left < 0:
        return f"ended {plural(-left, 'day')} before the run"
    return "last day" if left == 0 else f"{plural(left, 'day')} left"


def waiver_line(waiver: Json) -> str:
    told = [f"Until {show(waiver['expires'])}, {days(waiver['days_left'])}"]
    told += [show(waiver[key]) for key in ("ticket", "reason") if waiver.get(key)]
    return ". ".join(part.rstrip(".") for part in told) + "."


def waivers(run: Json, controls: t.Mapping[str, Control], anchors: t.Mapping[str, str]) -> t.List[Waiver]:
    """Every waiver that any host was given, once, with the hosts that used it; what ends first comes first."""
    several: t.Dict[bytes, t.List[t.Tuple[str, Json]]] = {}
    for name, result in run["hosts"].items():
        for waiver in result.get("waivers", []):
            same = {key: value for key, value in waiver.items() if key != "used"}
            several.setdefault(canonical(same), []).append((name, waiver))
    made = []
    for told in several.values():
        waiver, used = told[0][1], [name for name, each in told if each.get("used")]
        control = controls.get(waiver["control"])
        at = (show(control.data["title"]), control.anchor) if control else (show(waiver["control"]), "")
        expired = bool(waiver.get("expired"))
        word = "ended" if expired else "used" if used else "not used"
        facts = [(label, _plain(waiver[key])) for key, label in _WAIVER_FACTS if waiver.get(key) not in (None, "", [])]
        urgent = expired or waiver["days_left"] <= WAIVER_SOON
        hosts = [(show(name), anchors[name]) for name in used]
        made.append((waiver["days_left"], at, Waiver(at, word, days(waiver["days_left"]), urgent, facts, hosts)))
    return [each for _left, _at, each in sorted(made, key=lambda item: item[:2])]


def _plain(value: t.Any) -> str:
    return ", ".join(map(show, value)) if isinstance(value, list) else show(value)


@dataclasses.dataclass(frozen=True)
class Kept:
    """What answered before the run and what after it, of a host that lost something or of all that tell the same."""

    hosts: t.List[Link]
    before: str
    lost: t.List[str]
    unreachable: t.List[str]
    rest: t.List[t.Tuple[str, t.List[str]]]

    @property
    def bad(self) -> t.List[str]:
        return list(dict.fromkeys([*self.lost, *self.unreachable]))


_REST = (
    ("consented", "Stopped with consent"),
    ("appeared", "New"),
)


@dataclasses.dataclass(frozen=True)
class Availability:
    """``told`` are the hosts with anything to tell, ``quiet`` those on which all that answered still answers."""

    told: t.List[Kept]
    quiet: t.List[Link]

    @property
    def lost(self) -> t.List[Kept]:
        return [each for each in self.told if each.bad]


def availability(run: Json, anchors: t.Mapping[str, str]) -> Availability:
    told: t.Dict[str, Kept] = {}
    quiet: t.List[Link] = []
    for name, result in run["hosts"].items():
        host, kept = (show(name), anchors[name]), _kept(result)
        if kept.bad or kept.rest:
            same = f"{name if kept.bad else ''}\0{kept.before}\0{kept.rest}"
            told.setdefault(same, kept).hosts.append(host)
        elif result.get("availability", {}).get("compared", "availability" in result):
            quiet.append(host)
    return Availability(sorted(told.values(), key=lambda kept: (not kept.bad, -len(kept.hosts), kept.hosts)), quiet)


def _kept(result: Json) -> Kept:
    """What a host tells of its sockets and units, and what its firewall lets through, for people to review."""
    about = result.get("availability", {})
    rest = [(title, _items(about.get(key))) for key, title in _REST]
    rest.append(("Let through by the firewall", [show(each["after"]) for each in _firewall(result)]))
    before = _number(about.get("before")) if about.get("compared", True) else ""
    return Kept(
        [], before, _items(about.get("lost")), _items(about.get("unreachable")), [each for each in rest if each[1]]
    )


def _firewall(result: Json) -> t.List[Json]:
    found = [finding for finding in result.get("findings", []) if finding["kind"] == "firewall"]
    return [
        finding for finding in found if finding["after"] and finding["result"] not in ("notapplicable", "notchecked")
    ]


def _items(value: t.Any) -> t.List[str]:
    if isinstance(value, list):
        return [show(item) for item in value]
    return [show(value)] if value else []


def _number(value: t.Any) -> str:
    return str(len(value)) if isinstance(value, list) else "" if value is None else show(value)


@dataclasses.dataclass(frozen=True)
class Asked:
    host: Link
    probe: str
    target: str
    healthy: bool
    state: str
    latency: str
    saw: str


def probed(run: Json, anchors: t.Mapping[str, str]) -> t.List[Asked]:
    """How services answered, those first that did not answer as they should."""
    made = [
        Asked(
            (show(name), anchors[name]),
            show(probe["probe"]),
            show(probe["target"]),
            probe["healthy"],
            show(probe["state"]),
            "" if probe["latency_ms"] is None else f"{probe['latency_ms']:,.1f} ms",
            show(probe["saw"]),
        )
        for name, probe in probes(run)
    ]
    return sorted(made, key=lambda asked: (asked.healthy, asked.host, asked.probe, asked.target))
