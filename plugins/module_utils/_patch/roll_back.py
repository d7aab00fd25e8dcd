# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The earlier versions again, from the packages that were kept. How a run came to its stage is ``run``'s business."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from .._change.availability import Snapshot
from .._change.subjects.units import Unit, show
from .._errors import ClinicalError
from .._host.door import Host
from .._vocabulary.stamp import format_stamp
from . import configuration, ledger, outcome, services, stages, unit
from .manager import Manager, ServiceRequest
from .model import INSTALL, REMOVE, InstalledPackage, PackageChange, Plan
from .request import PatchFailed, PatchRequest, PatchResult, summarise
from .run import NOTHING, is_beside, present_changes, working_before
from .services import RestartOutcome
from .stages import APPLIED, APPLYING, BROKEN, ROLLED_BACK, ROLLING_BACK, HostBefore, PatchRun

#: The stages of runs that changed something, or may have.
_CHANGED = (APPLYING, BROKEN, APPLIED, ROLLING_BACK)


def roll_back(host: Host, manager: Manager, request: PatchRequest) -> PatchResult:
    """Take a run back; one that was cut while it was taken back is finished."""
    unit.wait(host)
    run = stages.find(host, request.run_id or _newest_changed(host))
    plan = stages.read_plan(host, run)
    if run.stage == ROLLED_BACK:
        return PatchResult(
            changed=False,
            plan={**plan.as_result(), "run": run.as_result()},
            run=run.as_result(),
            reopened=reopened(plan),
        )
    if run.stage not in _CHANGED:
        raise ClinicalError("Rolling back", run.run_id, f"it is {run.stage}, so it changed nothing", NOTHING)
    packages = manager.installed()
    _refuse_drift(run, plan, packages)
    changes = present_changes(packages, plan.changes)
    _refuse_incomplete(manager, run, stages.read_before(host, run), changes)
    if request.check:
        return PatchResult(
            changed=True,
            plan=plan.as_result(),
            run=run.as_result(),
            done=summarise(changes),
            reopened=reopened(plan),
        )
    again = run.stage == ROLLING_BACK
    if not again:
        stages.note_drift(host, run, configuration.changed_since(host, stages.read_after(host, run)))
    run = stages.move(host, run, ROLLING_BACK, request.at)
    return _carry_out(host, manager, request, run, changes, again)


def _newest_changed(host: Host) -> str:
    runs = [run for run in stages.runs(host) if run.stage in _CHANGED]
    if runs:
        return runs[-1].run_id
    return ""


def _refuse_drift(run: PatchRun, plan: Plan, packages: Mapping[str, InstalledPackage]) -> None:
    """Raise ClinicalError where somebody has changed a package since: that is not ours to take back."""
    strange = []
    for change in plan.changes:
        package = packages.get(change.key)
        if package and not is_beside(change, package) and package.version not in (change.old, change.new):
            strange.append(f"{change.name} is {package.version}")
    if strange:
        problem = f"packages were changed since: {'; '.join(strange)}"
        raise ClinicalError("Rolling back", run.run_id, problem, f"{NOTHING} Roll the later run back first.")


def _refuse_incomplete(manager: Manager, run: PatchRun, before: HostBefore, changes: Sequence[PackageChange]) -> None:
    """Raise ClinicalError where an earlier package that is needed is missing or damaged."""
    files = {(package.name, package.arch): package for package in before.kept}
    missing = [c.name for c in changes if c.old and (c.name, c.arch) not in files]
    damaged = manager.damaged([files[(c.name, c.arch)] for c in changes if (c.name, c.arch) in files])
    if missing or damaged:
        problem = f"the earlier packages are not whole: {', '.join((*missing, *damaged))}"
        raise ClinicalError("Rolling back", run.run_id, problem, f"{NOTHING} Have them from a backup, or go forward.")


