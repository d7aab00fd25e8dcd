# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of the baseline on one host: audit, enforce, revert.

It joins the kinds, the journal and the guard, and reads no host by itself.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ._change import apply as changes
from ._change import journal
from ._change import revert as journal_revert
from ._change.folder_times import put_times
from ._change.steps import Group
from ._change.subjects.base import withheld_names
from ._change.subjects.files import File
from ._controls.awaited import RequiredPackages, installs
from ._controls.context import SurveyContext
from ._controls.kinds.package import Package
from ._controls.model import Assessment, Control, KindPlan, Verdict, not_applicable, unknown
from ._controls.registry import KINDS
from ._errors import ClinicalError, ExchangedError
from ._guard import record
from ._guard import run as guarded_run
from ._host.door import Host
from ._host.facts import read_facts, reason_not_applicable
from ._host.fstab import FSTAB
from ._vocabulary.availability import not_compared
from ._vocabulary.guard import ARMED
from ._vocabulary.stamp import stamp_of

if TYPE_CHECKING:
    from ._change import availability as host_availability


@dataclass(frozen=True)
class BaselineRequest:
    """A play's request to a host.

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
    later_runs: bool = False
    confirm_within: int = 0
    break_glass_users: tuple[str, ...] = ()
    keeps: Mapping[str, str] = field(default_factory=dict)
    check_availability: bool = True
    survey_only: bool = False


@dataclass
class Report:
    """A run and what came of it, as plain data: its fields are keys of the module's result."""

    run_id: str
    began: str
    host: Mapping[str, str]
    changed: bool = False
    findings: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    restored: list[dict[str, Any]] = field(default_factory=list)
    reverted_run_id: str = ""
    reverted_runs: list[str] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
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


def survey(host: Host, controls: Sequence[Control], context: SurveyContext, ahead: bool = True) -> Survey:
    """Read the state once for each kind and plan; nothing is changed. ``ahead`` of a change, or after it."""
    controls = [control.for_system(context.facts["family"], context.facts["distribution"]) for control in controls]
    reasons: dict[str, str | None] = {c.id: reason_not_applicable(host, context.facts, c.applies) for c in controls}
    concerned = [control for control in controls if not reasons[control.id]]
    packages = RequiredPackages(host, concerned, context, ahead)
    plans = _plan_kinds(host, list(KINDS), _ready(concerned, packages), context)
    if plans[Package.name].groups:  # what comes and goes decides how the rest is to be made true
        packages.follow(plans[Package.name].groups)
        later = [name for name in KINDS if name != Package.name]
        plans.update(_plan_kinds(host, later, _ready(concerned, packages), context))
    reasons.update({control.id: packages.why_missing(control) for control in concerned})
    assessments = {assessment.control: assessment for plan in plans.values() for assessment in plan.assessments}
    for control in controls:
        reason = reasons[control.id]
        unknown_because = packages.why_unknown(control)
        if reason:
            assessments[control.id] = not_applicable(control, control.id, "", reason)
        elif unknown_because:
            assessments[control.id] = _unread(control, unknown_because)
    groups = [group for plan in plans.values() for group in plan.groups]
    return Survey(
        {control.id: assessments[control.id] for control in controls},
        _guarded_last(groups, controls, packages.awaited),
    )


def _ready(controls: Sequence[Control], packages: RequiredPackages) -> list[Control]:
    """Return the controls whose packages are there or are coming, the latter marked."""
    known = [control for control in controls if packages.why_unknown(control) is None]
    return [packages.awaiting(control) for control in known if packages.why_missing(control) is None]


def _plan_kinds(
    host: Host, names: Sequence[str], controls: Sequence[Control], context: SurveyContext
) -> dict[str, KindPlan]:
    """Return the plan of each kind by its name; the kinds read the host at the same time."""
    of_kinds = {name: [control for control in controls if control.kind == name] for name in names}
    context.expect_units(unit for name, concerned in of_kinds.items() for unit in KINDS[name].units(concerned))
    surveys = [
        functools.partial(_survey_and_waive, host, name, concerned, context) for name, concerned in of_kinds.items()
    ]
    return dict(zip(names, host.gather(surveys)))


def _guarded_last(groups: Sequence[Group], controls: Sequence[Control], awaited: set[str]) -> tuple[Group, ...]:
    """Return the groups with those that could lock people out last, so that the time to confirm them is short.

    Where that holds for the packages, what awaits one of them comes after them. It holds for whatever writes fstab: a
    boot that fails over a line of it ends before anybody can log in, so that boot is looked at.
    """
    risky = {control.id for control in controls if control.hazard == "lockout"}
    if any(installs(group) and not risky.isdisjoint(group.controls) for group in groups):
        risky |= awaited
    marked = [replace(group, guarded=not risky.isdisjoint(group.controls) or _writes_fstab(group)) for group in groups]
    return tuple(sorted(marked, key=lambda group: group.guarded))


