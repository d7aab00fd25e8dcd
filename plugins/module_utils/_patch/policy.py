# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which updates a hospital takes, how old they must be, and until when they have to be in. Touches no host.

A policy is data. ``read`` checks all of it before anything is looked at, and names every mistake at once. A package
that is excluded or pinned stays as it is only until the day that its rule names; from the day after on it is part of
the plan again, and the plan's new digest needs a new approval, so nothing happens by itself at midnight.
"""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta, timezone
from typing import Any, Callable

from .._errors import ClinicalError
from .._vocabulary.patch import SEVERITIES
from .._vocabulary.stamp import format_stamp, parse_stamp
from .model import OmittedChange, PackageChange

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
class PolicyRule:
    """An exclusion, or with ``version`` a pin: the only versions of these packages that may come."""

    packages: tuple[str, ...]
    reason: str
    expires: date
    version: str | None = None

    def concerns(self, name: str) -> bool:
        """Return whether the rule is about a package of this name."""
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.packages)

    def expired(self, today: date) -> bool:
        """Return whether the rule holds no longer on this day."""
        return self.expires < today

    def stands_against(self, version: str) -> bool:
        """Return whether the rule keeps this version from coming."""
        return self.version is None or not fnmatch.fnmatchcase(version, self.version)

    def describe(self) -> str:
        """Return why a change is left out by it."""
        if self.version is None:
            return f"excluded: {self.reason}"
        return f"pinned to {self.version}: {self.reason}"

    def as_result(self, today: date) -> dict[str, Any]:
        """Return the rule as evidence shows it, with the days that it still holds."""
        result: dict[str, Any] = {"packages": list(self.packages), "reason": self.reason}
        if self.version is not None:
            result["version"] = self.version
        return {**result, "expires": self.expires.isoformat(), "days_left": (self.expires - today).days}


@dataclass(frozen=True)
class Policy:
    """Which updates may come. Days are by severity or ``default``, ``epss_at_least`` is a share by severity."""

    security_only: bool = False
    exclude: tuple[PolicyRule, ...] = ()
    pin: tuple[PolicyRule, ...] = ()
    minimum_age: Mapping[str, int] = field(default_factory=lambda: dict(MINIMUM_AGE))
    deadlines: Mapping[str, int] = field(default_factory=lambda: dict(DEADLINES))
    allowed_origins: tuple[str, ...] = ()
    epss_at_least: Mapping[str, float] = field(default_factory=dict)

    @property
    def rules(self) -> tuple[PolicyRule, ...]:
        """The exclusions and pins."""
        return (*self.exclude, *self.pin)

    def exclusion(self, change: PackageChange, now: datetime) -> OmittedChange | None:
        """Return why this change may not come at all, not even because another package needs it; None if it may."""
        for rule in self.rules:
            if rule.concerns(change.name) and not rule.expired(now.date()) and rule.stands_against(change.new):
                return OmittedChange(
                    kind="excluded",
                    change=change,
                    reason=rule.describe(),
                    expires=rule.expires.isoformat(),
                )
        allows = any(fnmatch.fnmatchcase(change.origin, pattern) for pattern in self.allowed_origins)
        if self.allowed_origins and not allows:
            allowed = ", ".join(self.allowed_origins)
            problem = f"it comes from {change.origin or 'nowhere known'}; allowed is {allowed}"
            return OmittedChange("not_allowed", change, problem)
        return None

    def judge(self, change: PackageChange, now: datetime) -> OmittedChange | None:
        """Return why a rated change is not in the set; None if it is. For what others need ask ``exclusion``."""
        barred = self.exclusion(change, now)
        if barred:
            return barred
        if self.security_only and not change.security:
            known = change.security is False
            doubt = "it is no security update" if known else "nobody says whether it is a security update"
            return OmittedChange("not_allowed", change, f"{doubt}, and the policy takes only those")
        days = _term(self.minimum_age, change.severity)
        old_enough = parse_stamp(change.first_seen) + timedelta(days=days)
        if now < old_enough:
            wait = "1 day" if days == 1 else f"{days} days"
            reason = f"seen first on {change.first_seen}; severity {change.severity} waits {wait}"
            return OmittedChange(kind="too_young", change=change, reason=reason, expires=format_stamp(old_enough))
        return None

    def rate(
        self,
        change: PackageChange,
        advisories: Iterable[Mapping[str, Any]],
        brings: Callable[[str, str, str], bool],
        now: datetime,
    ) -> PackageChange:
        """Return the change with what the advisories of its source package say; ``first_seen`` stands in it already.

        A fix that lies between the two versions makes a security update of it, whatever label the new version has.
        ``brings`` is the package manager's own order of versions.
        """
        closed = []
        if change.source_old:
            closed = closed_advisories(advisories, change.source_old, change.source_new, brings)
        severity = min((self.severity(closed), change.severity), key=SEVERITIES.index)
        due = min((str(advisory["kev_due"]) for advisory in closed if advisory.get("kev_due")), default=None)
        deadline = self.deadline(severity, parse_stamp(change.first_seen), due)
        scores = [advisory["epss"] for advisory in closed if advisory.get("epss") is not None]
        return replace(
            change,
            security=True if closed else change.security,
            cves=_with(change.cves, (advisory.get("cve") for advisory in closed)),
            advisories=_with(change.advisories, (advisory.get("dsa") for advisory in closed)),
            severity=severity,
            epss=max(scores, default=change.epss),
            deadline=format_stamp(deadline),
            days_left=days_left(deadline, now),
        )

    def deadline(self, severity: str, first_seen: datetime, kev_due: str | None = None) -> datetime:
        """Return when the update has to be in: counted from the day it was seen, or CISA's day where that is earlier.

        A day of CISA's that was over before the host could see the update cannot be met and so does not count.
        """
        deadline = first_seen + timedelta(days=_term(self.deadlines, severity))
        due = _day_end(kev_due) if kev_due else None
        if due and due > first_seen:
            return min(deadline, due)
        return deadline

    def severity(self, advisories: Iterable[Mapping[str, Any]]) -> str:
        """Return the worst that the advisories say of a change; ``unknown`` where they say nothing."""
        severities = [self._severity_of(advisory) for advisory in advisories]
        return min(severities, key=SEVERITIES.index, default="unknown")

    def _severity_of(self, advisory: Mapping[str, Any]) -> str:
        if advisory.get("kev_due"):
            return "kev"
        urgency = str(advisory.get("urgency") or "").rstrip("*")
        if urgency == "unimportant":
            urgency = "low"
        severities = [urgency if urgency in SEVERITIES else "unknown"]
        epss = advisory.get("epss")
        if epss is not None:
            severities += [severity for severity, least in self.epss_at_least.items() if epss >= least]
        return min(severities, key=SEVERITIES.index)

    def describe_expired(self, names: Iterable[str], today: date) -> list[str]:
        """Return a sentence for each rule that holds no longer although there is a package that it was for."""
        known = list(names)
        return [
            f"the rule for {', '.join(rule.packages)} ended on {rule.expires}: {rule.reason}"
            for rule in self.rules
            if rule.expired(today) and any(rule.concerns(name) for name in known)
        ]

    def as_result(self, today: date) -> dict[str, Any]:
        """Return the policy as evidence shows it."""
        return {
            "security_only": self.security_only,
            "exclude": [rule.as_result(today) for rule in self.exclude],
            "pin": [rule.as_result(today) for rule in self.pin],
            "minimum_age": dict(self.minimum_age),
            "deadlines": dict(self.deadlines),
            "allowed_origins": list(self.allowed_origins),
            "epss_at_least": dict(self.epss_at_least),
        }


def days_left(deadline: datetime, now: datetime) -> int:
    """Return the whole days that are left; what is over is negative from its first minute on."""
    return math.floor((deadline - now) / timedelta(days=1))


def closed_advisories(
    advisories: Iterable[Mapping[str, Any]], installed: str, candidate: str, brings: Callable[[str, str, str], bool]
) -> list[Mapping[str, Any]]:
    """Return the advisories whose fix this change brings; ``brings`` is the package manager's order of versions."""
    return [advisory for advisory in advisories if brings(str(advisory["fixed"]), installed, candidate)]