def _carry_out(
    host: Host,
    manager: Manager,
    request: PatchRequest,
    run: PatchRun,
    changes: Sequence[PackageChange],
    again: bool,
) -> PatchResult:
    """Put the earlier versions back with their configuration, and restart services.

    ``again`` goes on with a run that was cut while it was taken back.
    """
    plan, before = stages.read_plan(host, run), stages.read_before(host, run)
    requests, error = _transaction(host, manager, run, before, changes, again)
    running_kernels = _refuse_remaining(host, manager, request, run, error)
    drifted = stages.read_drift(host, run)
    restored = configuration.restore(host, before.files, stages.read_after(host, run), drifted)
    manager.set_marks(before.marks, plan.changes)
    held = _hold(host, manager, request, run, plan)
    expected = _of_present_units(host, working_before(host, before))
    restarted = services.settle(host, requests, request.restart, request.restart_order, expected)
    if restored.problems:
        _refuse_unrestored(host, manager, request, run, restored, restarted)
    _note_rolled_back(host, request, run, plan)
    run = stages.move(host, run, ROLLED_BACK, request.at, outcome.down_since(restarted))
    result = replace(
        outcome.result_of(host, manager, run, changes, restarted),
        reopened=reopened(plan),
        restored=restored.paths,
        held_until=tuple(held),
        warnings=(
            *(f"{path} was changed since and stays as it is" for path in drifted),
            *(f"{name} stays: its kernel is the one that runs" for name in running_kernels),
            *(f"{change.name} {change.old} made room, and does not come back" for change in _made_room(manager, plan)),
        ),
    )
    _refuse_down(run, restarted, result)
    return result


def _of_present_units(host: Host, before: Snapshot) -> Snapshot:
    """Return what worked before, without units that somebody took off the host since, or switched off."""
    named = {*before.units, *(listener.unit for listener in before.listeners if listener.unit)}
    absent = {name for name, unit in show(host, sorted(named)).items() if not unit.exists or _is_off(unit)}
    listeners = tuple(listener for listener in before.listeners if listener.unit not in absent)
    return replace(before, listeners=listeners, units=before.units - absent)


def _is_off(unit: Unit) -> bool:
    return not unit.running and (unit.masked or unit.enabled.startswith("disabled"))


def _refuse_remaining(host: Host, manager: Manager, request: PatchRequest, run: PatchRun, error: str) -> list[str]:
    """Raise ClinicalError where a change is still there, or a package is installed only in part.

    What the package manager answered does not count, only what it has installed. Returns the names of kernels that stay
    because they run.
    """
    packages = manager.installed()
    remaining = present_changes(packages, stages.read_plan(host, run).changes)
    running = [change.name for change in remaining if _is_running_kernel(host, change)]
    states = {change.key: _describe(packages.get(change.key)) for change in remaining if change.name not in running}
    states.update({key: _describe(package) for key, package in packages.items() if not package.intact})
    if states:
        problem = ", ".join(f"{key} {state}" for key, state in sorted(states.items()))
        stages.move(host, run, ROLLING_BACK, request.at, f"{problem}: {error}")
        try_this = f"{manager.audit} says more. {stages.UNFINISHED_ADVICE}"
        raise ClinicalError("Rolling back", run.run_id, f"{problem}: {error}", try_this)
    return running


def _describe(package: InstalledPackage | None) -> str:
    if package is None:
        return "is not there"
    if package.intact:
        return f"is {package.version}"
    return f"is {package.version}, installed only in part"


def _refuse_unrestored(
    host: Host,
    manager: Manager,
    request: PatchRequest,
    run: PatchRun,
    restored: configuration.Restored,
    restarted: RestartOutcome,
) -> None:
    """Raise PatchFailed with the configuration files that are not what they were; the packages are back by then."""
    problem = " ".join(restored.problems)
    run = stages.move(host, run, ROLLING_BACK, request.at, problem)
    result = replace(outcome.result_of(host, manager, run, (), restarted), restored=restored.paths)
    try_this = f"The earlier packages are back. {stages.UNFINISHED_ADVICE}"
    raise PatchFailed(ClinicalError("Rolling back", run.run_id, problem, try_this), result)