def _writes_fstab(group: Group) -> bool:
    return any(step.subject == File(FSTAB) for step in group.steps)


def _survey_and_waive(host: Host, name: str, controls: Sequence[Control], context: SurveyContext) -> KindPlan:
    """Return the plan of a kind. What is waived is judged alone: nothing of it gets into the others' changes."""
    waivers = {control.id: control.waived for control in controls if control.waived is not None}
    waived = [control for control in controls if control.id in waivers]
    judged = _survey_kind(host, name, waived, context) if waived else KindPlan()
    granted = [a for a in judged.assessments if waivers[a.control].get("value", a.before) in (a.before, _in_force(a))]
    granted_ids = {assessment.control for assessment in granted}
    enforced = [control for control in controls if control.id not in granted_ids]
    plan = _survey_kind(host, name, enforced, context) if enforced else KindPlan()
    return KindPlan((*(replace(a, after=a.before, waived=True) for a in granted), *plan.assessments), plan.groups)


def _in_force(assessment: Assessment) -> str:
    """Return what runs, where ``before`` may say more, such as that it does not survive a reboot."""
    return assessment.verdicts.running.observed


def _survey_kind(host: Host, name: str, controls: Sequence[Control], context: SurveyContext) -> KindPlan:
    """Return the plan for all controls of a kind at once; where that fails, without those that fail alone."""
    try:
        return _plan_kind(host, name, controls, context)
    except ClinicalError as error:
        reasons = {control.id: _why_unreadable(host, control, context) for control in controls}
        readable = [control for control in controls if reasons[control.id] is None]
        if len(readable) == len(controls):  # each can be read alone, only not together
            readable, reasons = [], dict.fromkeys(reasons, str(error))
        unread = [_unread(control, reasons[control.id] or "") for control in controls if control not in readable]
        plan = _survey_kind(host, name, readable, context) if readable else KindPlan()
        return KindPlan((*unread, *plan.assessments), plan.groups)


def _plan_kind(host: Host, name: str, controls: Sequence[Control], context: SurveyContext) -> KindPlan:
    """Return the plan of a kind. Raises ClinicalError also for what nobody foresaw: it costs one kind, not the host."""
    kind = KINDS[name]
    given = {value for control in controls for value in control.settings.values() if isinstance(value, str)}
    try:
        with withheld_names(functools.partial(_is_folder, host), given):
            return kind.plan(controls, kind.observe(host, controls, context))
    except ClinicalError:
        raise
    except Exception as error:
        *_callers, (code, line) = traceback.walk_tb(error.__traceback__)
        place = f"{code.f_code.co_filename.rpartition('/')[2]}:{line}"
        reason = f"something on this host is not as we read it ({type(error).__name__} in {place})"
        raise ClinicalError("Judging the controls of", name, reason, "This is a defect: please report it.") from error


def _is_folder(host: Host, path: str) -> bool:
    """Return whether a path that is in an error is that of a folder; of what cannot be looked at nobody knows."""
    try:
        info = host.stat(path)
    except ClinicalError:
        return False
    return info is not None and info.kind == "dir"


def _why_unreadable(host: Host, control: Control, context: SurveyContext) -> str | None:
    try:
        _plan_kind(host, control.kind, [control], context)
    except ClinicalError as error:
        return str(error)
    return None


def _unread(control: Control, reason: str) -> Assessment:
    return unknown(control, KINDS[control.kind].claims(control.settings)[0], "", reason)


def audit(host: Host, request: BaselineRequest) -> Report:
    """Return how the host stands, and what enforcing would change. Nothing is changed."""
    report = _open(host, request)
    surveyed = survey(host, request.controls, _context(request, report))
    _entries, refused = changes.capture_each(host, surveyed.groups)
    failed = {control: error for n, error in refused.items() for control in surveyed.groups[n].controls}
    for control, assessment in surveyed.assessments.items():
        report.findings.append(_foretold(assessment, failed.get(control)))
    report.changes = guarded_run.describe_changes(
        [group for n, group in enumerate(surveyed.groups) if n not in refused]
    )
    report.changed = bool(report.changes)
    report.warnings += _foretell_guard(host, request, surveyed.groups)
    return _close(host, report)


