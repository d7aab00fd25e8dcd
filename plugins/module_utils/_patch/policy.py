# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which updates a hospital takes, how old they must be, and until when they have to be in. Pure. Private.

A policy is data. ``read`` checks all of it before anything is looked at, and tells every mistake at once. A package
that is excluded or pinned stays as it is only until the day that its rule names; from the day after on it is part of
the plan again, and the plan's new digest needs a new approval, so nothing happens by itself at midnight.
"""

from __future__ import annotations

import fnmatch
import math
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple

from .._errors import ClinicalError
from .._vocabulary.patch import SEVERITIES
from .._vocabulary.stamp import format_stamp, parse_stamp
from .model import Change, LeftOut

#: What a policy may say something about; severities without a number of their own have that of ``default``.
TERMS = ("kev", "critical", "high", "default", "unknown")
#: Days from the day on which a host first saw the update.
DEADLINES = {"kev": 3, "critical": 7, "high": 14, "default": 30, "unknown": 14}
MINIMUM_AGE = {"kev": 0, "critical": 0, "high": 0, "default": 0, "unknown": 0}
MOST_DAYS = 3650

_KEYS = ("security_only", "exclude", "pin", "minimum_age", "deadlines", "allowed_origins", "epss_at_least")
_RULE_KEYS = {"exclude": ("packages", "reason", "expires"), "pin": ("packages", "version", "reason", "expires")}
_RAISED = ("critical", "high", "medium")


@dataclass(frozen=True)
class Rule:
    """An exclusion, or with ``version`` a pin: the only versions of these packages that may come."""

    packages: Tuple[str, ...]
    reason: str
    expires: date
    version: Optional[str] = None

    def concerns(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.packages)

    def expired(self, today: date) -> bool:
        return self.expires < today

    def stands_against(self, version: str) -> bool:
        return self.version is None or not fnmatch.fnmatchcase(version, self.version)

    def words(self) -> str:
        return f"excluded: {self.reason}" if self.version is None else f"pinned to {self.version}: {self.reason}"

    def told(self, today: date) -> Dict[str, Any]:
        """What evidence shows of it."""
        pinned = {} if self.version is None else {"version": self.version}
        ends = {"expires": self.expires.isoformat(), "days_left": (self.expires - today).days}
        return {"packages": list(self.packages), "reason": self.reason, **pinned, **ends}


@dataclass(frozen=True)
class Policy:
    security_only: bool = False
    exclude: Tuple[Rule, ...] = ()
    pin: Tuple[Rule, ...] = ()
    minimum_age: Mapping[str, int] = field(default_factory=lambda: dict(MINIMUM_AGE))
    deadlines: Mapping[str, int] = field(default_factory=lambda: dict(DEADLINES))
    allowed_origins: Tuple[str, ...] = ()
    epss_at_least: Mapping[str, float] = field(default_factory=dict)

    @property
    def rules(self) -> Tuple[Rule, ...]:
        return (*self.exclude, *self.pin)

    def against(self, change: Change, now: datetime) -> Optional[LeftOut]:
        """Why this change may not come at all, not even because another package needs it."""
        for rule in self.rules:
            if rule.concerns(change.name) and not rule.expired(now.date()) and rule.stands_against(change.new):
                return LeftOut("excluded", change, rule.words(), rule.expires.isoformat())
        if self.allowed_origins and not any(fnmatch.fnmatchcase(change.origin, each) for each in self.allowed_origins):
            allowed = ", ".join(self.allowed_origins)
            saw = f"it comes from {change.origin or 'nowhere known'}; allowed is {allowed}"
            return LeftOut("not_allowed", change, saw)
        return None

    def judge(self, change: Change, now: datetime) -> Optional[LeftOut]:
        """Why a rated change does not belong to the set; None where it does. Of what others need ask ``against``."""
        stands_against = self.against(change, now)
        if stands_against:
            return stands_against
        if self.security_only and not change.security:
            known = change.security is False
            doubt = "it is no security update" if known else "nobody says whether it is a security update"
            return LeftOut("not_allowed", change, f"{doubt}, and the policy takes only those")
        wait = _term(self.minimum_age, change.severity)
        ripe = parse_stamp(change.first_seen) + timedelta(days=wait)
        if now < ripe:
            waits = f"severity {change.severity} waits {'1 day' if wait == 1 else f'{wait} days'}"
            return LeftOut("too_young", change, f"seen first on {change.first_seen}; {waits}", format_stamp(ripe))
        return None

    def rated(
        self,
        change: Change,
        advisories: Iterable[Mapping[str, Any]],
        within: Callable[[str, str, str], bool],
        now: datetime,
    ) -> Change:
        """The change with what the advisories of its source package say of it; ``first_seen`` stands in it already.

        A fix that lies between the two versions makes a security update of it, whatever label the new version has.
        """
        mine = closed(advisories, change.source_old, change.source_new, within) if change.source_old else []
        severity = min((self.severity(mine), change.severity), key=SEVERITIES.index)
        due = min((str(each["kev_due"]) for each in mine if each.get("kev_due")), default=None)
        deadline = self.deadline(severity, parse_stamp(change.first_seen), due)
        return replace(
            change,
            security=True if mine else change.security,
            cves=_also(change.cves, (each.get("cve") for each in mine)),
            advisories=_also(change.advisories, (each.get("dsa") for each in mine)),
            severity=severity,
            epss=max((each["epss"] for each in mine if each.get("epss") is not None), default=change.epss),
            deadline=format_stamp(deadline),
            days_left=days_left(deadline, now),
        )

    def deadline(self, severity: str, first_seen: datetime, kev_due: Optional[str] = None) -> datetime:
        """When the update has to be in: counted from the day it was seen, or CISA's own day where that comes first.

        A day of CISA's that was over before the host could see the update cannot be met and so does not count.
        """
        ours = first_seen + timedelta(days=_term(self.deadlines, severity))
        due = _day_end(kev_due) if kev_due else None
        return min(ours, due) if due and due > first_seen else ours

    def severity(self, advisories: Iterable[Mapping[str, Any]]) -> str:
        """The worst that the advisories say of a change; ``unknown`` where they say nothing."""
        words = [self._severity(each) for each in advisories]
        return min(words, key=SEVERITIES.index) if words else "unknown"

    def _severity(self, advisory: Mapping[str, Any]) -> str:
        if advisory.get("kev_due"):
            return "kev"
        urgency = str(advisory.get("urgency") or "").rstrip("*")
        words = [urgency] if urgency in SEVERITIES else ["unknown"]
        if urgency == "unimportant":
            words = ["low"]
        epss = advisory.get("epss")
        words += [word for word, least in self.epss_at_least.items() if epss is not None and epss >= least]
        return min(words, key=SEVERITIES.index)

    def ended(self, names: Iterable[str], today: date) -> List[str]:
        """What to say of rules that hold no longer although there is a package that they were for."""
        known = list(names)
        return [
            f"the rule for {', '.join(rule.packages)} ended on {rule.expires}: {rule.reason}"
            for rule in self.rules
            if rule.expired(today) and any(rule.concerns(name) for name in known)
        ]

    def told(self, today: date) -> Dict[str, Any]:
        """The policy as evidence shows it."""
        return {
            "security_only": self.security_only,
            "exclude": [rule.told(today) for rule in self.exclude],
            "pin": [rule.told(today) for rule in self.pin],
            "minimum_age": dict(self.minimum_age),
            "deadlines": dict(self.deadlines),
            "allowed_origins": list(self.allowed_origins),
            "epss_at_least": dict(self.epss_at_least),
        }


def days_left(deadline: datetime, now: datetime) -> int:
    """Whole days that are left; what is over is negative from its first minute on."""
    return math.floor((deadline - now) / timedelta(days=1))


def closed(
    advisories: Iterable[Mapping[str, Any]], installed: str, candidate: str, within: Callable[[str, str, str], bool]
) -> List[Mapping[str, Any]]:
    """The advisories whose fix this change brings; ``within`` is the package manager's own order of versions."""
    return [each for each in advisories if within(str(each["fixed"]), installed, candidate)]


