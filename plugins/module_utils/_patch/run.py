# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that is patched: planned, staged, applied. Rolling back is beside it. Private to the collection.

Whoever comes here holds the lock, so a run that is at work on disk is one that was cut. What a step is about to do is
on disk before it is done, and what was done is read from the host, never remembered.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import List, Mapping, Optional, Sequence, Tuple

from .._change import availability
from .._change.availability import Snapshot
from .._change.subjects.units import show
from .._errors import ClinicalError
from .._host.boot import boot_id
from .._host.door import CommandResult, Host
from .._host.sockets import Listener
from . import configuration, ledger, restarts, services
from . import plan as patch_plan
from . import stages as patch_stages
from . import unit as transaction_unit
from .manager import Asked, Manager
from .model import REMOVE, Change, Package, Plan, key_of
from .plan import Planned
from .request import Answer, Stopped, Wish, differences, kept_words, words
from .services import Settled
from .space import lacking
from .stages import APPLIED, APPLYING, BROKEN, DROPPED, ROLLING_BACK, STAGED, STAGING, Before, Run

NOTHING = "Nothing was changed."


def planned(host: Host, manager: Manager, wish: Wish) -> Answer:
    found = patch_plan.plan(host, manager, wish.question)
    if not wish.check:
        patch_plan.remember(host, found, wish.question.now)
    return Answer(False, found.plan.plain(), found.plan.run, warnings=found.warnings)


# --- staged ---


def staged(host: Host, manager: Manager, wish: Wish) -> Answer:
    """Everything that the window would have to wait for."""
    run = _unfinished(host, (APPLYING, BROKEN, ROLLING_BACK))
    found = patch_plan.plan(host, manager, wish.question)
    plan = found.plan
    _refuse_broken(found, "Staging")
    if wish.digest and wish.digest != plan.digest:
        raise _moved_on(host, "Staging", wish.digest, plan)
    ready = run is not None and run.stage == STAGED and run.digest == plan.digest
    if not plan.changes or (run and ready and not manager.missing(run.archives, plan.changes)):
        return _told_staged(host, found, run if ready else None, False)
    _refuse_full(plan, "Staging")
    if wish.check:
        return Answer(True, plan.plain(), plan.run, words(plan.changes), warnings=found.warnings)
    patch_plan.remember(host, found, wish.question.now)
    return _told_staged(host, found, _stage(host, manager, wish, plan, run), True)


def _told_staged(host: Host, found: Planned, run: Optional[Run], changed: bool) -> Answer:
    kept = patch_stages.before_of(host, run).kept if run else ()
    told = run.told() if run else found.plan.run
    done = words(found.plan.changes) if changed else ()
    return Answer(changed, {**found.plan.plain(), "run": told}, told, done, kept_words(kept), warnings=found.warnings)


def _stage(host: Host, manager: Manager, wish: Wish, plan: Plan, run: Optional[Run]) -> Run:
    """Download and keep; a run of the same plan that was cut goes on, one of another plan is dropped."""
    if run is not None and run.stage in (STAGING, STAGED) and run.digest != plan.digest:
        patch_stages.move(host, run, DROPPED, wish.at, "another plan took its place")
        patch_stages.drop_archives(host, run)
        run = None
    if run is not None and run.stage in (STAGING, STAGED):
        run = patch_stages.move(host, run, STAGING, wish.at)
    else:
        run = patch_stages.begin(host, wish.run_id, plan, wish.at)
    try:
        manager.fetch(run.archives, plan.changes)
        host.mkdir(patch_stages.KEPT, 0o700, 0, 0)
        kept = manager.keep(patch_stages.KEPT, plan.changes)
    except ClinicalError as error:
        patch_stages.move(host, run, STAGING, wish.at, str(error))
        raise
    patch_stages.note_before(host, run, Before(kept=kept))
    return patch_stages.move(host, run, STAGED, wish.at)


# --- applied ---


def applied(host: Host, manager: Manager, wish: Wish) -> Answer:
    """Exactly the set of the digest; a run of it that was cut is finished."""
    if not wish.digest:
        raise ClinicalError(
            "Applying", "a plan", "no digest says which", f"{NOTHING} Name the digest that was approved."
        )
    transaction_unit.wait(host)
    run = patch_stages.newest(host)
    if run is not None and run.digest == wish.digest and run.stage in (APPLYING, BROKEN, APPLIED):
        again = _again(host, manager, wish, run)
        if again is not None:
            return again
    run = _unfinished(host, (APPLYING, BROKEN, ROLLING_BACK))
    found = patch_plan.plan(host, manager, replace(wish.question, refresh=False))
    if found.observed.broken and wish.repair:
        return _repaired(host, manager, wish, found)
    _refuse_broken(found, "Applying")
    if found.plan.digest != wish.digest:
        raise _moved_on(host, "Applying", wish.digest, found.plan)
    if not found.plan.changes:
        return Answer(False, found.plan.plain(), found.plan.run, warnings=found.warnings)
    _refuse_full(found.plan, "Applying")
    if wish.check:
        return Answer(True, found.plan.plain(), found.plan.run, words(found.plan.changes), warnings=found.warnings)
    patch_plan.remember(host, found, wish.question.now)
    ready = run is not None and run.stage == STAGED and run.digest == wish.digest
    if not ready or (run and manager.missing(run.archives, found.plan.changes)):
        run = _stage(host, manager, wish, found.plan, run)
    return _begin(host, manager, wish, found, run) if run else Answer(False)