def _foretold(assessment: Assessment, error: ClinicalError | None) -> dict[str, Any]:
    """Return the finding of a control that nobody has enforced; one that a run could not enforce says so."""
    finding = _finding(assessment)
    if error is None:
        return finding
    return {**finding, "result": "error", "reason": f"A run would not change it: {error}"}


def _context(request: BaselineRequest, report: Report) -> SurveyContext:
    """Return the context of one survey; each survey has its own, which looks anew at what is in use."""
    return SurveyContext(
        facts=report.host,
        keeps=request.keeps,
        allow_stop=request.allow_stop,
        protected_accounts=frozenset(request.break_glass_users),
    )


def enforce(host: Host, request: BaselineRequest) -> Report:
    """Make every control true that can be made true, journaled, and look again at what was changed.

    Raises ClinicalError where nothing could be done or everything was put back.
    """
    report = _open(host, request)
    for run in _cut_runs(host):
        journal_revert.sweep(host, run)
        report.warnings.append(_describe_cut(run))
    surveyed = survey(host, request.controls, _context(request, report))
    before = _look_around(host, request, surveyed.groups)
    if before is not None and request.survey_only:
        report.listeners_to_probe = before.listeners_to_probe()
        return _close(host, report)
    failed = _change(host, request, report, surveyed.groups) if surveyed.groups else {}
    report.changed = bool(report.changes)
    again = _survey_touched(host, request, report, failed)
    for control, assessment in surveyed.assessments.items():
        report.findings.append(_outcome(assessment, again.get(control), failed.get(control)))
    if before is not None:
        _look_again(host, report, before, surveyed.groups)
    return _close(host, report)


def _change(host: Host, request: BaselineRequest, report: Report, groups: Sequence[Group]) -> dict[str, ClinicalError]:
    """Carry the groups out and note the changes; return the error of each control whose group was put back."""
    outcome = guarded_run.carry_out(host, request.run_id, groups, _guard_terms(host, request, groups))
    report.changes = guarded_run.describe_changes([group for n, group in enumerate(groups) if n not in outcome.failed])
    report.warnings += guarded_run.tidy_journal(host, request.journal_keep)
    # Where one of several groups of a control failed for another reason, that is the one to tell.
    errors = sorted(outcome.failed.items(), key=lambda item: not isinstance(item[1], ExchangedError))
    return {control: error for n, error in errors for control in groups[n].controls}


def _survey_touched(
    host: Host, request: BaselineRequest, report: Report, failed: Mapping[str, ClinicalError]
) -> Mapping[str, Assessment]:
    """Return a second assessment of what was changed or put back, by control."""
    touched = {control for change in report.changes for control in change["controls"]} | set(failed)
    if not touched:
        return {}
    controls = [control for control in request.controls if control.id in touched]
    return survey(host, controls, _context(request, report), ahead=False).assessments


def _look_around(host: Host, request: BaselineRequest, groups: Sequence[Group]) -> host_availability.Snapshot | None:
    """Return what listens and runs before the change, None where none is to be made."""
    if not groups or not request.check_availability:
        return None
    from ._change import (
        availability as host_availability,  # the many runs that change nothing do not pay for reading it
    )

    return host_availability.take_snapshot(host)


def _look_again(host: Host, report: Report, before: host_availability.Snapshot, groups: Sequence[Group]) -> None:
    """Hold the host against what it was; what it lost without anybody's consent has the whole run taken back."""
    from ._change import availability as host_availability

    comparison = host_availability.compare(host, before, groups)
    report.availability = comparison.as_result()
    if comparison.ended:
        report.warnings.append(
            f"Somebody had started by hand what does not listen any more: {', '.join(comparison.ended)}. "
            "No unit of the system holds it, so the run stays; start it again if it was a service."
        )
    if not comparison.lost:
        guard = record.load(host, report.run_id)
        if guard is not None and guard.state == ARMED:
            record.renew(host, guard)  # the time to confirm begins when all is done
        return
    from ._guard import reverter

    why = f"it cost the host {', '.join(comparison.lost)}"
    reverter.take_back_now(host, report.run_id, why, comparison.units)
    report.changed, report.changes = False, []
    still_lost = host_availability.compare(host, before, ()).lost
    if still_lost:
        report.warnings.append(f"The run was taken back, and yet this host still lacks {', '.join(still_lost)}.")


