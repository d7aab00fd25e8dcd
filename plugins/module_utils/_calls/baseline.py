# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module baseline: its options become a request, and the report its result. Private to the collection."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any

from .. import _baseline
from .._change import lock
from .._controls.model import Control, sparing
from .._errors import ClinicalError
from .._guard import record
from .._host.real import RealHost
from .._vocabulary.run_id import new_run_id


def answer(params: Mapping[str, Any], check: bool, diff: bool) -> dict[str, Any]:
    wanted = request(params)
    try:
        report = carry_out(wanted, params, check)
    except ClinicalError as error:
        guard = record.guard_of_run(RealHost(), wanted.run_id)
        return {"failed": True, "msg": str(error), "run_id": wanted.run_id, "guard": guard}
    return {**_baseline.result(report, diff, check), "warnings": report.warnings}


def request(params: Mapping[str, Any]) -> _baseline.BaselineRequest:
    own = params["revert_run_id"] if params["state"] == "reverted" else params["run_id"]
    keys = ("id", "kind", "settings", "hazard", "applies", "differs", "waived")
    told = [Control(**{key: control[key] for key in keys}) for control in json.loads(params["controls"])]
    controls = tuple(sparing(control, params["break_glass_users"]) for control in told)
    return _baseline.BaselineRequest(
        own or new_run_id(),
        controls,
        frozenset(params["allow_stop"]),
        params["journal_keep"],
        params["force"],
        params["confirm_within"],
        tuple(params["break_glass_users"]),
        params["keeps"],
        params["check_availability"],
        params["survey_only"],
    )


def carry_out(wanted: _baseline.BaselineRequest, params: Mapping[str, Any], check: bool) -> _baseline.Report:
    host = RealHost()
    with contextlib.nullcontext() if check else lock.held(wanted.run_id):
        if params["state"] == "reverted":
            return _baseline.revert(host, wanted, params["run_id"], check)
        return _baseline.audit(host, wanted) if check else _baseline.enforce(host, wanted)
