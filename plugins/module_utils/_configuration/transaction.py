# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Making a host have a system's configuration, all of it or nothing; keeping it; taking it back; removing it.

Planned, journaled, applied, checked and started in one go. With a guard it stays only when it is confirmed, because the
system answered in its own protocol; otherwise the host takes it back by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._change import apply as changes
from .._change.apply import Undone
from .._change.revert import CONFIGURED
from .._change.steps import Group
from .._change.subjects import packages
from .._errors import ClinicalError
from .._guard import record, reverter
from .._guard import run as guarded_run
from .._host.door import Host
from .._vocabulary.configuration import standing
from .._vocabulary.guard import ARMED, CONFIRMED, REVERTED
from .._vocabulary.stamp import stamp_of
from . import manifest as manifests
from .certificates import read_certificates, renewal_warnings
from .model import Configuration, WantedCertificates
from .plan import Plan, plan


@dataclass(frozen=True)
class ConfigurationRequest:
    """What a task asks for: ``confirm_within`` seconds for the probes, 0 where nothing is to be probed.

    ``drains`` are units that keep clients back meanwhile, and must not be left so.
    """

    run_id: str
    configuration: Configuration
    confirm_within: int = 0
    drains: tuple[str, ...] = ()
    journal_keep: int = 20
    why: str = ""


@dataclass
class ConfigurationResult:
    """A run and what came of it, as plain data: its fields are keys of the module's result, but for ``texts``.

    Those are the contents of files before and after, by subject, for a difference alone.
    """

    name: str
    run_id: str
    began: str
    changed: bool = False
    msg: str = ""
    failed: bool = False
    changes: list[dict[str, Any]] = field(default_factory=list)
    restarts_due: list[str] = field(default_factory=list)
    remaining: list[str] = field(default_factory=list)
    restored: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    guard: dict[str, Any] = field(default_factory=dict)
    configurations: list[dict[str, Any]] = field(default_factory=list)
    certificates: list[dict[str, Any]] = field(default_factory=list)
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    ended: str = ""


def apply(host: Host, request: ConfigurationRequest, check: bool) -> ConfigurationResult:
    """Make the host have the configuration, or with ``check`` say what that would change.

    Raises ClinicalError where it was put back, entirely unless that says otherwise, and where the host cannot have it.
    """
    result = _open(host, request)
    if request.confirm_within:
        record.check_within(request.confirm_within)
    name = request.configuration.name
    if not check:
        packages.sweep(host)
    planned = plan(host, request.configuration, manifests.load(host, name), foretell=check, run_id=request.run_id)
    result.restarts_due, result.remaining = list(planned.restarts_due), list(planned.remaining)
    result.changes, result.texts = guarded_run.describe_changes(planned.groups), planned.texts
    result.changed = bool(planned.groups)
    if check:
        changes.capture(host, planned.groups)  # what a run could not take back stops it, and so it does here
    elif planned.groups:
        _carry_out(host, request, planned)
        result.warnings += guarded_run.tidy_journal(host, request.journal_keep)
    wanted = request.configuration.certificates
    result.certificates = _certificates(host, wanted, planned, check)
    result.warnings += renewal_warnings(result.certificates, wanted.host_name)
    result.msg = _message(name, result, check)
    result = _close(host, result)
    result.configurations = [
        standing(
            name,
            run_id=result.run_id,
            configured=result.ended,
            changed=result.changed,
            restarts_due=result.restarts_due,
        )
    ]
    return result


def _certificates(host: Host, wanted: WantedCertificates, planned: Plan, check: bool) -> list[dict[str, Any]]:
    """Return the certificates in the order in which they are wanted; with ``check``, without those yet to come."""
    known = {certificate["path"]: dict(certificate) for certificate in planned.certificates}
    new = [] if check else [path for path in wanted.paths if path not in known]
    known.update({certificate["path"]: certificate for certificate in read_certificates(host, wanted, new)})
    return [known[path] for path in wanted.paths if path in known]


