# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waivers: deviations that somebody answers for and somebody else has approved, until a day.

``read`` checks the whole list, whichever host it is for, so that nothing is touched where one entry is wrong. A control
that is waived on a host is judged there and not enforced; that goes on when the waiver has expired, because a change
that was thought too dangerous must not happen by itself at midnight. Expired, it is a ``fail`` with the reason. Private
to this collection.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Protocol

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.results import setting_text
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.selection import Selection
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.tunables import plain
from ansible_collections.healthops.clinical.plugins.plugin_utils._data.checks import (
    Field,
    Place,
    Problem,
    Problems,
    check,
    nearest,
    show,
)

VARIABLE = "hardening_waivers"
#: The longest that a waiver may still last, by the severity of its control; a control may say otherwise.
MOST_DAYS = {"low": 365, "medium": 180, "high": 90, "critical": 30}

_SAID = ("reason", "owner", "approver", "ticket", "compensating_control")
_FIELDS = {
    "control": Field("str", True),
    **{key: Field("str", True) for key in _SAID},
    "expires": Field("str", True, pattern=r"\d{4}-\d{2}-\d{2}"),
    "hosts": Field("texts"),
    "groups": Field("texts"),
    "value": Field("scalar"),
}


class Limited(Protocol):
    """What is to be known of a control: 0 days stand for what its severity says."""

    @property
    def severity(self) -> str:
        """One of the catalogue's severities."""

    @property
    def max_waiver_days(self) -> int:
        """Return how many days a waiver may last."""


@dataclass(frozen=True)
class Waiver:
    """One entry of the list. ``hosts`` are those that it concerns, its groups resolved; None stands for all."""

    number: int
    control: str
    expires: date
    said: dict[str, Any]
    hosts: frozenset[str] | None
    value: str | None

    def concerns(self, host: str) -> bool:
        """Return whether it speaks of a host; one that names none speaks of all."""
        return self.hosts is None or host in self.hosts

    def meets(self, second: Waiver) -> bool:
        """Return True if both would speak of one control on one host."""
        if self.control != second.control:
            return False
        return self.hosts is None or second.hosts is None or bool(self.hosts & second.hosts)

    def days_left(self, today: date) -> int:
        """Return how many days it still holds; the day that it names is the last one."""
        return (self.expires - today).days

    def as_evidence(self, today: date) -> dict[str, Any]:
        """The entry as the evidence shows it."""
        days_left = self.days_left(today)
        return {**self.said, "control": self.control, "days_left": days_left, "expired": days_left < 0}


def most_days(control: Limited) -> int:
    """Return how many days from today a waiver of this control may expire at most."""
    return control.max_waiver_days or MOST_DAYS[control.severity]


def read(
    given: Any, controls: Mapping[str, Limited], groups: Mapping[str, Sequence[str]], today: date
) -> tuple[Waiver, ...]:
    """All waivers, checked; ``groups`` holds the hosts of each group of the inventory, by name.

    Raises one ClinicalError with the problems of all of them.
    """
    problems = Problems()
    accepted: list[Waiver] = []
    if not isinstance(given, (list, tuple)):
        problems.add(Problem(VARIABLE, 0, "", "", f"saw {show(given)}", "a list of waivers"))
        given = ()
    for number, item in enumerate(given, 1):
        waiver = _waiver(number, item, controls, groups, today, problems)
        if waiver:
            _check_alone(waiver, accepted, problems)
            accepted.append(waiver)
    problems.raise_if_any("Reading", "the waivers", "No host was touched. Correct the list and run again.")
    return tuple(accepted)


def _waiver(
    number: int,
    item: Any,
    controls: Mapping[str, Limited],
    groups: Mapping[str, Sequence[str]],
    today: date,
    problems: Problems,
) -> Waiver | None:
    """One entry, or None where something is wrong with it."""
    data = _as_text(item)
    place = _place(number, data)
    if not check(data, _FIELDS, place, problems):
        return None
    before = len(problems.items)
    expires = _expiry(data, place, problems)
    _check_people(data, place, problems)
    control = controls.get(data["control"])
    if control is None:
        problems.add(place.problem(data, "control", f"unknown control id{nearest(data['control'], controls)}"))
    elif expires:
        _check_length(control, expires, today, place, data, problems)
    hosts = _hosts(data, groups, place, problems)
    if len(problems.items) > before or expires is None:
        return None
    value = setting_text(data["value"]) if "value" in data else None
    return Waiver(number, data["control"], expires, data, hosts, value)


def _place(number: int, data: Any) -> Place:
    named = data.get("control") if isinstance(data, dict) else None
    return Place(Path(VARIABLE), f"waiver {number} of {named}" if isinstance(named, str) else f"waiver {number}")


