# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Control, verdict, assessment, plan: the words that every resource kind speaks. Private to the collection."""

from __future__ import annotations

import difflib
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from .._change.steps import Group
from .._host.door import Host
from .._vocabulary.results import DEVIATES, NOTAPPLICABLE, OK, UNKNOWN, word

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
    """What one key of a control's settings may hold. ``type`` is a key of _TYPES."""

    type: str
    required: bool = True
    choices: tuple[str, ...] = ()
    pattern: str = ""
    default: Any = None

    def problem(self, value: Any) -> str:
        """Why ``value`` will not do, or nothing."""
        if not isinstance(value, _TYPES[self.type]) or (self.type == "int" and isinstance(value, bool)):
            return f"is {value!r}, wanted {self.type}"
        if self.choices and value not in self.choices:
            return f"is {value!r}, wanted one of {', '.join(self.choices)}"
        if self.pattern and ("\n" in str(value) or not re.match(self.pattern, str(value))):
            return f"is {value!r}, which does not match {self.pattern}"
        return ""


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
        """This control as it is there; a distribution has the last word over its family."""
        others = [self.differs[name] for name in dict.fromkeys((family, distribution)) if name in self.differs]
        if not others:
            return self
        kind, settings, applies = self.kind, self.settings, self.applies
        for other in others:
            kind, settings, applies = with_differences(kind, settings, applies, other)
        return replace(self, kind=kind, settings=settings, applies=applies, differs={})


def with_differences(
    kind: str, settings: Mapping[str, Any], applies: Mapping[str, Any], other: Mapping[str, Any]
) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Kind, settings and applies with what differs put over them. One that names its kind stands for itself."""
    told = {key: value for key, value in other.items() if key not in ("kind", "applies")}
    below = {} if "kind" in other else settings
    return other.get("kind", kind), {**below, **told}, {**applies, **other.get("applies", {})}


@dataclass(frozen=True)
class Verdict:
    """One of the three looks at a setting, with what was seen."""

    state: str
    saw: str = ""


@dataclass(frozen=True)
class Verdicts:
    """What runs, what is on disk, what the next boot will bring."""

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
class Assessment:
    """A control held against the host.

    ``before`` and ``after`` are what is set now and what enforcing gives. ``reason`` says why it is not a plain pass.
    """

    control: str
    subject: str
    wanted: str
    before: str
    after: str
    verdicts: Verdicts
    reason: str = ""
    waived: bool = False

    @property
    def result(self) -> str:
        states = {verdict.state for verdict in self.verdicts.all}
        if UNKNOWN in states:
            return "error"
        if DEVIATES in states:
            return "waived" if self.waived else "fail"
        return "pass" if OK in states else "notapplicable"


@dataclass(frozen=True)
class KindPlan:
    """What one resource kind found, and what it would change."""

    assessments: tuple[Assessment, ...] = ()
    groups: tuple[Group, ...] = ()


class Kind(ABC):
    """A resource kind. ``observe`` reads the host once for all its controls, ``plan`` is pure."""

    name: ClassVar[str]
    SETTINGS: ClassVar[Mapping[str, Setting]]

    @abstractmethod
    def observe(self, host: Host, controls: Sequence[Control], allow_stop: frozenset[str]) -> Any:
        """Everything about the host that ``plan`` needs, read once."""

    @abstractmethod
    def plan(self, controls: Sequence[Control], state: Any) -> KindPlan:
        """How each control stands, and what would make it true."""

    @abstractmethod
    def claims(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The settings of a host that a control of this kind decides; two controls may not claim one."""

    def validate(self, settings: Mapping[str, Any]) -> list[str]:
        """Everything that is wrong with a control's settings, one sentence each; empty when it will do."""
        problems = [self._unknown(key) for key in settings if key not in self.SETTINGS]
        for key, setting in self.SETTINGS.items():
            if key in settings:
                problem = setting.problem(settings[key])
                problems += [f"settings.{key} {problem}"] if problem else []
            elif setting.required:
                problems.append(f"settings.{key} is missing")
        return problems

    def _unknown(self, key: str) -> str:
        near = difflib.get_close_matches(key, self.SETTINGS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{self.name} knows {', '.join(self.SETTINGS)}"
        return f"settings.{key} is not known; {hint}"


#: Kinds that lock, age or refuse accounts, and so have to know which ones must get in when nothing else does.
SPARING = frozenset({"accounts", "pam"})


def sparing(control: Control, users: Sequence[str]) -> Control:
    """The control with the accounts that it must leave alone, which no catalogue can know."""
    if control.kind not in SPARING or not users:
        return control
    return replace(control, settings={**control.settings, "spared": list(users)})


def unknown(control: Control, subject: str, wanted: str, reason: str) -> Assessment:
    """A control that could not be judged: an error, never a pass."""
    verdict = Verdict(UNKNOWN, "unknown")
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before="unknown",
        after="unknown",
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def not_applicable(control: Control, subject: str, wanted: str, reason: str, saw: str = "") -> Assessment:
    """A control that does not concern this host, with the reason."""
    verdict = Verdict(NOTAPPLICABLE, saw)
    return Assessment(
        control=control.id,
        subject=subject,
        wanted=wanted,
        before=saw,
        after=saw,
        verdicts=Verdicts.same(verdict),
        reason=reason,
    )


def judge(fine: bool, saw: object) -> Verdict:
    return Verdict(OK if fine else DEVIATES, str(saw))


def compare(op: str, seen: str, wanted: Any, accept: Sequence[Any] = ()) -> bool:
    """Whether a value that was seen satisfies the wish; all but ``equal`` want whole numbers.

    ``up_to`` is for settings in which nought switches the limit off.
    """
    if seen in [word(value) for value in accept]:
        return True
    if op == "equal":
        return seen == word(wanted)
    try:
        number, limit = int(seen), int(wanted)
    except ValueError:
        return False
    if op == "at_least":
        return number >= limit
    return number <= limit and (op == "at_most" or number > 0)


def describe_wanted(op: str, value: Any, accept: Sequence[Any] = ()) -> str:
    """The wanted value in words, as the report shows it."""
    told = {"equal": "", "at_most": "at most ", "at_least": "at least ", "up_to": "1 to "}[op] + (word(value) or "set")
    return " or ".join([told, *(word(other) for other in accept)])
