# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module service_config: what was rendered becomes a request, and what came of it a result."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from .._change import journal, lock
from .._configuration import transaction
from .._configuration.model import parse
from .._configuration.transaction import ConfigurationRequest, ConfigurationResult
from .._errors import ClinicalError
from .._guard import record, reverter
from .._guard.exclusive import exclusive
from .._host.real import RealHost
from .._vocabulary.configuration import standing
from .._vocabulary.run_id import RunId


def answer(params: Mapping[str, Any], check: bool, diff: bool) -> dict[str, Any]:
    """Return the module's result for its options; one with ``failed`` where the host refused or was put back."""
    run_id = ""
    try:
        run_id = run_id_of(params)
        result = carry_out(request(params, run_id), params["state"], check)
    except ClinicalError as error:
        failed = standing(params["name"], run_id=run_id, errors=[str(error)])
        guard = record.guard_of_run(RealHost(), run_id)
        return {"failed": True, "msg": str(error), "run_id": run_id, "guard": guard, "configurations": [failed]}
    return transaction.as_result(result, diff, check)


def run_id_of(params: Mapping[str, Any]) -> RunId:
    """Return the name of the run in the host's journal: that of the play's run and of the configuration in it.

    It is what a task names that confirms the run or takes it back. A play may configure the same a second time.
    """
    run_id = RunId.of_option(params["run_id"])
    if params["state"] not in ("applied", "removed"):
        return run_id
    known = {run.run_id for run in journal.runs(RealHost())}
    own_id = f"{run_id}-{params['name']}"
    names = (own_id, *(f"{own_id}-{number}" for number in range(2, len(known) + 3)))
    return RunId.of(next(name for name in names if name not in known))


def request(params: Mapping[str, Any], run_id: str) -> ConfigurationRequest:
    """Return the module's options as a request. Raises ClinicalError for a configuration that cannot be meant."""
    return ConfigurationRequest(
        run_id=run_id,
        configuration=parse({"name": params["name"], **json.loads(params["rendered"])}),
        confirm_within=params["confirm_within"],
        drains=tuple(params["drains"]),
        journal_keep=params["journal_keep"],
        why=params["why"],
    )


def carry_out(wanted: ConfigurationRequest, state: str, check: bool) -> ConfigurationResult:
    """Do what the task asks for, under the lock of all runs unless nothing is changed."""
    host = RealHost()
    if state in ("confirmed", "reverted"):
        act = {"confirmed": transaction.confirm, "reverted": transaction.take_back}[state]
        # A run that is at work, or the revert itself, ends before it is asked.
        with contextlib.nullcontext() if check else lock.held(wanted.run_id, patience=reverter.PATIENCE):
            return act(host, wanted, check)
    act = {"applied": transaction.apply, "removed": transaction.remove}[state]
    with exclusive(host, wanted.run_id, check) as warnings:
        result = act(host, wanted, check)
    result.warnings[:0] = warnings
    return result