def _made_room(manager: Manager, plan: Plan) -> list[PackageChange]:
    """Return the changes that removed the oldest of several versions."""
    packages = manager.installed()
    removed = [change for change in plan.changes if change.change == REMOVE and change.key in packages]
    return [change for change in removed if not packages[change.key].has(change.old)]


def _refuse_down(run: PatchRun, restarted: RestartOutcome, result: PatchResult) -> None:
    if restarted.down:
        problem = f"what worked before the run does not work now: {', '.join(restarted.down)}"
        raise PatchFailed(ClinicalError("Rolling back", run.run_id, problem, "The earlier versions are back."), result)


def _transaction(
    host: Host, manager: Manager, run: PatchRun, before: HostBefore, changes: Sequence[PackageChange], again: bool
) -> tuple[tuple[ServiceRequest, ...], str]:
    """Put everything back in one transaction, except for the kernel that runs.

    Returns what packages wanted of services meanwhile, and the manager's first line of complaint.
    """
    going = [change for change in changes if not _is_running_kernel(host, change)]
    names = {(change.name, change.arch) for change in going}
    packages = [package for package in before.kept if (package.name, package.arch) in names]
    if not going:
        return (), ""
    manager.suspend(again)
    try:
        done = manager.put_back(going, packages, run.log)
        if done.rc != 0:  # what was cut has to be finished before anything can be taken back
            manager.repair(run.log)
            done = manager.put_back(going, packages, run.log)
    finally:
        requests = manager.resume()
    return requests, done.err_line


def _is_running_kernel(host: Host, change: PackageChange) -> bool:
    """Return whether the change brought the kernel that runs, which cannot go."""
    release = host.read_text("/proc/sys/kernel/osrelease").strip()
    is_kernel = change.change == INSTALL and change.name.startswith(("linux-image", "kernel"))
    version = f"{change.new.rpartition(':')[2]}.{change.arch}"  # by which dnf tells kernels apart; apt does by the name
    return bool(release) and is_kernel and (release in change.name or release == version)


def _note_rolled_back(host: Host, request: PatchRequest, run: PatchRun, plan: Plan) -> None:
    entries = [ledger.entry(ledger.ROLLED_BACK, change, request.at, run=run.run_id) for change in plan.changes]
    ledger.add_once(host, run.run_id, entries)


def _hold(host: Host, manager: Manager, request: PatchRequest, run: PatchRun, plan: Plan) -> list[dict[str, Any]]:
    """Hold what was taken back, so that it does not come again at once; return a record of each hold.

    A package that somebody else holds is not held by us, so that it is not released with ours.
    """
    if not request.hold_days:
        return []
    packages = manager.installed()
    holds = [e for e in ledger.read(host).entries if e["what"] == ledger.HELD and e["run"] == run.run_id]
    known = {entry["name"] for entry in holds}
    present = [change for change in plan.changes if change.key in packages]
    beside = [change for change in present if is_beside(change, packages[change.key]) and change.change == INSTALL]
    changes = [change for change in present if change.old and not is_beside(change, packages[change.key])]
    ours = [change for change in (*changes, *beside) if change.name in known or not packages[change.key].held]
    until = format_stamp(request.inputs.now + timedelta(days=request.hold_days))
    records = [{"name": change.name, "version": change.new, "until": until, "run": run.run_id} for change in ours]
    ledger.add_once(host, run.run_id, [{**record, "what": ledger.HELD, "at": request.at} for record in records])
    manager.set_hold([change.key for change in ours], True)
    return records


def reopened(plan: Plan) -> tuple[Mapping[str, Any], ...]:
    """Return, for each security update of the plan, the CVEs and advisories that are open again without it."""
    return tuple(
        {"name": c.name, "from": c.new, "to": c.old, "cves": list(c.cves), "advisories": list(c.advisories)}
        for c in plan.changes
        if c.security
    )
