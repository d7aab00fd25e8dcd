# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the baseline on one host: audit, enforce, revert. Private to the collection."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ._change import journal
from ._change import revert as journal_revert
from ._change.steps import Group
from ._controls import in_use
from ._controls.awaited import PackagesThere, installs
from ._controls.kinds.package import Package
from ._controls.model import Assessment, Control, KindPlan, not_applicable, unknown
from ._controls.registry import KINDS
from ._errors import ClinicalError
from ._guard import record
from ._guard import run as guarded_run
from ._host.door import Host
from ._host.facts import read_facts, reason_not_applicable
from ._vocabulary.availability import not_compared
from ._vocabulary.guard import ARMED
from ._vocabulary.stamp import stamp_of

if TYPE_CHECKING:
    from ._change import availability as host_availability


@dataclass(frozen=True)
class BaselineRequest:
    """What a play asks of a host.

    ``allow_stop`` names units, packages and controls whose stopping a person has consented to; ``keeps`` those that the
    inventory wants, each with the reason. What could lock people out is taken back unless it is confirmed within
    ``confirm_within`` seconds; 0 means that no login is at stake. With ``survey_only`` a run that would change
    something answers which sockets listen, and changes nothing yet.
    """

    run_id: str
    controls: tuple[Control, ...] = ()
    allow_stop: frozenset[str] = frozenset()
    journal_keep: int = 20
    force: bool = False
    confirm_within: int = 0
    break_glass_users: tuple[str, ...] = ()
    keeps: Mapping[str, str] = field(default_factory=dict)
    check_availability: bool = True
    survey_only: bool = False


@dataclass
class Report:
    """What a run did, as plain data for the module's result."""

    run_id: str
    began: str
    host: Mapping[str, str]
    changed: bool = False
    findings: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    restored: list[dict[str, Any]] = field(default_factory=list)
    reverted_run_id: str = ""
    warnings: list[str] = field(default_factory=list)
    guard: dict[str, Any] = field(default_factory=dict)
    availability: dict[str, Any] = field(default_factory=dict)
    listeners_to_probe: list[dict[str, Any]] | None = None
    ended: str = ""


@dataclass(frozen=True)
class Survey:
    """Every control held against the host, in the order in which they came, and what would be changed."""

    assessments: Mapping[str, Assessment]
    groups: tuple[Group, ...]


def survey(
    host: Host, controls: Sequence[Control], allow_stop: frozenset[str], seen: Mapping[str, str], ahead: bool = True
) -> Survey:
    """Read the state once for each kind and plan; nothing is changed. ``ahead`` of a change, or after it."""
    controls = [control.for_system(seen["family"], seen["distribution"]) for control in controls]
    hindrances = {control.id: reason_not_applicable(host, seen, control.applies) for control in controls}
    concerned = [control for control in controls if not hindrances[control.id]]
    packages = PackagesThere(host, concerned, ahead)

    def look(names: Sequence[str]) -> dict[str, KindPlan]:
        hindrances.update({control.id: packages.lacking(control) for control in concerned})
        there = [packages.awaiting(control) for control in concerned if not hindrances[control.id]]
        mine = [[control for control in there if control.kind == name] for name in names]
        looks = [functools.partial(_survey_and_waive, host, name, of, allow_stop) for name, of in zip(names, mine)]
        return dict(zip(names, host.gather(looks)))

    plans = look(list(KINDS))
    if plans[Package.name].groups:  # what comes and goes decides how the rest is to be made true
        packages.follow(plans[Package.name].groups)
        plans.update(look([name for name in KINDS if name != Package.name]))
    assessments = {assessment.control: assessment for plan in plans.values() for assessment in plan.assessments}
    for control in controls:
        if hindrances[control.id]:
            assessments[control.id] = not_applicable(control, control.id, "", hindrances[control.id])
    whole = {control.id: assessments[control.id] for control in controls}
    groups = [group for plan in plans.values() for group in plan.groups]
    return Survey(whole, _guarded_last(groups, controls, packages.awaited))