def read(data: Any) -> Policy:
    """The policy out of plain data; one ClinicalError with everything that is wrong with it."""
    problems: List[str] = []
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise _wrong([f"it is {data!r}; wanted is a mapping of {', '.join(_KEYS)}"])
    problems += [f"unknown key {key!r}; known: {', '.join(_KEYS)}" for key in data if key not in _KEYS]
    rules = {kind: _rules(kind, data.get(kind), problems) for kind in _RULE_KEYS}
    policy = Policy(
        _flag(data.get("security_only", False), problems),
        rules["exclude"],
        rules["pin"],
        _terms("minimum_age", data.get("minimum_age"), MINIMUM_AGE, problems),
        _terms("deadlines", data.get("deadlines"), DEADLINES, problems),
        _texts("allowed_origins", data.get("allowed_origins") or [], problems),
        _shares(data.get("epss_at_least"), problems),
    )
    problems += [
        f"minimum_age.{term} ({policy.minimum_age[term]} days) is longer than deadlines.{term}"
        f" ({policy.deadlines[term]} days), so that no deadline could be met"
        for term in TERMS
        if not problems and policy.minimum_age[term] > policy.deadlines[term]
    ]
    if problems:
        raise _wrong(problems)
    return policy


def _wrong(problems: Sequence[str]) -> ClinicalError:
    return ClinicalError(
        "Reading", "the patch policy", "; ".join(problems), "Nothing was changed. Correct it and run again."
    )