def _again(host: Host, manager: Manager, wish: Wish, run: Run) -> Optional[Answer]:
    """The answer to a digest whose run has begun before; None where the host has moved on since."""
    plan = patch_stages.plan_of(host, run)
    left = undone(manager.installed(), plan.changes)
    if run.stage == APPLIED:
        return None if left else Answer(False, {**plan.plain(), "run": run.told()}, run.told())
    if run.stage == BROKEN and not wish.repair:
        raise ClinicalError("Applying", run.digest, f"run {run.run_id} failed: {run.why}", patch_stages.LEFT[BROKEN])
    if wish.check:
        return Answer(True, plan.plain(), run.told(), words(left))
    return _carry_out(host, manager, wish, run, cut=True)


def _repaired(host: Host, manager: Manager, wish: Wish, found: Planned) -> Answer:
    """Finish what somebody else left half done, and then begin."""
    if wish.check:
        return Answer(True, found.plan.plain(), found.plan.run, warnings=found.observed.broken)
    ledger.make_folder(host)
    done = manager.repair(ledger.REPAIR_LOG)
    left = patch_plan.plan(host, manager, replace(wish.question, refresh=False)).observed.broken
    if left:
        saw = f"{'; '.join(left)}: {done.err_line}"
        raise ClinicalError("Repairing", "the packages", saw, "A person has to look at it: dpkg --audit")
    answer = applied(host, manager, replace(wish, repair=False))
    return replace(
        answer, changed=True, warnings=(*answer.warnings, *(f"repaired: {why}" for why in found.observed.broken))
    )


def _begin(host: Host, manager: Manager, wish: Wish, found: Planned, run: Run) -> Answer:
    """Write down what the host is, and go to work."""
    changes = found.plan.changes
    free = found.ledger.expired(wish.at)
    if free:
        manager.set_hold(free, False)
        ledger.add(host, [{"what": ledger.RELEASED, "at": wish.at, "name": name, "run": run.run_id} for name in free])
    seen = availability.take_snapshot(host)
    before = replace(
        patch_stages.before_of(host, run),
        holds=tuple(
            sorted(key for key, package in found.observed.packages.items() if package.held and package.name not in free)
        ),
        marks=manager.marks(),
        files=configuration.capture(host, manager.configuration(changes)),
        units=tuple(sorted(seen.units)),
        listeners=tuple(asdict(one) for one in seen.listeners),
        boot=boot_of(host),
    )
    patch_stages.note_before(host, run, before)
    return _carry_out(host, manager, wish, patch_stages.move(host, run, APPLYING, wish.at))


def _carry_out(host: Host, manager: Manager, wish: Wish, run: Run, cut: bool = False) -> Answer:
    plan, before = patch_stages.plan_of(host, run), patch_stages.before_of(host, run)
    if cut:
        run = patch_stages.move(host, run, APPLYING, wish.at)
        _fetch_again(manager, run, plan)
    done, asked = _transaction(manager, run, plan.changes, cut)
    packages = manager.installed()
    left = undone(packages, plan.changes)
    if left and not cut and untouched(packages, plan.changes):
        run = patch_stages.move(host, run, STAGED, wish.at, done.err_line)
        raise ClinicalError("Applying", run.digest, done.err_line, f"{NOTHING} The run is staged still.")
    manager.set_marks(before.marks, plan.changes)
    _same_holds(manager, packages, before)
    settled = services.settle(host, asked, wish.restart, wish.restart_order, seen_of(host, before))
    return _ended(host, manager, wish, run, done, settled)


def _fetch_again(manager: Manager, run: Run, plan: Plan) -> None:
    """The downloads of a cut run lie there still, unless somebody has removed them."""
    if manager.missing(run.archives, plan.changes):
        manager.fetch(run.archives, plan.changes)


def _transaction(
    manager: Manager, run: Run, changes: Sequence[Change], cut: bool
) -> Tuple[CommandResult, Tuple[Asked, ...]]:
    manager.suspend(cut)
    try:
        if cut:
            manager.repair(run.log)
        done = manager.install(run.archives, changes, run.log)
    finally:
        asked = manager.resume()
    return done, asked


