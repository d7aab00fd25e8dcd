# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is patched: planned, staged, applied. Rolling back is ``roll_back``.

Whoever comes here holds the lock, so a run that is at work on disk is one that was cut. What a step is about to do is
on disk before it is done, and what was done is read from the host, never remembered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from .._change import availability
from .._change.availability import Snapshot
from .._change.subjects.units import show
from .._errors import ClinicalError
from .._host.boot import boot_id
from .._host.door import CommandResult, Host
from .._host.sockets import Listener
from . import configuration, ledger, outcome, services
from . import plan as patch_plan
from . import stages as patch_stages
from . import unit as transaction_unit
from .manager import Manager, ServiceRequest
from .model import INSTALL, REMOVE, InstalledPackage, PackageChange, Plan, earlier_digest_of
from .plan import Planned
from .request import PatchFailed, PatchRequest, PatchResult, describe_kept, differences, summarise
from .services import RestartOutcome
from .space import lacking
from .stages import APPLIED, APPLYING, BROKEN, DROPPED, ROLLING_BACK, STAGED, STAGING, HostBefore, PatchRun

NOTHING = "Nothing was changed."


def report_plan(host: Host, manager: Manager, request: PatchRequest) -> PatchResult:
    """Return what the host would do now; outside of check mode, note what was seen for the first time."""
    planned = patch_plan.plan(host, manager, request.inputs)
    if not request.check:
        patch_plan.remember(host, planned, request.inputs.now)
    return _planned_result(planned, changed=False)


def _planned_result(planned: Planned, changed: bool, done: Sequence[PackageChange] = ()) -> PatchResult:
    return PatchResult(
        changed=changed,
        plan=planned.plan.as_result(),
        run=planned.plan.run,
        done=summarise(done),
        warnings=planned.warnings,
    )


# --- staged ---


def stage(host: Host, manager: Manager, request: PatchRequest) -> PatchResult:
    """Have everything on the host that the window would have to wait for, and change no package."""
    run = _newest_finished(host, (APPLYING, BROKEN, ROLLING_BACK))
    planned = patch_plan.plan(host, manager, request.inputs)
    plan = planned.plan
    _refuse_broken(planned, "Staging")
    if request.digest and request.digest != plan.digest:
        raise _moved_on(host, "Staging", request.digest, plan)
    ready = run if run is not None and run.stage == STAGED and run.digest == plan.digest else None
    if not plan.changes or (ready and not manager.missing(ready.archives, plan.changes)):
        return _staged_result(host, planned, ready, changed=False)
    _refuse_full(plan, "Staging")
    if request.check:
        return _planned_result(planned, changed=True, done=plan.changes)
    patch_plan.remember(host, planned, request.inputs.now)
    return _staged_result(host, planned, _download_and_keep(host, manager, request, plan, run), changed=True)


def _staged_result(host: Host, planned: Planned, run: PatchRun | None, changed: bool) -> PatchResult:
    result = _planned_result(planned, changed, planned.plan.changes if changed else ())
    if run is None:
        return replace(result, plan={**result.plan, "run": planned.plan.run})
    return replace(
        result,
        plan={**result.plan, "run": run.as_result()},
        run=run.as_result(),
        kept=describe_kept(patch_stages.read_before(host, run).kept),
    )


def _download_and_keep(
    host: Host, manager: Manager, request: PatchRequest, plan: Plan, run: PatchRun | None
) -> PatchRun:
    """Stage a run: one of the same plan that was cut goes on, one of another plan is dropped for a new one."""
    if run is not None and run.stage in (STAGING, STAGED) and run.digest != plan.digest:
        patch_stages.move(host, run, DROPPED, request.at, "another plan took its place")
        patch_stages.drop_archives(host, run)
        run = None
    if run is not None and run.stage in (STAGING, STAGED):
        run = patch_stages.move(host, run, STAGING, request.at)
    else:
        run = patch_stages.begin(host, request.run_id, plan, request.at)
    try:
        manager.fetch(run.archives, plan.changes)
        host.mkdir(patch_stages.KEPT, 0o700, 0, 0)
        packages = manager.keep(patch_stages.KEPT, plan.changes)
    except ClinicalError as error:
        patch_stages.move(host, run, STAGING, request.at, str(error))
        raise
    patch_stages.note_before(host, run, HostBefore(kept=packages))
    return patch_stages.move(host, run, STAGED, request.at)