def _carry_out(host: Host, request: ConfigurationRequest, planned: Plan) -> None:
    terms = None
    groups: Sequence[Group] = planned.groups
    if request.confirm_within:
        terms = record.GuardTerms(request.confirm_within, held=planned.restarts_due, drains=request.drains)
        groups = [replace(group, guarded=True) for group in groups]
    manifests.make_folder(host)
    try:
        guarded_run.carry_out(host, request.run_id, groups, terms, made_by=CONFIGURED, together=True)
    except Undone as error:
        name = request.configuration.name
        raise Undone("Applying the configuration", name, error.saw, error.try_this, error.entirely) from None


def remove(host: Host, request: ConfigurationRequest, check: bool) -> ConfigurationResult:
    """Take away what the system put on the host, and bring back what stood there before; its data stays, named."""
    nothing = Configuration(request.configuration.name)
    return apply(host, replace(request, configuration=nothing, confirm_within=0), check)


def confirm(host: Host, request: ConfigurationRequest, check: bool) -> ConfigurationResult:
    """Keep the guarded run, because its probes answered. Fails where the host has taken it back already."""
    guard = _guard(host, request)
    result = _open(host, request)
    if guard.state == REVERTED:
        result.failed = True
        result.msg = f"It is too late: the run {guard.run_id} was taken back at {guard.ended}: {guard.why}."
    elif guard.state == ARMED:
        if not check:
            record.end(host, guard, CONFIRMED, request.why or "its probes answered")
        result.changed, result.msg = True, f"The configuration {result.name} stays."
    else:
        result.msg = f"The configuration {result.name} was confirmed already."
    return _close(host, result)


def take_back(host: Host, request: ConfigurationRequest, check: bool) -> ConfigurationResult:
    """Take the guarded run back at once. Raises ClinicalError where it was confirmed already."""
    guard = _guard(host, request)
    result = _open(host, request)
    if guard.state == CONFIRMED:
        advice = f"To take it back all the same: healthops.clinical.rollback of the run {guard.run_id}."
        raise ClinicalError("Taking back the run", guard.run_id, "it was confirmed already", advice)
    if guard.state == ARMED:
        result.changed = True
    if guard.state == ARMED and not check:
        result.restored = reverter.take_back(host, guard, request.why or "its probes did not answer").restored
    result.msg = f"The configuration {result.name} is as it was before the run {guard.run_id}."
    return _close(host, result)


def _guard(host: Host, request: ConfigurationRequest) -> record.Guard:
    guard = record.load(host, request.run_id)
    if guard is None:
        advice = "Name the run that was applied with confirm_within."
        raise ClinicalError("Looking for the guard of", request.run_id or "no run", "there is none", advice)
    return guard


def _message(name: str, result: ConfigurationResult, check: bool) -> str:
    if not result.changed:
        return f"{name}: nothing to change."
    verb = "would be changed" if check else "changed"
    return f"{name}: {len(result.changes)} things {verb}."


def as_result(result: ConfigurationResult, with_diff: bool, check: bool) -> dict[str, Any]:
    """Return the result of the module; diff is there only where it is wanted."""
    values = {**vars(result), "check_mode": check}
    del values["texts"]
    if with_diff:
        values["diff"] = [_diff(change, result.texts) for change in result.changes or result.restored]
    return values


def _diff(change: Mapping[str, Any], texts: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    header = str(change["subject"])
    shown = texts.get(header, (str(change["before"]), str(change["after"])))
    before, after = (f"{text.rstrip()}\n" if text else "" for text in shown)
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _open(host: Host, request: ConfigurationRequest) -> ConfigurationResult:
    return ConfigurationResult(name=request.configuration.name, run_id=request.run_id, began=stamp_of(host.now()))


def _close(host: Host, result: ConfigurationResult) -> ConfigurationResult:
    result.guard = record.as_result(host, record.load(host, result.run_id))
    result.ended = stamp_of(host.now())
    return result