def _ended(host: Host, manager: Manager, wish: Wish, run: Run, done: CommandResult, settled: Settled) -> Answer:
    """Write down what is there now, and tell it."""
    plan, before = patch_stages.plan_of(host, run), patch_stages.before_of(host, run)
    left = undone(manager.installed(), plan.changes)
    changed = [change for change in plan.changes if change not in left]
    _note_after(host, manager, run, plan, before)
    ledger.add_once(host, run.run_id, [ledger.entry(ledger.INSTALLED, c, wish.at, run=run.run_id) for c in changed])
    why = _broken_words(left, done) if left else f"down since: {', '.join(settled.down)}" if settled.down else ""
    run = patch_stages.move(host, run, BROKEN if left else APPLIED, wish.at, why)
    answer = _answer(host, manager, run, plan, changed, settled)
    if left:
        saw = f"{why}. {len(changed)} of {len(plan.changes)} packages were changed"
        raise Stopped(ClinicalError("Applying", run.digest, saw, patch_stages.LEFT[BROKEN]), answer)
    patch_stages.drop_archives(host, run)
    patch_stages.prune(host, wish.keep)
    if settled.down:
        saw = f"what worked before does not work now: {', '.join(settled.down)}"
        hint = f"Roll it back: state rolled_back, run_id {run.run_id}."
        raise Stopped(ClinicalError("Applying", run.digest, saw, hint), answer)
    return answer


def _answer(host: Host, manager: Manager, run: Run, plan: Plan, changed: Sequence[Change], settled: Settled) -> Answer:
    running = restarts.running(host)
    reboot = restarts.reboot(host, running, manager.kernels(manager.installed()))
    return Answer(
        True,
        {**plan.plain(), "run": run.told()},
        run.told(),
        words(changed),
        kept_words(patch_stages.before_of(host, run).kept),
        settled.restarted,
        settled.to_restart,
        settled.down,
        running.services(),
        {"needed": reboot.needed, "why": list(reboot.why)},
    )


def _note_after(host: Host, manager: Manager, run: Run, plan: Plan, before: Before) -> None:
    paths = dict.fromkeys((*before.files, *manager.configuration(plan.changes)))
    patch_stages.note_after(host, run, configuration.checksums(host, paths))


def _broken_words(left: Sequence[Change], done: CommandResult) -> str:
    return f"{', '.join(change.name for change in left)}: {done.err_line}"


def _same_holds(manager: Manager, packages: Mapping[str, Package], before: Before) -> None:
    now = {key for key, package in packages.items() if package.held}
    manager.set_hold(sorted(now - set(before.holds)), False)
    manager.set_hold(sorted((set(before.holds) - now) & set(packages)), True)


# --- shared with rolling back ---


def boot_of(host: Host) -> str:
    """Which boot this is; in a container, whose kernel does not start anew, when its first process began."""
    boot = boot_id(host)
    first = host.read_text("/proc/1/stat").rpartition(")")[2].split()
    return f"{boot} {first[19] if len(first) > 19 else ''}"


def seen_of(host: Host, before: Before) -> Snapshot:
    """What worked before. After a power loss, units that only run at a boot are not missed; those that failed are."""
    units = before.units
    if before.boot != boot_of(host):
        units = tuple(name for name, unit in show(host, units).items() if unit.running or unit.active == "failed")
    return Snapshot(tuple(Listener(**one) for one in before.listeners), frozenset(units))


def undone(packages: Mapping[str, Package], changes: Sequence[Change]) -> List[Change]:
    """The changes that the host does not have, or has only in part."""
    left = []
    for change in changes:
        package = packages.get(key_of(change.name, change.arch))
        if change.change == REMOVE:
            there = package is not None
        else:
            there = package is None or package.version != change.new or not package.whole
        if there:
            left.append(change)
    return left


def untouched(packages: Mapping[str, Package], changes: Sequence[Change]) -> bool:
    """Whether nothing at all was changed."""
    for change in changes:
        package = packages.get(change.key)
        if (package.version if package else "") != change.old or not (package is None or package.whole):
            return False
    return True


def _unfinished(host: Host, stages: Sequence[str]) -> Optional[Run]:
    """The newest run; refuses where that has to be finished first."""
    run = patch_stages.newest(host)
    if run is not None and run.stage in stages:
        saw = f"run {run.run_id} of {run.digest} is {run.stage}{': ' + run.why if run.why else ''}"
        raise ClinicalError("Patching", "this host", saw, patch_stages.LEFT[run.stage])
    return run


def _refuse_broken(found: Planned, doing: str) -> None:
    if found.observed.broken:
        saw = "; ".join(found.observed.broken)
        raise ClinicalError(doing, "the packages", saw, f"{NOTHING} With repair it is finished first.")


def _refuse_full(plan: Plan, doing: str) -> None:
    full = lacking(plan.space)
    if full:
        raise ClinicalError(doing, plan.digest, "; ".join(full), f"{NOTHING} Make room, then run again.")


def _moved_on(host: Host, doing: str, digest: str, plan: Plan) -> ClinicalError:
    """The digest is not what this host would do now; where it is known what it was, the difference is told."""
    run = next((one for one in reversed(patch_stages.runs(host)) if one.digest == digest), None)
    saw = f"this host would now do {plan.digest}" + (" (nothing)" if not plan.changes else "")
    if run is not None:
        saw += f": {differences(patch_stages.plan_of(host, run), plan)}"
    return ClinicalError(doing, digest, saw, f"{NOTHING} Plan again and have that approved.")