# --- applied ---


def apply(host: Host, manager: Manager, request: PatchRequest) -> PatchResult:
    """Change exactly the set of the digest; a run of it that was cut is finished."""
    if not request.digest:
        raise ClinicalError(
            "Applying", "a plan", "no digest says which", f"{NOTHING} Name the digest that was approved."
        )
    transaction_unit.wait(host)
    run = patch_stages.newest(host)
    if run is not None and run.digest == request.digest and run.stage in (APPLYING, BROKEN, APPLIED):
        result = _continue(host, manager, request, run)
        if result is not None:
            return result
    run = _newest_finished(host, (APPLYING, BROKEN, ROLLING_BACK))
    planned = patch_plan.plan(host, manager, replace(request.inputs, refresh=False))
    if planned.observed.broken and request.repair:
        return _repair_first(host, manager, request, planned)
    _refuse_broken(planned, "Applying")
    if planned.plan.digest != request.digest:
        raise _moved_on(host, "Applying", request.digest, planned.plan)
    if not planned.plan.changes:
        return _planned_result(planned, changed=False)
    _refuse_full(planned.plan, "Applying")
    if request.check:
        return _planned_result(planned, changed=True, done=planned.plan.changes)
    patch_plan.remember(host, planned, request.inputs.now)
    return _begin(host, manager, request, planned, _staged_run(host, manager, request, planned.plan, run))


def _staged_run(host: Host, manager: Manager, request: PatchRequest, plan: Plan, run: PatchRun | None) -> PatchRun:
    """Return a run of the plan with everything on the host; it is staged now where it is not yet."""
    ready = run is not None and run.stage == STAGED and run.digest == plan.digest
    if run is not None and ready and not manager.missing(run.archives, plan.changes):
        return run
    return _download_and_keep(host, manager, request, plan, run)


def _continue(host: Host, manager: Manager, request: PatchRequest, run: PatchRun) -> PatchResult | None:
    """Finish the run of a digest that has begun before; None where the host has moved on since."""
    plan = patch_stages.read_plan(host, run)
    remaining = incomplete_changes(manager.installed(), plan.changes)
    if run.stage == APPLIED:
        if remaining:
            return None
        return PatchResult(changed=False, plan={**plan.as_result(), "run": run.as_result()}, run=run.as_result())
    if run.stage == BROKEN and not request.repair:
        problem = f"run {run.run_id} failed: {run.why}"
        raise ClinicalError("Applying", run.digest, problem, patch_stages.STAGE_ADVICE[BROKEN])
    if request.check:
        return PatchResult(changed=True, plan=plan.as_result(), run=run.as_result(), done=summarise(remaining))
    return _carry_out(host, manager, request, run, cut=True)


def _repair_first(host: Host, manager: Manager, request: PatchRequest, planned: Planned) -> PatchResult:
    """Finish what somebody else left half done, and then apply."""
    broken = planned.observed.broken
    if request.check:
        return replace(_planned_result(planned, changed=True), warnings=broken)
    ledger.make_folder(host)
    done = manager.repair(ledger.REPAIR_LOG)
    still_broken = patch_plan.plan(host, manager, replace(request.inputs, refresh=False)).observed.broken
    if still_broken:
        problem = f"{'; '.join(still_broken)}: {done.err_line}"
        raise ClinicalError("Repairing", "the packages", problem, f"A person has to look at it: {manager.audit}")
    result = apply(host, manager, replace(request, repair=False))
    return replace(result, changed=True, warnings=(*result.warnings, *(f"repaired: {why}" for why in broken)))


def _begin(host: Host, manager: Manager, request: PatchRequest, planned: Planned, run: PatchRun) -> PatchResult:
    """Write down what the host is, and go to work."""
    released = planned.ledger.expired(request.at)
    packages = manager.installed()  # what is compared with it afterwards is read in the same way
    if released:
        manager.set_hold([key for key, package in packages.items() if package.name in released], False)
        entry = {"what": ledger.RELEASED, "at": request.at, "run": run.run_id}
        ledger.add(host, [{**entry, "name": name} for name in released])
    holds = [key for key, package in packages.items() if package.held and package.name not in released]
    working = availability.take_snapshot(host)
    before = replace(
        patch_stages.read_before(host, run),
        holds=tuple(sorted(holds)),
        marks=manager.marks(),
        files=configuration.capture(host, manager.configuration(planned.plan.changes)),
        units=tuple(sorted(working.units)),
        listeners=tuple(asdict(listener) for listener in working.listeners),
        boot=boot_identity(host),
    )
    patch_stages.note_before(host, run, before)
    return _carry_out(host, manager, request, patch_stages.move(host, run, APPLYING, request.at))