def revert(host: Host, request: BaselineRequest, wanted: str, check: bool) -> Report:
    """Take a run back. ``wanted`` is its id, or nothing for the newest; ``request.run_id`` names the revert itself.

    With ``request.later_runs`` those that came after it go with it. What others changed since is left and told. Raises
    ClinicalError where there is no such run, where all of it was changed since, or where it failed in part.
    """
    report = _open(host, request)
    run = journal_revert.choose_run(host, wanted)
    report.reverted_run_id = run.run_id
    if run.reverted_by and not wanted:
        report.warnings.append(f"The newest run {run.run_id} was already reverted, by {run.reverted_by}.")
        return _close(host, report)
    if not check:
        journal_revert.sweep(host, run)
    way = journal_revert.plan_revert(host, run, request.later_runs, request.force, play=wanted)
    journal_revert.refuse_unless_safe(way, request.force)
    _describe_way(report, way)
    if check:
        report.warnings += _foretell_guard(host, request, way.groups)
    elif way.groups:
        report.warnings += _go_back(host, request, way)
    if not check:
        report.warnings += guarded_run.tidy_journal(host, request.journal_keep, way.settled, request.run_id)
    return _close(host, report)


def _describe_way(report: Report, way: journal_revert.RevertPlan) -> None:
    """Note in the report what goes back, and what is left as it is."""
    if way.damaged:
        report.warnings.append(f"{way.damaged} lines of the journal cannot be read; what they held is not restored.")
    report.warnings += [f"Left as it is: {drift.describe()}." for drift in way.drifted]
    report.left = [drift.as_result() for drift in way.drifted]
    report.reverted_runs = [run.run_id for run in way.runs]
    report.restored = guarded_run.describe_changes(way.groups)
    report.changed = bool(way.groups)


def _go_back(host: Host, request: BaselineRequest, way: journal_revert.RevertPlan) -> list[str]:
    """Carry the way back out and look whether it led there; return warnings about folders that others use by now.

    Raises ClinicalError where it did not entirely.
    """
    doing, subject = "Reverting the run", way.run.run_id
    terms = _guard_terms(host, request, way.groups)
    outcome = guarded_run.carry_out(host, request.run_id, way.groups, terms, reverts=way.run.run_id)
    exchanged = {n: error for n, error in outcome.failed.items() if isinstance(error, ExchangedError)}
    failed = [error for n, error in outcome.failed.items() if n not in exchanged]
    if failed:
        raise ClinicalError(doing, subject, str(failed[0]), _half_reverted(host, request.run_id))
    steps = [step for n, group in enumerate(way.groups) if n not in exchanged for step in group.steps]
    goals = [(step.subject, step.wanted) for step in steps if step.wanted is not None]
    missed = changes.not_reached(host, goals)
    astray = [it.description for it in missed if not it.exchanged]
    if astray:
        reason = f"it was carried out, and yet this is not as it was: {'; '.join(astray)}"
        raise ClinicalError(doing, subject, reason, _half_reverted(host, request.run_id))
    put_times(host, way.folders)
    folders = [subject for subject, image in goals if image.get("kind") == "absent"]
    left = [f"Left to whoever exchanges it: {error}" for error in exchanged.values()]
    left += [f"Left to whoever changes it: {it.description}." for it in missed if it.exchanged]
    return left + [
        f"Left as it is: {subject.shown_name({})} holds what others laid there."
        for subject in folders
        if host.stat(subject.name)
    ]


def _half_reverted(host: Host, run_id: str) -> str:
    """Return advice after a revert that failed in part. Where it is guarded nobody confirms it, so it is taken back."""
    guard = record.load(host, run_id)
    if guard is not None and guard.state == ARMED:
        from ._guard import reverter

        try:
            reverter.take_back(host, guard, "it could not be completed")
        except ClinicalError as error:  # what stopped the revert is the reason; this comes on top of it
            return f"It is not as it was before this revert either: {error}"
        return "The host is as it was before this revert; mend the cause and revert again."
    return "What else could be restored was; mend the cause and revert again."


def _guard_terms(host: Host, request: BaselineRequest, groups: Sequence[Group]) -> record.GuardTerms | None:
    """Return how the run is guarded, None where it need not be.

    Raises ClinicalError where the break-glass accounts are of no use even before the run.
    """
    if not _is_guarded(request, groups):
        return None
    problems = _break_glass_problems(host, request)
    if problems:
        findings = f"{'; '.join(problems)}; nothing was changed"
        advice = "Mend the account, or take it out of hardening_break_glass_users."
        raise ClinicalError("Checking the break-glass accounts of", "this host", findings, advice)
    return record.GuardTerms(request.confirm_within)


