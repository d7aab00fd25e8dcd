# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a caller asks of a patch run, and the result that it gets. Does nothing to a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._errors import ClinicalError
from .._vocabulary.stamp import format_stamp
from . import services as patch_services
from .manager import KeptPackage
from .model import INSTALL, PackageChange, Plan
from .plan import PlanInputs

#: How many differences between two plans are put into one sentence.
MOST_DIFFERENCES = 10


@dataclass(frozen=True)
class PatchRequest:
    """One call. ``run_id`` names the run that is to be begun, or the one that is to be rolled back."""

    inputs: PlanInputs
    run_id: str
    digest: str = ""
    restart: str = patch_services.NOW
    restart_order: tuple[str, ...] = ()
    repair: bool = False
    hold_days: int = 14
    keep: int = 10
    check: bool = False

    @property
    def at(self) -> str:
        """The time of the call as a stamp in UTC."""
        return format_stamp(self.inputs.now)


@dataclass(frozen=True)
class PatchResult:
    """What was done, or in check mode would be, as the module returns it. ``run`` and ``plan`` are plain data."""

    changed: bool
    plan: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)
    done: tuple[Mapping[str, Any], ...] = ()
    kept: tuple[Mapping[str, Any], ...] = ()
    restarted: tuple[str, ...] = ()
    to_restart: tuple[str, ...] = ()
    down: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    reboot: Mapping[str, Any] = field(default_factory=dict)
    reopened: tuple[Mapping[str, Any], ...] = ()
    restored: tuple[str, ...] = ()
    held_until: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[str, ...] = ()


class PatchFailed(ClinicalError):
    """The host is not what was requested; ``result`` says what it is."""

    def __init__(self, error: ClinicalError, result: PatchResult) -> None:
        self.result = result
        super().__init__(error.doing, error.subject, error.saw, error.try_this)


def summarise(changes: Sequence[PackageChange]) -> tuple[dict[str, str], ...]:
    """Return name, arch, change, from and to of each change."""
    keys = ("name", "arch", "change", "from", "to")
    results = [change.as_result() for change in changes]
    return tuple({key: result[key] for key in keys} for result in results)


def describe_kept(packages: Sequence[KeptPackage]) -> tuple[dict[str, str], ...]:
    """Return name, arch, version, how and path of each kept package, without its checksum."""
    return tuple({"name": p.name, "arch": p.arch, "version": p.version, "how": p.how, "path": p.path} for p in packages)


def _part(change: PackageChange) -> tuple[str, str, bool]:
    """Return what a change is about; of a kernel one version may come and another one go."""
    return change.name, change.arch, change.change == INSTALL


def _difference(approved: PackageChange, current: PackageChange) -> list[str]:
    """Return in at most one sentence what one package would do otherwise."""
    if (approved.old, approved.new) != (current.old, current.new):
        return [f"{current.name} would go from {current.old or 'nothing'} to {current.new or 'nothing'}"]
    if approved.origin != current.origin:
        return [f"{current.name} {current.new} would come from {current.origin}, not from {approved.origin}"]
    if approved.checksum and approved.checksum != current.checksum:  # a plan of an earlier release names none
        return [f"{current.name} {current.new} would be another file: {current.checksum}"]
    return []


def differences(approved: Plan, current: Plan) -> str:
    """Return in one sentence what ``current`` does otherwise than ``approved``; empty where nothing."""
    was = {_part(change): change for change in approved.changes}
    would = {_part(change): change for change in current.changes}
    reasons = {_part(out.change): out.reason for out in current.omitted}
    texts = [
        f"{key[0]} no longer comes ({reasons.get(key, 'nothing is to be done')})" for key in was if key not in would
    ]
    texts += [f"{key[0]} comes as well" for key in would if key not in was]
    for key in was:
        if key in would:
            texts += _difference(was[key], would[key])
    if len(texts) > MOST_DIFFERENCES:
        texts[MOST_DIFFERENCES:] = [f"and {len(texts) - MOST_DIFFERENCES} more"]
    return "; ".join(texts)