def _carry_out(host: Host, manager: Manager, request: PatchRequest, run: PatchRun, cut: bool = False) -> PatchResult:
    """Install the set, restart what has to be restarted, and note how it ended. ``cut`` goes on with a cut run."""
    plan, before = patch_stages.read_plan(host, run), patch_stages.read_before(host, run)
    if cut:
        run = patch_stages.move(host, run, APPLYING, request.at)
        _fetch_again(manager, run, plan)
    done, requests = _transaction(manager, run, plan.changes, cut)
    packages = manager.installed()
    if not cut and incomplete_changes(packages, plan.changes) and not present_changes(packages, plan.changes):
        run = patch_stages.move(host, run, STAGED, request.at, done.err_line)
        raise ClinicalError("Applying", run.digest, done.err_line, f"{NOTHING} The run is staged still.")
    manager.set_marks(before.marks, plan.changes)
    _restore_holds(manager, packages, before)
    restarted = services.settle(host, requests, request.restart, request.restart_order, working_before(host, before))
    return _finish(host, manager, request, run, done, restarted)


def _fetch_again(manager: Manager, run: PatchRun, plan: Plan) -> None:
    """Download what somebody has removed of a cut run; the rest lies there still."""
    if manager.missing(run.archives, plan.changes):
        manager.fetch(run.archives, plan.changes)


def _transaction(
    manager: Manager, run: PatchRun, changes: Sequence[PackageChange], cut: bool
) -> tuple[CommandResult, tuple[ServiceRequest, ...]]:
    """Install the changes; return how that ended, and what packages wanted of services meanwhile."""
    manager.suspend(cut)
    try:
        if cut:
            manager.repair(run.log)
        done = manager.install(run.archives, changes, run.log)
    finally:
        requests = manager.resume()
    return done, requests


def _finish(
    host: Host,
    manager: Manager,
    request: PatchRequest,
    run: PatchRun,
    done: CommandResult,
    restarted: RestartOutcome,
) -> PatchResult:
    """Write down what the host is now, and return it; raise PatchFailed where that is not what was requested."""
    plan, before = patch_stages.read_plan(host, run), patch_stages.read_before(host, run)
    remaining = incomplete_changes(manager.installed(), plan.changes)
    changed = [change for change in plan.changes if change not in remaining]
    _note_after(host, manager, run, plan, before)
    entries = [ledger.entry(ledger.INSTALLED, change, request.at, run=run.run_id) for change in changed]
    ledger.add_once(host, run.run_id, entries)
    if remaining:
        why = f"{', '.join(change.name for change in remaining)}: {done.err_line}"
        run = patch_stages.move(host, run, BROKEN, request.at, why)
        problem = f"{why}. {len(changed)} of {len(plan.changes)} packages were changed"
        error = ClinicalError("Applying", run.digest, problem, patch_stages.STAGE_ADVICE[BROKEN])
        raise PatchFailed(error, outcome.result_of(host, manager, run, changed, restarted))
    run = patch_stages.move(host, run, APPLIED, request.at, outcome.down_since(restarted))
    result = outcome.result_of(host, manager, run, changed, restarted)
    patch_stages.drop_archives(host, run)
    patch_stages.prune(host, request.keep)
    if restarted.down:
        problem = f"what worked before does not work now: {', '.join(restarted.down)}"
        hint = f"Roll it back: state rolled_back, run_id {run.run_id}."
        raise PatchFailed(ClinicalError("Applying", run.digest, problem, hint), result)
    return result


def _note_after(host: Host, manager: Manager, run: PatchRun, plan: Plan, before: HostBefore) -> None:
    paths = dict.fromkeys((*before.files, *manager.configuration(plan.changes)))
    patch_stages.note_after(host, run, configuration.checksums(host, paths))