def _as_text(item: Any) -> Any:
    """Plain data. YAML makes a date of an expiry and a number of a ticket without quotes; both are meant as text."""
    if not isinstance(item, Mapping):
        return item
    data = {str(key): value.isoformat() if isinstance(value, date) else value for key, value in item.items()}
    if isinstance(data.get("ticket"), int):
        data["ticket"] = str(data["ticket"])
    return plain(data)


def _expiry(data: Mapping[str, Any], place: Place, problems: Problems) -> date | None:
    try:
        return date.fromisoformat(data["expires"])
    except ValueError:
        problems.add(
            place.problem(data, "expires", f"saw {show(data['expires'])}", "a day of the calendar, YYYY-MM-DD")
        )
        return None


def _check_people(data: Mapping[str, Any], place: Place, problems: Problems) -> None:
    if _same(data["owner"]) == _same(data["approver"]):
        fault = f"saw {show(data['approver'])}, who is the owner"
        problems.add(place.problem(data, "approver", fault, "another person than the owner"))


def _same(name: str) -> str:
    return re.sub(r"\W+", " ", name).strip().casefold()


def _check_length(
    control: Limited, expires: date, today: date, place: Place, data: Mapping[str, Any], problems: Problems
) -> None:
    last = today + timedelta(days=most_days(control))
    if expires > last:
        fault = f"saw {expires}, {(expires - today).days} days from today"
        why = f"{last} at the latest: {most_days(control)} days for this control, of severity {control.severity}"
        problems.add(place.problem(data, "expires", fault, why))


def _hosts(
    data: Mapping[str, Any], groups: Mapping[str, Sequence[str]], place: Place, problems: Problems
) -> frozenset[str] | None:
    """The hosts that are named, and those of the groups that are; None where neither is."""
    if "hosts" not in data and "groups" not in data:
        return None
    everyone = groups.get("all", ())
    for key, known in (("hosts", everyone), ("groups", groups)):
        for name in data.get(key, ()):
            if name not in known:
                fault = f"{name!r} is not in the inventory{nearest(name, known)}"
                problems.add(place.problem(data, key, fault))
    members = [host for name in data.get("groups", ()) for host in groups.get(name, ())]
    return frozenset([*data.get("hosts", ()), *members])


def _check_alone(waiver: Waiver, accepted: Sequence[Waiver], problems: Problems) -> None:
    for earlier in accepted:
        if waiver.meets(earlier):
            fault = f"waiver {earlier.number} is of the same control, for hosts that this one concerns too"
            problems.add(
                _place(waiver.number, waiver.said).problem({}, "", fault, "one waiver for a control on a host")
            )


def mark(selection: Selection, waivers: Sequence[Waiver]) -> list[dict[str, Any]]:
    """The controls to send, those that are waived marked with the value that is; ``waivers`` concern the host."""
    narrowed = {w.control: {} if w.value is None else {"value": w.value} for w in waivers}
    return [{**control, "waived": narrowed.get(control["id"])} for control in selection.controls]


def judged(
    findings: Sequence[dict[str, Any]], waivers: Sequence[Waiver], today: date
) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """The findings with their waivers, the waivers with whether they were used, and what to warn of.

    ``waivers`` concern the host.
    """
    entries = {waiver.control: waiver.as_evidence(today) for waiver in waivers}
    marked = [_waived(finding, entries) for finding in findings]
    results = {finding["id"]: finding for finding in marked}
    used = {name for name in entries if "waiver" in results.get(name, {})}
    idle = [waiver for waiver in waivers if waiver.control not in used]
    warnings = [f"{VARIABLE}: the waiver of {w.control} is not used: {_why_idle(w, results)}" for w in idle]
    return marked, [{**entry, "used": name in used} for name, entry in entries.items()], warnings


def _waived(finding: dict[str, Any], entries: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    if finding["result"] != "waived":
        return finding
    waiver = entries[finding["id"]]
    if not waiver["expired"]:
        return {**finding, "waiver": waiver}
    ended = f"the waiver {waiver['ticket']} expired on {waiver['expires']}; {waiver['owner']} answers for it"
    reason = "; ".join(part for part in (ended, finding.get("reason", "")) if part)
    return {**finding, "result": "fail", "reason": reason, "waiver": waiver}


def _why_idle(waiver: Waiver, results: Mapping[str, dict[str, Any]]) -> str:
    finding = results.get(waiver.control)
    if finding is None:
        return "the tier does not contain the control."
    if finding["result"] == "pass":
        return "the host complies without it."
    if waiver.value is not None and finding["result"] in ("fail", "fixed"):
        return f"it is for the value {waiver.value}, and the host had {finding['before']}."
    return f"the control ended as {finding['result']}."
