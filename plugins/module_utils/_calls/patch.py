# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module patch: its options become a request, and what came of that its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Callable

from .._errors import ClinicalError
from .._guard.exclusive import exclusive
from .._host.real import RealHost
from .._patch import packed_advisories, plan, policy, roll_back, run
from .._patch.managers import manager_of
from .._patch.plan import PlanInputs
from .._patch.request import PatchFailed, PatchRequest, PatchResult
from .._vocabulary.run_id import RunId

STATES: dict[str, Callable[..., PatchResult]] = {
    "planned": run.report_plan,
    "staged": run.stage,
    "applied": run.apply,
    "rolled_back": roll_back.roll_back,
}
NOT_REFRESHED = "check mode writes nothing, so the lists of packages were not read anew: newer updates are missing here"


def answer(params: Mapping[str, Any], check: bool, _diff: bool) -> dict[str, Any]:
    """Return the module's result for its options; a failure is told in it under ``failed`` and ``msg``."""
    try:
        return carry_out(params, check)
    except PatchFailed as error:
        result = shape_result(asdict(error.result), params["state"])
        return {**result, "warnings": (), "failed": True, "msg": str(error)}
    except ClinicalError as error:
        return {"failed": True, "msg": str(error)}


def read_request(params: Mapping[str, Any], check: bool) -> PatchRequest:
    """Return the request that the options make. Raises ClinicalError where the policy or an id is wrong."""
    advisories = packed_advisories.unpack(params["advisories"])
    inputs = PlanInputs(
        policy=policy.read(params["policy"]),
        now=datetime.now(timezone.utc).replace(microsecond=0),
        advisories=advisories.get("sources"),
        refresh=params["refresh"] and not check and params["state"] != "applied",
        cves=advisories.get("cves", {}),
    )
    # What is rolled back has its name already; every other run gets one.
    named = params["run_id"] or params["state"] != "rolled_back"
    return PatchRequest(
        inputs=inputs,
        run_id=RunId.of_option(params["run_id"]) if named else "",
        digest=params["digest"],
        restart=params["restart"],
        restart_order=tuple(params["restart_order"]),
        repair=params["repair"],
        hold_days=params["hold_days"],
        keep=params["keep_runs"],
        check=check,
    )


def carry_out(params: Mapping[str, Any], check: bool) -> dict[str, Any]:
    """Do what the options say, under the lock, and return the module's result.

    Raises ClinicalError, or PatchFailed where the host is not what was requested.
    """
    request, host = read_request(params, check), RealHost()
    manager = manager_of(host, request.inputs.now, params["manager"], params["lock_wait"], check)
    if params["survey_only"]:
        return {"changed": False, "rating_inputs": plan.rating_inputs(host, manager, request.inputs.refresh)}
    if not host.is_root():
        raise ClinicalError("Patching", "this host", "it takes root", "Run it with become: true.")
    name = request.run_id or params["state"]
    with exclusive(host, name, check, params["patience"]) as warnings:
        result = asdict(STATES[params["state"]](host, manager, request))
    result["warnings"] = (*warnings, *result["warnings"])
    if check and params["refresh"] and params["state"] in ("planned", "staged"):
        result["warnings"] = (*result["warnings"], NOT_REFRESHED)
    return shape_result(result, params["state"])


def shape_result(result: dict[str, Any], state: str) -> dict[str, Any]:
    """Return the plan by itself where only that was requested; otherwise what was done, with the plan below."""
    if state != "planned":
        return result
    return {"changed": result["changed"], "warnings": result["warnings"], **result["plan"]}
