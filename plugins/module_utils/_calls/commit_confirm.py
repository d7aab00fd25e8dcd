# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module commit_confirm: its options become a request, and what came of it the module's result."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._change import lock
from .._errors import ClinicalError
from .._guard import commit_confirm, record, reverter
from .._guard.commit_confirm import GuardRequest, GuardResult
from .._guard.exclusive import exclusive
from .._host.real import RealHost
from .._vocabulary.run_id import RunId


def answer(params: Mapping[str, Any], check: bool, _diff: bool) -> dict[str, Any]:
    """Return the result of the module for its options, also of a call that failed."""
    try:
        wanted = request(params)
    except ClinicalError as error:
        return {"failed": True, "msg": str(error)}
    try:
        result = asdict(carry_out(wanted, params["state"], check))
    except ClinicalError as error:
        guard = record.guard_of_run(RealHost(), wanted.run_id)
        return {"failed": True, "msg": str(error), "run_id": wanted.run_id, "guard": guard}
    if params["state"] != "reverted":
        del result["restored"]
    return result


def request(params: Mapping[str, Any]) -> GuardRequest:
    """Return what the options ask for; a guard that is armed gets a name where the task gives it none.

    Raises ClinicalError where an id cannot name a run.
    """
    named = params["run_id"] or params["state"] == "armed"
    return GuardRequest(
        run_id=RunId.of_option(params["run_id"]) if named else "",
        paths=tuple(params["paths"]),
        units=tuple(params["units"]),
        commands=tuple(params["commands"]),
        confirm_within=params["confirm_within"],
        break_glass_users=tuple(params["break_glass_users"]),
        journal_keep=params["journal_keep"],
        why=params["why"],
        watch_next_boot=params["watch_next_boot"],
    )


def carry_out(wanted: GuardRequest, state: str, check: bool) -> GuardResult:
    """Do what the task asks for, under the lock of all runs unless nothing can be changed."""
    host = RealHost()
    if state == "status":
        return commit_confirm.status(host, wanted)
    if state == "armed":
        return _arm(host, wanted, check)
    act = {"confirmed": commit_confirm.confirm, "reverted": commit_confirm.revert}[state]
    # A run that is at work, or the revert itself, ends before it is asked.
    holder = wanted.run_id or reverter.NAME
    with contextlib.nullcontext() if check else lock.held(holder, patience=reverter.PATIENCE):
        return act(host, wanted, check)


def _arm(host: RealHost, wanted: GuardRequest, check: bool) -> GuardResult:
    with exclusive(host, wanted.run_id, check) as warnings:
        result = commit_confirm.arm(host, wanted, check)
    result.warnings[:0] = warnings
    return result
