# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The earlier versions again, from the packages that were kept. Private to the collection."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, List, Mapping, Sequence, Tuple

from .._errors import ClinicalError
from .._host.door import Host
from .._vocabulary.stamp import format_stamp
from . import configuration, ledger, restarts, services, stages, unit
from .manager import Asked, Kept, Manager
from .model import INSTALL, Change, Package, Plan
from .request import Answer, Stopped, Wish, kept_words, words
from .run import NOTHING, seen_of
from .stages import APPLIED, APPLYING, BROKEN, ROLLED_BACK, ROLLING_BACK, Before, Run


def rolled_back(host: Host, manager: Manager, wish: Wish) -> Answer:
    """Take a run back; one that was cut while it was taken back is finished."""
    unit.wait(host)
    run = stages.find(host, wish.run_id or _newest_changed(host))
    plan = stages.plan_of(host, run)
    if run.stage == ROLLED_BACK:
        return Answer(False, {**plan.plain(), "run": run.told()}, run.told(), reopened=reopened(plan))
    if run.stage not in (APPLYING, BROKEN, APPLIED, ROLLING_BACK):
        raise ClinicalError("Rolling back", run.run_id, f"it is {run.stage}, so it changed nothing", NOTHING)
    before, packages = stages.before_of(host, run), manager.installed()
    _refuse_drift(run, plan, packages)
    back = _to_go_back(plan, packages)
    _refuse_incomplete(manager, run, before, back)
    if wish.check:
        return Answer(True, plan.plain(), run.told(), words(back), reopened=reopened(plan))
    again = run.stage == ROLLING_BACK
    if not again:
        stages.note_drift(host, run, configuration.changed_since(host, stages.after_of(host, run)))
    return _carry_out(host, manager, wish, stages.move(host, run, ROLLING_BACK, wish.at), back, again)


def _newest_changed(host: Host) -> str:
    runs = [run for run in stages.runs(host) if run.stage in (APPLYING, BROKEN, APPLIED, ROLLING_BACK)]
    return runs[-1].run_id if runs else ""


def _refuse_drift(run: Run, plan: Plan, packages: Mapping[str, Package]) -> None:
    """What somebody has changed since is not ours to take back."""
    strange = [
        f"{change.name} is {packages[change.key].version}"
        for change in plan.changes
        if change.key in packages and packages[change.key].version not in (change.old, change.new)
    ]
    if strange:
        saw = f"packages were changed since: {'; '.join(strange)}"
        raise ClinicalError("Rolling back", run.run_id, saw, f"{NOTHING} Roll the later run back first.")


def _to_go_back(plan: Plan, packages: Mapping[str, Package]) -> List[Change]:
    """The changes that the host has, whole or in part."""
    found = []
    for change in plan.changes:
        package = packages.get(change.key)
        there = package.version if package else ""
        if there != change.old or (package is not None and not package.whole):
            found.append(change)
    return found


def _refuse_incomplete(manager: Manager, run: Run, before: Before, back: Sequence[Change]) -> None:
    files = {(one.name, one.arch): one for one in before.kept}
    missing = [c.name for c in back if c.old and (c.name, c.arch) not in files]
    damaged = manager.damaged([files[(c.name, c.arch)] for c in back if (c.name, c.arch) in files])
    if missing or damaged:
        saw = f"the earlier packages are not whole: {', '.join((*missing, *damaged))}"
        raise ClinicalError("Rolling back", run.run_id, saw, f"{NOTHING} Have them from a backup, or go forward.")


