# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module service_config: what was rendered becomes a request, and what came of it a result."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from .._change import lock
from .._configuration import transaction
from .._configuration.model import parse
from .._configuration.transaction import ConfigurationRequest, ConfigurationResult
from .._errors import ClinicalError
from .._guard import record, reverter
from .._guard.exclusive import exclusive
from .._host.real import RealHost
from .._vocabulary.run_id import new_run_id


def answer(params: Mapping[str, Any], check: bool, diff: bool) -> dict[str, Any]:
    """Return the module's result for its options; one with ``failed`` where the host refused or was put back."""
    run_id = params["run_id"] or new_run_id()
    try:
        result = carry_out(request(params, run_id), params["state"], check)
    except ClinicalError as error:
        return {"failed": True, "msg": str(error), "run_id": run_id, "guard": record.guard_of_run(RealHost(), run_id)}
    return transaction.as_result(result, diff, check)


def request(params: Mapping[str, Any], run_id: str) -> ConfigurationRequest:
    """Return the module's options as a request. Raises ClinicalError for a configuration that cannot be meant."""
    return ConfigurationRequest(
        run_id=run_id,
        configuration=parse({"name": params["name"], **json.loads(params["rendered"])}),
        confirm_within=params["confirm_within"],
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
