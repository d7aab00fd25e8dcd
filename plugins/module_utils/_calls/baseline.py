# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A call of the module baseline: its options become a request, and the report its result."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import _baseline
from .._change.run_store import CONFIGURATIONS
from .._controls.model import Control
from .._errors import ClinicalError
from .._guard import record
from .._guard.exclusive import exclusive
from .._host.door import Host
from .._host.real import RealHost
from .._vocabulary.run_id import RunId

#: What the action plugin sends of each control.
_CONTROL_KEYS = ("id", "kind", "settings", "hazard", "applies", "differs", "waived")


def answer(params: Mapping[str, Any], check: bool, diff: bool) -> dict[str, Any]:
    """Return the module's result for its options; one with ``failed`` where the host refused or could not be read."""
    try:
        wanted = request(params)
    except ClinicalError as error:
        return {"failed": True, "msg": str(error)}
    try:
        report = carry_out(wanted, params, check)
    except ClinicalError as error:
        guard = record.guard_of_run(RealHost(), wanted.run_id)
        return {"failed": True, "msg": str(error), "run_id": wanted.run_id, "guard": guard}
    result = {**_baseline.result(report, diff, check), "warnings": report.warnings}
    if check and report.findings:
        return {**result, "configurations": configurations(RealHost())}
    return result


def configurations(host: Host) -> list[dict[str, Any]]:
    """Return how the configurations of systems stand that were applied on this host; most hosts have none."""
    if not host.listdir(CONFIGURATIONS):
        return []
    from .._configuration import drift  # the many hosts without a system do not pay for reading it

    return drift.audit(host)


def request(params: Mapping[str, Any]) -> _baseline.BaselineRequest:
    """Return the module's options as a request; a run that nobody named gets an id here.

    Raises ClinicalError where an id cannot name a run.
    """
    ids = {option: RunId.of_option(params[option]) for option in ("run_id", "revert_run_id")}
    return _baseline.BaselineRequest(
        run_id=ids["revert_run_id" if params["state"] == "reverted" else "run_id"],
        controls=tuple(_control(sent) for sent in json.loads(params["controls"] or "[]")),
        allow_stop=frozenset(params["allow_stop"]),
        journal_keep=params["journal_keep"],
        force=params["force"],
        later_runs=params["later_runs"],
        confirm_within=params["confirm_within"],
        break_glass_users=tuple(params["break_glass_users"]),
        keeps=params["keeps"],
        check_availability=params["check_availability"],
        survey_only=params["survey_only"],
    )


def _control(sent: Mapping[str, Any]) -> Control:
    return Control(**{key: sent[key] for key in _CONTROL_KEYS})


def carry_out(wanted: _baseline.BaselineRequest, params: Mapping[str, Any], check: bool) -> _baseline.Report:
    """Audit, enforce or revert on this host, under its lock unless nothing is changed."""
    host = RealHost()
    with exclusive(host, wanted.run_id, check) as warnings:
        report = _carry_out(host, wanted, params, check)
    report.warnings[:0] = warnings
    return report


def _carry_out(
    host: Host, wanted: _baseline.BaselineRequest, params: Mapping[str, Any], check: bool
) -> _baseline.Report:
    if params["state"] == "reverted":
        return _baseline.revert(host, wanted, params["run_id"], check)
    return _baseline.audit(host, wanted) if check else _baseline.enforce(host, wanted)