def _carry_out(host: Host, manager: Manager, wish: Wish, run: Run, back: Sequence[Change], again: bool) -> Answer:
    plan, before = stages.plan_of(host, run), stages.before_of(host, run)
    asked, error = _transaction(host, manager, run, before, back, again)
    left = _to_go_back(plan, manager.installed())
    stay = [change.name for change in left if change.change == INSTALL and _runs(host, change)]
    if [change for change in left if change.name not in stay]:
        stages.move(host, run, ROLLING_BACK, wish.at, error)
        names = ", ".join(change.name for change in left)
        raise ClinicalError("Rolling back", run.run_id, f"{names}: {error}", stages.LEFT[ROLLING_BACK])
    drifted = stages.drift_of(host, run)
    restored = configuration.restore(host, before.files, stages.after_of(host, run), drifted)
    manager.set_marks(before.marks, ())
    held = _hold(host, manager, wish, run, plan)
    settled = services.settle(host, asked, wish.restart, wish.restart_order, seen_of(host, before))
    ledger.add_once(
        host, run.run_id, [ledger.entry(ledger.ROLLED_BACK, c, wish.at, run=run.run_id) for c in plan.changes]
    )
    run = stages.move(host, run, ROLLED_BACK, wish.at, f"down since: {', '.join(settled.down)}" if settled.down else "")
    running = restarts.running(host)
    reboot = restarts.reboot(host, running, manager.kernels(manager.installed()))
    answer = Answer(
        True,
        {**plan.plain(), "run": run.told()},
        run.told(),
        words(back),
        kept_words(before.kept),
        settled.restarted,
        settled.to_restart,
        settled.down,
        running.services(),
        {"needed": reboot.needed, "why": list(reboot.why)},
        reopened(plan),
        restored,
        tuple(held),
        tuple(f"{path} was changed since and stays as it is" for path in drifted)
        + tuple(f"{name} stays: its kernel is the one that runs" for name in stay),
    )
    if settled.down:
        saw = f"what worked before the run does not work now: {', '.join(settled.down)}"
        raise Stopped(ClinicalError("Rolling back", run.run_id, saw, "The earlier versions are back."), answer)
    return answer


def _transaction(
    host: Host, manager: Manager, run: Run, before: Before, back: Sequence[Change], again: bool
) -> Tuple[Tuple[Asked, ...], str]:
    """One transaction of everything that goes back; the kernel that runs is left where it is."""
    going = [change for change in back if not (change.change == INSTALL and _runs(host, change))]
    names = {(change.name, change.arch) for change in going}
    kept: List[Kept] = [one for one in before.kept if (one.name, one.arch) in names]
    if not going:
        return (), ""
    manager.suspend(again)
    try:
        done = manager.put_back(going, kept, run.log)
        if done.rc != 0:  # what was cut has to be finished before anything can be taken back
            manager.repair(run.log)
            done = manager.put_back(going, kept, run.log)
    finally:
        asked = manager.resume()
    return asked, done.err_line


def _runs(host: Host, change: Change) -> bool:
    release = host.read_text("/proc/sys/kernel/osrelease").strip()
    return bool(release) and change.name.startswith(("linux-image", "kernel")) and release in change.name


def _hold(host: Host, manager: Manager, wish: Wish, run: Run, plan: Plan) -> List[Dict[str, Any]]:
    """What was bad does not come back at once. What somebody else holds is theirs, and is not released with ours."""
    if not wish.hold_days:
        return []
    packages = manager.installed()
    known = {e["name"] for e in ledger.read(host).entries if e["what"] == ledger.HELD and e["run"] == run.run_id}
    back = [change for change in plan.changes if change.old and change.key in packages]
    ours = [change for change in back if change.name in known or not packages[change.key].held]
    until = format_stamp(wish.question.now + timedelta(days=wish.hold_days))
    held = [{"name": change.name, "version": change.new, "until": until, "run": run.run_id} for change in ours]
    ledger.add_once(host, run.run_id, [{**one, "what": ledger.HELD, "at": wish.at} for one in held])
    manager.set_hold([change.key for change in ours], True)
    return held


def reopened(plan: Plan) -> Tuple[Mapping[str, Any], ...]:
    """What the versions that are gone again had closed."""
    return tuple(
        {"name": c.name, "from": c.new, "to": c.old, "cves": list(c.cves), "advisories": list(c.advisories)}
        for c in plan.changes
        if c.security
    )