def _guarded_last(groups: Sequence[Group], controls: Sequence[Control], awaited: set[str]) -> tuple[Group, ...]:
    """What could lock people out comes when all else is done, so that the time to confirm it is short.

    Where that holds for the packages, what awaits one of them comes after them.
    """
    risky = {control.id for control in controls if control.hazard == "lockout"}
    if any(installs(group) and not risky.isdisjoint(group.controls) for group in groups):
        risky |= awaited
    marked = [replace(group, guarded=not risky.isdisjoint(group.controls)) for group in groups]
    return tuple(sorted(marked, key=lambda group: group.guarded))


def _survey_and_waive(host: Host, name: str, controls: Sequence[Control], allow_stop: frozenset[str]) -> KindPlan:
    """What is waived is judged by itself, so that nothing of it gets into what the others change."""
    waived = {control.id: control.waived for control in controls if control.waived is not None}
    alone = [control for control in controls if control.id in waived]
    judged = _survey_kind(host, name, alone, allow_stop) if alone else KindPlan()
    kept = [a for a in judged.assessments if waived[a.control].get("value", a.before) in (a.before, _running(a))]
    left = {assessment.control for assessment in kept}
    rest = [control for control in controls if control.id not in left]
    plan = _survey_kind(host, name, rest, allow_stop) if rest else KindPlan()
    return KindPlan((*(replace(a, after=a.before, waived=True) for a in kept), *plan.assessments), plan.groups)


def _running(assessment: Assessment) -> str:
    """What is in force, where ``before`` may say more, such as that it does not survive a reboot."""
    return assessment.verdicts.running.saw


def _survey_kind(host: Host, name: str, controls: Sequence[Control], allow_stop: frozenset[str]) -> KindPlan:
    """All controls of a kind at once; where that fails, without those of them that fail alone."""
    kind = KINDS[name]
    try:
        return kind.plan(controls, kind.observe(host, controls, allow_stop))
    except ClinicalError as error:
        reasons = {control.id: _why_unreadable(host, control, allow_stop) for control in controls}
        rest = [control for control in controls if not reasons[control.id]]
        if len(rest) == len(controls):  # each can be read alone, only not together
            rest, reasons = [], dict.fromkeys(reasons, str(error))
        unread = [_unread(control, reasons[control.id]) for control in controls if control not in rest]
        plan = _survey_kind(host, name, rest, allow_stop) if rest else KindPlan()
        return KindPlan((*unread, *plan.assessments), plan.groups)


def _why_unreadable(host: Host, control: Control, allow_stop: frozenset[str]) -> str:
    try:
        KINDS[control.kind].observe(host, [control], allow_stop)
    except ClinicalError as error:
        return str(error)
    return ""


def _unread(control: Control, reason: str) -> Assessment:
    return unknown(control, KINDS[control.kind].claims(control.settings)[0], "", reason)


def audit(host: Host, request: BaselineRequest) -> Report:
    """Look, and say what enforcing would change."""
    report = _open(host, request)
    in_use.begin(host, request.keeps)
    found = survey(host, request.controls, request.allow_stop, report.host)
    report.findings = [_finding(assessment) for assessment in found.assessments.values()]
    report.changes = guarded_run.describe_changes(found.groups)
    report.changed = bool(report.changes)
    return _close(host, report)


