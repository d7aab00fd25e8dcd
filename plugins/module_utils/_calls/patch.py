# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module patch: its options become a wish, and what came of it its result. Private to the collection."""

from __future__ import annotations

import contextlib
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, Callable, Dict, Mapping

from .._change import lock
from .._errors import ClinicalError
from .._host.real import RealHost
from .._patch import plan, policy, roll_back, run
from .._patch.managers import manager_of
from .._patch.plan import Question
from .._patch.request import Answer, Stopped, Wish
from .._vocabulary.run_id import new_run_id

STATES: Dict[str, Callable[..., Answer]] = {
    "planned": run.planned,
    "staged": run.staged,
    "applied": run.applied,
    "rolled_back": roll_back.rolled_back,
}
NOT_REFRESHED = "check mode writes nothing, so the lists of packages were not read anew: newer updates are missing here"


def answer(params: Mapping[str, Any], check: bool, _diff: bool) -> Dict[str, Any]:
    try:
        return carry_out(params, check)
    except Stopped as error:
        done = told(asdict(error.answer), params["state"])
        return {**done, "warnings": (), "failed": True, "msg": str(error)}
    except ClinicalError as error:
        return {"failed": True, "msg": str(error)}


def wish(params: Mapping[str, Any], check: bool) -> Wish:
    now = datetime.now(timezone.utc).replace(microsecond=0)
    advisories = params["advisories"]
    question = Question(
        policy.read(params["policy"]),
        now,
        None if advisories is None else advisories.get("sources", {}),
        params["refresh"] and not check and params["state"] != "applied",
        (advisories or {}).get("cves", {}),
    )
    # What is rolled back has its name already; every other run gets one.
    run_id = params["run_id"] or ("" if params["state"] == "rolled_back" else new_run_id())
    return Wish(
        question,
        run_id,
        params["digest"],
        params["restart"],
        tuple(params["restart_order"]),
        params["repair"],
        params["hold_days"],
        params["keep_runs"],
        check,
    )


def carry_out(params: Mapping[str, Any], check: bool) -> Dict[str, Any]:
    wanted, host = wish(params, check), RealHost()
    manager = manager_of(host, wanted.question.now, params["manager"], params["lock_wait"], check)
    if params["tell_first"]:
        return {"changed": False, "to_rate": plan.to_rate(host, manager, wanted.question.refresh)}
    if not host.is_root():
        raise ClinicalError("Patching", "this host", "it takes root", "Run it with become: true.")
    with (
        contextlib.nullcontext() if check else lock.held(wanted.run_id or params["state"], patience=params["patience"])
    ):
        done = asdict(STATES[params["state"]](host, manager, wanted))
    if check and params["refresh"] and params["state"] in ("planned", "staged"):
        done["warnings"] = (*done["warnings"], NOT_REFRESHED)
    return told(done, params["state"])


def told(done: Dict[str, Any], state: str) -> Dict[str, Any]:
    """The plan by itself where only that was wanted; otherwise what was done, with the plan below."""
    if state != "planned":
        return done
    return {"changed": done["changed"], "warnings": done["warnings"], **done["plan"]}
