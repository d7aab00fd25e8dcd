# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control, verdict, assessment, plan: the words that every resource kind speaks.

It imports no kind, and nothing of it reads a host.
"""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from .._change.steps import Group
from .._host.door import Host
from .._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK, UNKNOWN
from .context import SurveyContext

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "bool": (bool,),
    "scalar": (str, int, bool),
    "list": (list, tuple),
    "str_or_list": (str, list, tuple),
    "any": (str, int, bool, list, tuple),
}


@dataclass(frozen=True)
class Setting:
    """The values that one key of a control's settings may hold. ``type`` is a key of _TYPES."""

    type: str
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str = ""
    default: Any = None

    def problem(self, value: Any) -> str | None:
        """Return why ``value`` will not do, as the end of a sentence; None where it will."""
        if not isinstance(value, _TYPES[self.type]) or (self.type == "int" and isinstance(value, bool)):
            return f"is {value!r}, wanted {self.type}"
        if self.choices and value not in self.choices:
            return f"is {value!r}, wanted one of {', '.join(self.choices)}"
        if self.pattern and ("\n" in str(value) or not re.match(self.pattern, str(value))):
            return f"is {value!r}, which does not match {self.pattern}"
        return None


@dataclass(frozen=True)
class Control:
    """One item of the baseline as the host gets it; title and rationale stay on the controller.

    ``awaits`` is set on the host: the package that the control needs and that this same run is about to install. What
    such a package brings is not there yet when the run is planned. ``coming`` is set where the run installs any.
    """

    id: str
    kind: str
    settings: Mapping[str, Any]
    hazard: str = "none"
    applies: Mapping[str, Any] = field(default_factory=dict)
    awaits: str = ""
    coming: bool = False
    differs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    waived: Mapping[str, str] | None = None

    def for_system(self, family: str, distribution: str) -> Control:
        """Return this control as it is there; a distribution has the last word over its family."""
        differences = [self.differs[name] for name in dict.fromkeys((family, distribution)) if name in self.differs]
        if not differences:
            return self
        kind, settings, applies = self.kind, self.settings, self.applies
        for difference in differences:
            kind, settings, applies = with_differences(kind, settings, applies, difference)
        return replace(self, kind=kind, settings=settings, applies=applies, differs={})


def with_differences(
    kind: str, settings: Mapping[str, Any], applies: Mapping[str, Any], difference: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return kind, settings and applies with a difference put over them. One that names its kind stands for itself."""
    changed = {key: value for key, value in difference.items() if key not in ("kind", "applies")}
    base = {} if "kind" in difference else settings
    return difference.get("kind", kind), {**base, **changed}, {**applies, **difference.get("applies", {})}


@dataclass(frozen=True)
class Verdict:
    """The judgement of a setting in one of three places, with what was seen there."""

    state: str
    observed: str = ""


@dataclass(frozen=True)
class Verdicts:
    """The judgements of what runs, of what is on disk, and of what the next boot will bring."""

    running: Verdict
    on_disk: Verdict
    survives_reboot: Verdict

    @classmethod
    def same(cls, verdict: Verdict) -> Verdicts:
        """Return ``verdict`` three times, for settings that are live as soon as they are on disk."""
        return cls(running=verdict, on_disk=verdict, survives_reboot=verdict)

    @property
    def all(self) -> tuple[Verdict, Verdict, Verdict]:
        return (self.running, self.on_disk, self.survives_reboot)


@dataclass(frozen=True)
class Blocked:
    """A control is left as it is although it deviates; ``reason`` says to people why."""

    reason: str


@dataclass(frozen=True)
class Assessment:
    """A control held against the host.

    ``before`` and ``after`` are what is set now and what enforcing gives. ``blocked`` is why nothing is enforced;
    ``remark`` is what else people should know of it, and stops nothing.
    """

    control: str
    subject: str
    wanted: str
    before: str
    after: str
    verdicts: Verdicts
    remark: str = ""
    blocked: Blocked | None = None
    waived: bool = False

    @property
    def result(self) -> str:
        """Return the word for the verdicts: error before fail or waived, before pass, before notapplicable."""
        states = {verdict.state for verdict in self.verdicts.all}
        if UNKNOWN in states:
            return "error"
        if DEVIATES in states:
            return "waived" if self.waived else "fail"
        return "pass" if OK in states else "notapplicable"

    @property
    def to_enforce(self) -> bool:
        """Return whether the control deviates and nothing stands in the way of making it true."""
        return self.result == "fail" and self.blocked is None

    @property
    def reason(self) -> str:
        """Return why it is not a plain pass, as the report shows it."""
        return self.blocked.reason if self.blocked else self.remark


@dataclass(frozen=True)
class KindPlan:
    """The assessments of one resource kind, and the changes that it would make."""

    assessments: tuple[Assessment, ...] = ()
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(cls, assessments: Iterable[Assessment], groups: Iterable[Group]) -> KindPlan:
        """Return the plan with those groups that have steps."""
        return cls(tuple(assessments), tuple(group for group in groups if group.steps))


class Kind(ABC):
    """A resource kind. ``observe`` reads the host once for all its controls, ``plan`` is pure."""

    name: ClassVar[str]
    SETTINGS: ClassVar[Mapping[str, Setting]]

    @abstractmethod
    def observe(self, host: Host, controls: Sequence[Control], context: SurveyContext) -> Any:
        """Return everything about the host that ``plan`` needs, read once.

        Raises ClinicalError where the host cannot be read.
        """

    def units(self, controls: Sequence[Control]) -> Iterable[str]:
        """Return the units that ``observe`` will ask for, as far as the controls say."""
        return ()

    @abstractmethod
    def plan(self, controls: Sequence[Control], state: Any) -> KindPlan:
        """Return how each control stands, and what would make it true."""

    @abstractmethod
    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the settings of a host that a control of this kind decides; two controls may not claim one."""

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        """Return everything that is wrong with a control's settings, one sentence each; empty when it will do."""
        problems = [self._unknown(key) for key in settings if key not in self.SETTINGS]
        for key, setting in self.SETTINGS.items():
            if key not in settings:
                if setting.required:
                    problems.append(f"settings.{key} is missing")
                continue
            problem = setting.problem(settings[key])
            if problem:
                problems.append(f"settings.{key} {problem}")
        return problems

    def _unknown(self, key: str) -> str:
        near = difflib.get_close_matches(key, self.SETTINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{self.name} knows {', '.join(self.SETTINGS)}"
        return f"settings.{key} is not known; {hint}"


def unknown(control: Control, subject: str, wanted: str, reason: str) -> Assessment:
    """Return the assessment of a control that could not be judged: an error, never a pass."""
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before="unknown",
        after="unknown",
        verdicts=Verdicts.same(Verdict(UNKNOWN, "unknown")),
        remark=reason,
    )


def not_applicable(control: Control, subject: str, wanted: str, reason: str, observed: str = "") -> Assessment:
    """Return the assessment of a control that does not concern this host, with the reason."""
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=observed,
        after=observed,
        verdicts=Verdicts.same(Verdict(NOTAPPLICABLE, observed)),
        remark=reason,
    )


def judge(fine: bool, observed: object) -> Verdict:
    """Return the verdict on something that was seen: OK or DEVIATES."""
    return Verdict(OK if fine else DEVIATES, str(observed))