def enforce(host: Host, request: BaselineRequest) -> Report:
    """Make every control true that can be made true, journaled, and look again at what was changed.

    Raises ClinicalError where nothing could be done or everything was put back.
    """
    report = _open(host, request)
    report.warnings += _settled(host, request.run_id)
    for run in _cut_runs(host):
        journal_revert.sweep(host, run)
        report.warnings.append(_told_cut(run))
    in_use.begin(host, request.keeps)
    found = survey(host, request.controls, request.allow_stop, report.host)
    before = _look_around(host, request, found.groups)
    if before is not None and request.survey_only:
        report.listeners_to_probe = before.listeners_to_probe()
        return _close(host, report)
    failed: dict[str, ClinicalError] = {}
    if found.groups:
        outcome = guarded_run.carry_out(host, request.run_id, found.groups, _wish(host, request, found.groups))
        failed = {c: error for n, error in outcome.failed.items() for c in found.groups[n].controls}
        report.changes = guarded_run.describe_changes(
            [g for n, g in enumerate(found.groups) if n not in outcome.failed]
        )
        report.warnings += guarded_run.tidy_journal(host, request.journal_keep)
    report.changed = bool(report.changes)
    touched = {control for change in report.changes for control in change["controls"]} | set(failed)
    again: Mapping[str, Assessment] = {}
    if touched:
        in_use.begin(host, request.keeps)
        mine = [control for control in request.controls if control.id in touched]
        again = survey(host, mine, request.allow_stop, report.host, ahead=False).assessments
    for control, assessment in found.assessments.items():
        report.findings.append(_outcome(assessment, again.get(control), failed.get(control)))
    if before is not None:
        _look_again(host, report, before, found.groups)
    return _close(host, report)


def _look_around(host: Host, request: BaselineRequest, groups: Sequence[Group]) -> host_availability.Snapshot | None:
    """What listens and runs before the change, where one is to be made."""
    if not groups or not request.check_availability:
        return None
    from ._change import (
        availability as host_availability,  # the many runs that change nothing do not pay for reading it
    )

    return host_availability.take_snapshot(host)


def _look_again(host: Host, report: Report, before: host_availability.Snapshot, groups: Sequence[Group]) -> None:
    """Hold the host against what it was; what it lost without anybody's consent has the whole run taken back."""
    from ._change import availability as host_availability

    found = host_availability.compare(host, before, groups)
    report.availability = found.as_result()
    if not found.lost:
        guard = record.load(host, report.run_id)
        if guard is not None and guard.state == ARMED:
            record.renew(host, guard)  # the time to confirm begins when all is done
        return
    from ._guard import reverter

    why = f"it cost the host {', '.join(found.lost)}"
    reverter.take_back_now(host, report.run_id, why, found.units)
    report.changed, report.changes = False, []
    left = host_availability.compare(host, before, ()).lost
    if left:
        report.warnings.append(f"The run was taken back, and yet this host still lacks {', '.join(left)}.")


def revert(host: Host, request: BaselineRequest, wanted: str, check: bool) -> Report:
    """Take a run back. ``wanted`` is its id, or nothing for the newest; ``request.run_id`` names the revert itself."""
    report = _open(host, request)
    if not check:
        report.warnings += _settled(host, request.run_id)
    run = journal_revert.choose_run(host, wanted)
    report.reverted_run_id = run.run_id
    if run.reverted_by and not wanted:
        report.warnings.append(f"The newest run {run.run_id} was already reverted, by {run.reverted_by}.")
        return _close(host, report)
    if not check:
        journal_revert.sweep(host, run)
    way = journal_revert.plan_revert(host, run)
    journal_revert.refuse_unless_safe(way, request.force)
    if way.damaged:
        report.warnings.append(f"{way.damaged} lines of the journal cannot be read; what they held is not restored.")
    report.restored = guarded_run.describe_changes(way.groups)
    report.changed = bool(way.groups)
    if way.groups and not check:
        wish = _wish(host, request, way.groups)
        outcome = guarded_run.carry_out(host, request.run_id, way.groups, wish, reverts=run.run_id)
        if outcome.failed:
            error = next(iter(outcome.failed.values()))
            raise ClinicalError("Reverting the run", run.run_id, str(error), _half_reverted(host, request.run_id))
    if not check:
        report.warnings += guarded_run.tidy_journal(host, request.journal_keep, run, request.run_id)
    return _close(host, report)


def _settled(host: Host, run_id: str) -> list[str]:
    """Refuse while the guard of an earlier run is armed, and tell what became of the last one."""
    if record.unsettled(host) is None:
        return []
    from ._guard import reverter  # hardly any run has to read it

    return reverter.settle(host, run_id)


