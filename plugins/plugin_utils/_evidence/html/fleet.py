# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of the report that look across the fleet: by framework, waivers, what stayed available, how services answered.

Private to the collection, and pure. Days left are those that a result was told at the start of its run, never counted
from today: the same run gives the same page.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._text.numbers import is_natural
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

Link = tuple[str, str]  # (text, anchor); without an anchor it is only text

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
    references: list[tuple[str, str]]
    seen: list[tuple[str, int, str]]
    counts: Mapping[str, int]


@dataclasses.dataclass(frozen=True)
class Support:
    """A control that supports a reference, how strongly, and on how many hosts it has which result."""

    control: Control
    strength: str


@dataclasses.dataclass(frozen=True)
class Reference:
    id: str
    counts: Mapping[str, int]
    supports: list[Support]


@dataclasses.dataclass(frozen=True)
class Framework:
    anchor: str
    title: str
    status: str
    standing: str
    about: str
    controls: int
    counts: Mapping[str, int]
    references: list[Reference]


def by_framework(run: Json, controls: Sequence[Control]) -> list[Framework]:
    """Each framework that a control of this run supports; what binds comes first, what is only proposed last."""
    linked: dict[str, dict[str, list[Support]]] = {}
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
    """Return what a framework is; one of which nobody says it binds nobody."""
    return about["status"] if about.get("status") in STATUSES else "guidance"


def _framework(anchor: str, about: Json, framework: str, linked: Mapping[str, list[Support]]) -> Framework:
    status = _status(about)
    references = [
        Reference(reference, _sum(_all(linked[reference])), linked[reference])
        for reference in sorted(linked, key=natural)
    ]
    controls = {support.control.anchor: support.control for reference in references for support in reference.supports}
    parts = [show(about[key]) for key in ("version", "source") if about.get(key)]
    parts += [f"as of {show(about['as_of'])}"] if about.get("as_of") else []
    return Framework(
        anchor=anchor,
        title=show(about.get("title", framework)),
        status=status,
        standing=STANDING[status],
        about="; ".join(parts),
        controls=len(controls),
        counts=_sum(controls.values()),
        references=references,
    )


def _all(supports: Iterable[Support]) -> list[Control]:
    return [support.control for support in supports]


def _sum(controls: Iterable[Control]) -> dict[str, int]:
    counted: dict[str, int] = {}
    for control in controls:
        for outcome, number in control.counts.items():
            counted[outcome] = counted.get(outcome, 0) + number
    return {outcome: counted[outcome] for outcome in WORST_FIRST if outcome in counted}


def natural(text: str) -> list[tuple[int, int, str]]:
    """A key for sorting in which 5.2 comes before 5.10, and AC-6 before AC-6(2)."""
    pieces = re.findall(r"[0-9]+|[^0-9]+", text)
    return [(0, int(piece), "") if is_natural(piece) else (1, 0, piece) for piece in pieces]


@dataclasses.dataclass(frozen=True)
class Waiver:
    control: Link
    status: str
    days_left: str
    urgent: bool
    facts: list[tuple[str, str]]
    hosts: list[Link]


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


def days(days_left: int) -> str:
    """Return how long a waiver holds after the run, in words; it ended where the days are below 0."""
    if days_left < 0:
        return f"ended {plural(-days_left, 'day')} before the run"
    return "last day" if days_left == 0 else f"{plural(days_left, 'day')} left"


def waiver_line(waiver: Json) -> str:
    """Return a waiver as one sentence: until when, its ticket and its reason."""
    parts = [f"Until {show(waiver['expires'])}, {days(waiver['days_left'])}"]
    parts += [show(waiver[key]) for key in ("ticket", "reason") if waiver.get(key)]
    return ". ".join(part.rstrip(".") for part in parts) + "."


def waivers(run: Json, controls: Mapping[str, Control], anchors: Mapping[str, str]) -> list[Waiver]:
    """Every waiver that any host was given, once, with the hosts that used it; what ends first comes first."""
    several: dict[bytes, list[tuple[str, Json]]] = {}
    for name, result in run["hosts"].items():
        for waiver in result.get("waivers", []):
            same = {key: value for key, value in waiver.items() if key != "used"}
            several.setdefault(canonical(same), []).append((name, waiver))
    made = []
    for entries in several.values():
        waiver, used = entries[0][1], [name for name, entry in entries if entry.get("used")]
        control = controls.get(waiver["control"])
        at = (show(control.data["title"]), control.anchor) if control else (show(waiver["control"]), "")
        facts = [(label, _plain(waiver[key])) for key, label in _WAIVER_FACTS if waiver.get(key) not in (None, "", [])]
        card = Waiver(
            control=at,
            status=_waiver_status(waiver, bool(used)),
            days_left=days(waiver["days_left"]),
            urgent=bool(waiver.get("expired")) or waiver["days_left"] <= WAIVER_SOON,
            facts=facts,
            hosts=[(show(name), anchors[name]) for name in used],
        )
        made.append((waiver["days_left"], at, card))
    return [entry for _days_left, _at, entry in sorted(made, key=lambda item: item[:2])]