def _restore_holds(manager: Manager, packages: Mapping[str, InstalledPackage], before: HostBefore) -> None:
    """Make the holds what they were; a package that is gone cannot be held."""
    held = {key for key, package in packages.items() if package.held}
    manager.set_hold(sorted(held - set(before.holds)), False)
    manager.set_hold(sorted((set(before.holds) - held) & set(packages)), True)


# --- shared with rolling back ---


def boot_identity(host: Host) -> str:
    """Return which boot this is; in a container, whose kernel does not start anew, when its first process began."""
    fields = host.read_text("/proc/1/stat").rpartition(")")[2].split()
    began = fields[19] if len(fields) > 19 else ""
    return f"{boot_id(host)} {began}"


def working_before(host: Host, before: HostBefore) -> Snapshot:
    """Return what worked before the run and has to work after it.

    After a power loss, units that only run at a boot are not missed; those that failed are.
    """
    units = before.units
    if before.boot != boot_identity(host):
        units = tuple(name for name, unit in show(host, units).items() if unit.running or unit.active == "failed")
    return Snapshot(tuple(Listener(**listener) for listener in before.listeners), frozenset(units))


def incomplete_changes(
    packages: Mapping[str, InstalledPackage], changes: Sequence[PackageChange]
) -> list[PackageChange]:
    """Return the changes that the host does not have, or has only in part."""
    return [change for change in changes if not _is_done(change, packages.get(change.key))]


def present_changes(packages: Mapping[str, InstalledPackage], changes: Sequence[PackageChange]) -> list[PackageChange]:
    """Return the changes that the host has, entirely or in part: its package is not whole, or not the earlier one."""
    return [change for change in changes if not _is_undone(change, packages.get(change.key))]


def _is_undone(change: PackageChange, package: InstalledPackage | None) -> bool:
    if package is not None and is_beside(change, package):  # the oldest one that went does not come back
        return change.change == REMOVE or not package.has(change.new)
    version = package.version if package else ""
    return version == change.old and (package is None or package.intact)


def _is_done(change: PackageChange, package: InstalledPackage | None) -> bool:
    if change.change == REMOVE:
        return package is None or (is_beside(change, package) and not package.has(change.old))
    return package is not None and package.has(change.new) and package.intact


def is_beside(change: PackageChange, package: InstalledPackage) -> bool:
    """Return whether the change brings or removes one of several versions that stand beside each other."""
    return package.side_by_side and change.change in (INSTALL, REMOVE)


# --- refusals ---


def _newest_finished(host: Host, unfinished: Sequence[str]) -> PatchRun | None:
    """Return the newest run, if any; raises ClinicalError where it is at a stage that has to be finished first."""
    run = patch_stages.newest(host)
    if run is not None and run.stage in unfinished:
        problem = f"run {run.run_id} of {run.digest} is {run.stage}{': ' + run.why if run.why else ''}"
        raise ClinicalError("Patching", "this host", problem, patch_stages.STAGE_ADVICE[run.stage])
    return run


def _refuse_broken(planned: Planned, doing: str) -> None:
    if planned.observed.broken:
        problem = "; ".join(planned.observed.broken)
        raise ClinicalError(doing, "the packages", problem, f"{NOTHING} With repair it is finished first.")


def _refuse_full(plan: Plan, doing: str) -> None:
    full = lacking(plan.space)
    if full:
        raise ClinicalError(doing, plan.digest, "; ".join(full), f"{NOTHING} Make room, then run again.")


def _moved_on(host: Host, doing: str, digest: str, plan: Plan) -> ClinicalError:
    """Return the error for a digest that is not what this host would do now, with the difference where it is known."""
    run = next((run for run in reversed(patch_stages.runs(host)) if run.digest == digest), None)
    problem = f"this host would now do {plan.digest}" + (" (nothing)" if not plan.changes else "")
    if digest == earlier_digest_of(plan.changes):
        problem = (
            "it is of an earlier release, whose digests did not say where packages come from and which bytes they are;"
            f" the same packages are now {plan.digest}"
        )
    elif run is not None:
        problem += f": {differences(patch_stages.read_plan(host, run), plan)}"
    return ClinicalError(doing, digest, problem, f"{NOTHING} Plan again and have that approved.")