def _half_reverted(host: Host, run_id: str) -> str:
    """What people should know of a revert that failed in part. Where it is guarded nobody confirms it, so it goes."""
    guard = record.load(host, run_id)
    if guard is not None and guard.state == ARMED:
        from ._guard import reverter

        reverter.take_back(host, guard, "it could not be completed")
        return "The host is as it was before this revert; mend the cause and revert again."
    return "What else could be restored was; mend the cause and revert again."


def _wish(host: Host, request: BaselineRequest, groups: Sequence[Group]) -> record.GuardTerms | None:
    """How the run is guarded, where it has to be; refuses where the break-glass accounts are of no use even before."""
    if not request.confirm_within or not any(group.guarded for group in groups):
        return None
    from ._guard import break_glass  # the many runs that change nothing guarded do not pay for reading these
    from ._host import login as ssh_login  # the many runs that change nothing guarded do not pay for reading these

    login = ssh_login.own_login(host)
    problems = break_glass.problems(host, request.break_glass_users, login.client if login else "")
    if problems:
        saw = f"{'; '.join(problems)}; nothing was changed"
        advice = "Mend the account, or take it out of hardening_break_glass_users."
        raise ClinicalError("Checking the break-glass accounts of", "this host", saw, advice)
    return record.GuardTerms(request.confirm_within)


def result(report: Report, with_diff: bool, check: bool) -> dict[str, Any]:
    """The report as a module's result; reverts have no findings, and diff stands only where it was asked for."""
    told = dict(vars(report))
    told["check_mode"] = check
    del told["warnings"]  # Ansible has a way of its own for these
    changes = report.restored if report.reverted_run_id else report.changes
    for key in ("findings", "changes") if report.reverted_run_id else ("restored", "reverted_run_id"):
        del told[key]
    if report.listeners_to_probe is None:
        del told["listeners_to_probe"]
    if with_diff:
        told["diff"] = [_diff(change) for change in changes]
    return told


def _diff(change: Mapping[str, Any]) -> dict[str, str]:
    head = str(change["subject"])
    return {"before_header": head, "after_header": head, **{k: f"{change[k]}\n" for k in ("before", "after")}}


def _cut_runs(host: Host) -> list[journal.JournaledRun]:
    """Runs that ended in the middle, unless they were reverted, or were reverts that a later one completed."""
    known = journal.runs(host)
    whole = {run.run_id for run in known if run.reverted_by}
    return [run for run in known if run.progress == "applying" and not {run.run_id, run.reverts} & whole]


def _told_cut(run: journal.JournaledRun) -> str:
    return (
        f"The run {run.run_id} was cut before it ended. This run makes the host whole; to take the earlier one back, "
        f"revert this run and then run_id: {run.run_id}."
    )


def _outcome(before: Assessment, again: Assessment | None, error: ClinicalError | None) -> dict[str, Any]:
    if again is None:
        return _finding(before)
    finding = {**_finding(again), "before": before.before, "after": again.before}
    if error is not None:
        return {**finding, "result": "error", "reason": f"It was put back: {error}"}
    if again.result == "pass":
        return {**finding, "result": "fixed"}
    return {**finding, "reason": again.reason or "it was set, and yet the host does not follow"}


def _finding(assessment: Assessment) -> dict[str, Any]:
    told = dict(vars(assessment))  # by hand: dataclasses.asdict takes ten times as long, and there are hundreds
    told["id"] = told.pop("control")
    del told["waived"]  # the result says it
    verdicts = {look: dict(vars(verdict)) for look, verdict in vars(assessment.verdicts).items()}
    return {**told, "verdicts": verdicts, "result": assessment.result}


def _open(host: Host, request: BaselineRequest) -> Report:
    if request.confirm_within:
        record.check_within(request.confirm_within)
    return Report(request.run_id, stamp_of(host.now()), read_facts(host), availability=not_compared())


def _close(host: Host, report: Report) -> Report:
    report.guard = record.as_result(host, record.load(host, report.run_id))
    report.ended = stamp_of(host.now())
    return report
