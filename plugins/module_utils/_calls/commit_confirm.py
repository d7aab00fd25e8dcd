# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module commit_confirm: its options become a request, and what came of it its result. Private."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from typing import Any, Mapping

from .._change import lock
from .._errors import ClinicalError
from .._guard import commit_confirm, record, reverter
from .._host.real import RealHost
from .._vocabulary.run_id import new_run_id


def answer(params: Mapping[str, Any], check: bool, _diff: bool) -> dict[str, Any]:
    wanted = request(params)
    try:
        told = asdict(carry_out(wanted, params["state"], check))
    except ClinicalError as error:
        guard = record.guard_of_run(RealHost(), wanted.run_id)
        return {"failed": True, "msg": str(error), "run_id": wanted.run_id, "guard": guard}
    if params["state"] != "reverted":
        del told["restored"]
    return told


def request(params: Mapping[str, Any]) -> commit_confirm.GuardRequest:
    return commit_confirm.GuardRequest(
        params["run_id"] or (new_run_id() if params["state"] == "armed" else ""),
        tuple(params["paths"]),
        tuple(params["units"]),
        tuple(params["commands"]),
        params["confirm_within"],
        tuple(params["break_glass_users"]),
        params["journal_keep"],
        params["why"],
    )


def carry_out(wanted: commit_confirm.GuardRequest, state: str, check: bool) -> commit_confirm.GuardResult:
    host = RealHost()
    if state == "status":
        return commit_confirm.status(host, wanted)
    act = {"armed": commit_confirm.arm, "confirmed": commit_confirm.confirm, "reverted": commit_confirm.revert}[state]
    # A run that is at work, or the revert itself, ends before it is asked.
    patience = 0.0 if state == "armed" else reverter.PATIENCE
    with contextlib.nullcontext() if check else lock.held(wanted.run_id or state, patience=patience):
        return act(host, wanted, check)