def _waiver_status(waiver: Json, used: bool) -> str:
    if waiver.get("expired"):
        return "ended"
    return "used" if used else "not used"


def _plain(value: Any) -> str:
    return ", ".join(map(show, value)) if isinstance(value, list) else show(value)


@dataclasses.dataclass(frozen=True)
class HostAvailability:
    """What answered before the run and what after it, of a host that lost something or of all that tell the same."""

    hosts: list[Link]
    before: str
    lost: list[str]
    unreachable: list[str]
    review: list[tuple[str, list[str]]]

    @property
    def bad(self) -> list[str]:
        """Return what the hosts lost, and what cannot be reached any more, each once."""
        return list(dict.fromkeys([*self.lost, *self.unreachable]))


_REVIEW = (
    ("consented", "Stopped with consent"),
    ("ended", "Ended, and no unit of the system held it"),
    ("appeared", "New"),
)


@dataclasses.dataclass(frozen=True)
class Availability:
    """``notable`` are the hosts with anything to tell, ``quiet`` those on which all that answered still answers."""

    notable: list[HostAvailability]
    quiet: list[Link]

    @property
    def lost(self) -> list[HostAvailability]:
        """Return the hosts that lost something or cannot be reached at some place."""
        return [entry for entry in self.notable if entry.bad]


def availability(run: Json, anchors: Mapping[str, str]) -> Availability:
    """Return what the run cost each host; hosts with the same to tell stand together."""
    notable: dict[str, HostAvailability] = {}
    quiet: list[Link] = []
    for name, result in run["hosts"].items():
        host, report = (show(name), anchors[name]), _availability_of(result)
        if report.bad or report.review:
            same = f"{name if report.bad else ''}\0{report.before}\0{report.review}"
            notable.setdefault(same, report).hosts.append(host)
        elif result.get("availability", {}).get("compared", "availability" in result):
            quiet.append(host)
    return Availability(
        sorted(
            notable.values(),
            key=lambda report: (
                not report.bad,
                -len(report.hosts),
                report.hosts,
            ),
        ),
        quiet,
    )


def _availability_of(result: Json) -> HostAvailability:
    """Return what a host tells of its sockets and units, and what its firewall lets through, for people to review."""
    about = result.get("availability", {})
    review = [(title, _items(about.get(key))) for key, title in _REVIEW]
    review.append(("Let through by the firewall", [show(entry["after"]) for entry in _firewall(result)]))
    before = _number(about.get("before")) if about.get("compared", True) else ""
    return HostAvailability(
        hosts=[],
        before=before,
        lost=_items(about.get("lost")),
        unreachable=_items(about.get("unreachable")),
        review=[entry for entry in review if entry[1]],
    )


def _firewall(result: Json) -> list[Json]:
    findings = [finding for finding in result.get("findings", []) if finding["kind"] == "firewall"]
    return [
        finding for finding in findings if finding["after"] and finding["result"] not in ("notapplicable", "notchecked")
    ]


def _items(value: Any) -> list[str]:
    if isinstance(value, list):
        return [show(item) for item in value]
    if value:
        return [show(value)]
    return []


def _number(value: Any) -> str:
    if value is None:
        return ""
    return str(len(value)) if isinstance(value, list) else show(value)


@dataclasses.dataclass(frozen=True)
class ProbeAnswer:
    host: Link
    probe: str
    target: str
    healthy: bool
    state: str
    latency: str
    observed: str


def probed(run: Json, anchors: Mapping[str, str]) -> list[ProbeAnswer]:
    """Return how services answered, those first that did not answer as they should."""
    answers = [
        ProbeAnswer(
            host=(show(name), anchors[name]),
            probe=show(probe["probe"]),
            target=show(probe["target"]),
            healthy=probe["healthy"],
            state=show(probe["state"]),
            latency="" if probe["latency_ms"] is None else f"{probe['latency_ms']:,.1f} ms",
            observed=show(probe["saw"]),
        )
        for name, probe in probes(run)
    ]
    return sorted(answers, key=lambda answer: (answer.healthy, answer.host, answer.probe, answer.target))
