# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller wants of a patch run, and what it is told. Private to the collection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Dict, Mapping, Sequence, Tuple

from .._errors import ClinicalError
from .._vocabulary.stamp import format_stamp
from . import services as patch_services
from .manager import Kept
from .model import Change, Plan
from .plan import Question


@dataclass(frozen=True)
class Wish:
    """``run_id`` names the run that is to be begun, or the one that is to be rolled back."""

    question: Question
    run_id: str
    digest: str = ""
    restart: str = patch_services.NOW
    restart_order: Tuple[str, ...] = ()
    repair: bool = False
    hold_days: int = 14
    keep: int = 10
    check: bool = False

    @property
    def at(self) -> str:
        return format_stamp(self.question.now)


@dataclass(frozen=True)
class Answer:
    """What was done, or in check mode would be. ``run`` and ``plan`` are plain data already."""

    changed: bool
    plan: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    done: Tuple[Mapping[str, Any], ...] = ()
    kept: Tuple[Mapping[str, Any], ...] = ()
    restarted: Tuple[str, ...] = ()
    to_restart: Tuple[str, ...] = ()
    down: Tuple[str, ...] = ()
    services: Tuple[str, ...] = ()
    reboot: Mapping[str, Any] = field(default_factory=dict)
    reopened: Tuple[Mapping[str, Any], ...] = ()
    restored: Tuple[str, ...] = ()
    held_until: Tuple[Mapping[str, Any], ...] = ()
    warnings: Tuple[str, ...] = ()


class Stopped(ClinicalError):
    """The host is not what was wanted, and the answer says what it is."""

    def __init__(self, error: ClinicalError, answer: Answer) -> None:
        self.answer = answer
        super().__init__(error.doing, error.subject, error.saw, error.try_this)


def words(changes: Sequence[Change]) -> Tuple[Dict[str, str], ...]:
    """The changes in the least words."""
    keys = ("name", "arch", "change", "from", "to")
    return tuple({key: change.plain()[key] for key in keys} for change in changes)


def kept_words(kept: Sequence[Kept]) -> Tuple[Dict[str, str], ...]:
    return tuple({"name": k.name, "arch": k.arch, "version": k.version, "how": k.how, "path": k.path} for k in kept)


def differences(wanted: Plan, found: Plan) -> str:
    """What is not as it was approved, in a few words."""
    was = {(c.name, c.arch): c for c in wanted.changes}
    is_ = {(c.name, c.arch): c for c in found.changes}
    reasons = {(out.change.name, out.change.arch): out.reason for out in found.left_out}
    told = [f"{key[0]} no longer comes ({reasons.get(key, 'nothing is to be done')})" for key in was if key not in is_]
    told += [f"{key[0]} comes as well" for key in is_ if key not in was]
    told += [
        f"{key[0]} would go from {is_[key].old or 'nothing'} to {is_[key].new or 'nothing'}"
        for key in was
        if key in is_ and (was[key].old, was[key].new) != (is_[key].old, is_[key].new)
    ]
    return "; ".join(told[:10]) + (f"; and {len(told) - 10} more" if len(told) > 10 else "")