def read(data: Any) -> Policy:
    """Return the policy out of plain data. Raises one ClinicalError with everything that is wrong with it."""
    problems: list[str] = []
    if data is None:
        data = {}
    if not isinstance(data, Mapping):
        raise _wrong([f"it is {data!r}; wanted is a mapping of {', '.join(_KEYS)}"])
    problems += [f"unknown key {key!r}; known: {', '.join(_KEYS)}" for key in data if key not in _KEYS]
    rules = {kind: _rules(kind, data.get(kind), problems) for kind in _RULE_KEYS}
    policy = Policy(
        security_only=_flag(data.get("security_only", False), problems),
        exclude=rules["exclude"],
        pin=rules["pin"],
        minimum_age=_terms("minimum_age", data.get("minimum_age"), MINIMUM_AGE, problems),
        deadlines=_terms("deadlines", data.get("deadlines"), DEADLINES, problems),
        allowed_origins=_texts("allowed_origins", data.get("allowed_origins") or [], problems),
        epss_at_least=_shares(data.get("epss_at_least"), problems),
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


def _flag(value: Any, problems: list[str]) -> bool:
    if not isinstance(value, bool):
        problems.append(f"security_only is {value!r}; wanted is true or false")
    return bool(value)


def _texts(where: str, value: Any, problems: list[str]) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)) and all(isinstance(text, str) and text.strip() for text in value):
        return tuple(value)
    problems.append(f"{where} is {value!r}; wanted is a list of names or patterns")
    return ()