def _flag(value: Any, problems: List[str]) -> bool:
    if not isinstance(value, bool):
        problems.append(f"security_only is {value!r}; wanted is true or false")
    return bool(value)


def _texts(where: str, value: Any, problems: List[str]) -> Tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) and each.strip() for each in value):
        return tuple(value)
    problems.append(f"{where} is {value!r}; wanted is a list of names or patterns")
    return ()


def _terms(where: str, value: Any, defaults: Mapping[str, int], problems: List[str]) -> Dict[str, int]:
    """Days for each term; what is not said is as by default, and ``default`` stands for no other."""
    if value is not None and not isinstance(value, Mapping):
        problems.append(f"{where} is {value!r}; wanted is a mapping of {', '.join(TERMS)} to days")
        return dict(defaults)
    said = dict(value or {})
    for term, days in said.items():
        if term not in TERMS:
            problems.append(f"{where} has the unknown key {term!r}; known: {', '.join(TERMS)}")
        elif isinstance(days, bool) or not isinstance(days, int) or not 0 <= days <= MOST_DAYS:
            problems.append(f"{where}.{term} is {days!r}; wanted is a number of days from 0 to {MOST_DAYS}")
    return {term: said.get(term, defaults[term]) for term in TERMS}


def _shares(value: Any, problems: List[str]) -> Dict[str, float]:
    if value is not None and not isinstance(value, Mapping):
        problems.append(
            f"epss_at_least is {value!r}; wanted is a mapping of {', '.join(_RAISED)} to a share from 0 to 1"
        )
        return {}
    for word, least in (value or {}).items():
        if word not in _RAISED:
            problems.append(f"epss_at_least has the unknown key {word!r}; known: {', '.join(_RAISED)}")
        elif isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
            problems.append(f"epss_at_least.{word} is {least!r}; wanted is a share from 0 to 1")
    return dict(value or {})


def _rules(kind: str, value: Any, problems: List[str]) -> Tuple[Rule, ...]:
    if not isinstance(value or [], (list, tuple)):
        problems.append(f"{kind} is {value!r}; wanted is a list of rules")
        return ()
    found = [_rule(f"{kind} {number}", kind, each, problems) for number, each in enumerate(value or [], 1)]
    return tuple(rule for rule in found if rule)


def _rule(where: str, kind: str, value: Any, problems: List[str]) -> Optional[Rule]:
    keys, before = _RULE_KEYS[kind], len(problems)
    if not isinstance(value, Mapping):
        problems.append(f"{where} is {value!r}; wanted is a mapping with {', '.join(keys)}")
        return None
    problems += [f"{where} has the unknown key {key!r}; known: {', '.join(keys)}" for key in value if key not in keys]
    problems += [f"{where} has no {key}" for key in keys if value.get(key) in (None, "", [])]
    if len(problems) > before:
        return None
    packages = _texts(f"{where}: packages", value["packages"], problems)
    texts = {key: value[key] for key in ("reason", "version") if key in keys}
    problems += [
        f"{where}: {key} is {each!r}; wanted is text" for key, each in texts.items() if not isinstance(each, str)
    ]
    expires = _day(value["expires"])
    if expires is None:
        problems.append(f"{where}: expires is {str(value['expires'])!r}; wanted is a day of the calendar, YYYY-MM-DD")
    if len(problems) > before or expires is None:
        return None
    return Rule(packages, value["reason"], expires, texts.get("version"))


def _day(value: Any) -> Optional[date]:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None


def _day_end(day: str) -> Optional[datetime]:
    """The end of a day in UTC: what is due on it may still be done on it."""
    found = _day(day)
    return (
        None if found is None else datetime(found.year, found.month, found.day, tzinfo=timezone.utc) + timedelta(days=1)
    )


def _term(terms: Mapping[str, int], severity: str) -> int:
    return terms[severity] if severity in terms else terms["default"]


def _also(known: Iterable[str], more: Iterable[Any]) -> Tuple[str, ...]:
    return tuple(sorted({*known, *(str(each) for each in more if each)}))