def _is_guarded(request: BaselineRequest, groups: Sequence[Group]) -> bool:
    return bool(request.confirm_within) and any(group.guarded for group in groups)


def _break_glass_problems(host: Host, request: BaselineRequest) -> list[str]:
    from ._guard import break_glass  # the many runs that change nothing guarded do not pay for reading these
    from ._host import login as ssh_login

    return break_glass.problems(host, request.break_glass_users, ssh_login.own_login(host))


def _foretell_guard(host: Host, request: BaselineRequest, groups: Sequence[Group]) -> list[str]:
    """Return, for check mode, the warning that a run would be refused, else those that its confirmation would give."""
    if not _is_guarded(request, groups):
        return []
    problems = _break_glass_problems(host, request)
    if not problems:
        from ._guard import break_glass
        from ._host import login as ssh_login

        return break_glass.warnings(host, request.break_glass_users, ssh_login.own_login(host))
    return [f"A run would be refused and change nothing: {'; '.join(problems).rstrip('.')}."]


def result(report: Report, with_diff: bool, check: bool) -> dict[str, Any]:
    """Return the report as a module's result; reverts have no findings, and diff is there only where it is wanted."""
    values = {**vars(report), "check_mode": check}
    del values["warnings"]  # Ansible has a way of its own for these
    changes = report.restored if report.reverted_run_id else report.changes
    of_reverts = ("restored", "reverted_run_id", "reverted_runs", "left")
    for key in ("findings", "changes") if report.reverted_run_id else of_reverts:
        del values[key]
    if report.listeners_to_probe is None:
        del values["listeners_to_probe"]
    if with_diff:
        values["diff"] = [_diff(change) for change in changes] + [_diff_of_left(item) for item in report.left]
    return values


def _diff(change: Mapping[str, Any]) -> dict[str, str]:
    header = str(change["subject"])
    before, after = f"{change['before']}\n", f"{change['after']}\n"
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _diff_of_left(item: Mapping[str, str]) -> dict[str, str]:
    """Return an item that is left: what it would have become, and what it stays."""
    header = f"{item['subject']} {item['entry']}".rstrip()
    header = f"{header} (left as it is: {item['reason']}; the run had set: {item['set'] or 'nothing'})"
    before, after = f"{item['before']}\n", f"{item['now']}\n"
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def _cut_runs(host: Host) -> list[journal.JournaledRun]:
    """Return runs that ended in the middle, unless they were reverted, or were reverts that a later one completed."""
    runs = journal.runs(host)
    reverted = {run.run_id for run in runs if run.reverted_by}
    return [run for run in runs if run.progress == "applying" and not {run.run_id, run.reverts} & reverted]


def _describe_cut(run: journal.JournaledRun) -> str:
    return (
        f"The run {run.run_id} was cut before it ended. This run makes the host whole; to take the earlier one back, "
        f"revert this run and then run_id: {run.run_id}."
    )


def _outcome(before: Assessment, again: Assessment | None, error: ClinicalError | None) -> dict[str, Any]:
    """Return the finding of a control out of what was seen before the change and after it."""
    if again is None:
        return _finding(before)
    finding = {**_finding(again), "before": before.before, "after": again.before}
    if isinstance(error, ExchangedError) and again.result in ("pass", "fail"):
        return {**finding, "reason": f"Left to whoever exchanges it: {error}"}
    if error is not None:
        return {**finding, "result": "error", "reason": f"It was put back: {error}"}
    if again.result == "pass":
        return {**finding, "result": "fixed"}
    return {**finding, "reason": again.reason or "it was set, and yet the host does not follow"}


def _finding(assessment: Assessment) -> dict[str, Any]:
    """Return an assessment as plain data; dataclasses.asdict takes ten times as long, and there are hundreds."""
    return {
        "id": assessment.control,
        "subject": assessment.subject,
        "wanted": assessment.wanted,
        "before": assessment.before,
        "after": assessment.after,
        "verdicts": {place: _verdict(verdict) for place, verdict in vars(assessment.verdicts).items()},
        "reason": assessment.reason,
        "result": assessment.result,
    }


def _verdict(verdict: Verdict) -> dict[str, str]:
    return {"state": verdict.state, "saw": verdict.observed}


def _open(host: Host, request: BaselineRequest) -> Report:
    if request.confirm_within:
        record.check_within(request.confirm_within)
    return Report(request.run_id, stamp_of(host.now()), read_facts(host), availability=not_compared())


def _close(host: Host, report: Report) -> Report:
    report.guard = record.as_result(host, record.load(host, report.run_id))
    report.ended = stamp_of(host.now())
    return report