def _terms(where: str, value: Any, defaults: Mapping[str, int], problems: list[str]) -> dict[str, int]:
    """Return days for each term; what is not said is as by default, and ``default`` stands for no other."""
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


def _shares(value: Any, problems: list[str]) -> dict[str, float]:
    if value is not None and not isinstance(value, Mapping):
        problems.append(
            f"epss_at_least is {value!r}; wanted is a mapping of {', '.join(_RAISED)} to a share from 0 to 1"
        )
        return {}
    for severity, least in (value or {}).items():
        if severity not in _RAISED:
            problems.append(f"epss_at_least has the unknown key {severity!r}; known: {', '.join(_RAISED)}")
        elif isinstance(least, bool) or not isinstance(least, (int, float)) or not 0 <= least <= 1:
            problems.append(f"epss_at_least.{severity} is {least!r}; wanted is a share from 0 to 1")
    return dict(value or {})


def _rules(kind: str, value: Any, problems: list[str]) -> tuple[PolicyRule, ...]:
    if not isinstance(value or [], (list, tuple)):
        problems.append(f"{kind} is {value!r}; wanted is a list of rules")
        return ()
    rules = [_rule(f"{kind} {number}", kind, data, problems) for number, data in enumerate(value or [], 1)]
    return tuple(rule for rule in rules if rule)


def _rule(where: str, kind: str, value: Any, problems: list[str]) -> PolicyRule | None:
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
        f"{where}: {key} is {text!r}; wanted is text" for key, text in texts.items() if not isinstance(text, str)
    ]
    expires = _day(value["expires"])
    if expires is None:
        problems.append(f"{where}: expires is {str(value['expires'])!r}; wanted is a day of the calendar, YYYY-MM-DD")
    if len(problems) > before or expires is None:
        return None
    return PolicyRule(packages=packages, reason=value["reason"], expires=expires, version=texts.get("version"))


def _day(value: Any) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str):
            return date.fromisoformat(value)
        return None
    except ValueError:
        return None


def _day_end(day: str) -> datetime | None:
    """Return the end of a day in UTC: what is due on it may still be done on it."""
    date_due = _day(day)
    if date_due is None:
        return None
    return datetime(date_due.year, date_due.month, date_due.day, tzinfo=timezone.utc) + timedelta(days=1)


def _term(terms: Mapping[str, int], severity: str) -> int:
    return terms.get(severity, terms["default"])


def _with(known: Iterable[str], more: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({*known, *(str(name) for name in more if name)}))
