# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a baseline's result says once its guard has ended. Nothing is `fixed` that was not confirmed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import guard as guard_states
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import results
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard.fresh_login import GuardOutcome, Result

NO_BREAK_GLASS = (
    "No break-glass account is declared (hardening_break_glass_users), so only the login of this play was tried. "
    "Declare the account that people use when everything else fails."
)
GUARD_OFF = "confirm_within is 0: had this run shut the login out, nothing would have taken it back."


def unguarded(result: Result, why: str) -> Result:
    """Return the result of a run that was sent without a guard; ``why`` is empty where the play switched it off."""
    if is_taken_back(result):  # a login was not at stake, but something else was lost
        return result
    if why:
        return _warned({**result, "guard": fresh_login.skipped_guard(why)}, [])
    return _warned({**result, "guard": fresh_login.off_guard()}, [GUARD_OFF])


def concluded(result: Result, outcome: GuardOutcome, host: str, users: Sequence[str]) -> Result:
    """Return the result of a run whose guard was armed, now that it is known or unknown what became of it."""
    missing = [NO_BREAK_GLASS] if is_armed(result) and not users else []
    result = _warned({**result, "guard": dict(outcome.guard)}, [*(outcome.answer.get("warnings") or []), *missing])
    if outcome.state == guard_states.CONFIRMED:
        return result
    msg = fresh_login.describe_outcome(outcome, host)
    judged = _taken_back(result, msg) if outcome.state == guard_states.REVERTED else _unsure(result, msg)
    return {**judged, "failed": True, "msg": msg}


def is_taken_back(result: Result) -> bool:
    """Return True where the host itself noticed that the run cost it something, and put everything back."""
    return not result.get("failed") and (result.get("guard") or {}).get("state") == guard_states.REVERTED


def unreachable(result: Result, lost: Sequence[str]) -> Result:
    """Return the result of a run after which the controller cannot reach what it could reach before."""
    return {**result, "availability": {**result["availability"], "unreachable": list(lost)}}


def warned_of_by_hand(result: Result, lost: Sequence[str]) -> Result:
    """Return the result with a warning of what somebody had started by hand and the controller cannot reach any more.

    It takes nothing back: anybody with a login could else have a run taken back.
    """
    if not lost:
        return result
    warning = (
        f"The controller cannot reach {', '.join(lost)} any more, which somebody had started by hand; that takes "
        "nothing back. What has to stay reachable needs a unit of systemd."
    )
    return _warned(result, [warning])


def why_unreachable(lost: Sequence[str]) -> str:
    """Return the reason for taking a run back, for the record on the host."""
    return f"the controller cannot reach {', '.join(lost)} any more"


def also_warned(result: Result, earlier: Iterable[Any] | None) -> Result:
    """Return the result with the warnings of an earlier call too; what both say stands there once."""
    warnings = list(dict.fromkeys([*(earlier or []), *(result.get("warnings") or [])]))
    return {**result, "warnings": warnings} if warnings else result


def is_armed(result: Result) -> bool:
    """Return True where the host waits for a confirmation."""
    return not result.get("failed") and (result.get("guard") or {}).get("state") == guard_states.ARMED


def _warned(result: Result, warnings: Iterable[Any]) -> Result:
    warnings = [*(result.get("warnings") or []), *warnings]
    return {**result, "warnings": warnings} if warnings else result


def _taken_back(result: Result, why: str) -> Result:
    """Return a result that says that everything is as it was before the run."""
    undone: Result = {**result, "changed": False}
    undone.update({key: [] for key in ("changes", "restored", "diff") if key in result})
    if "findings" in result:
        undone["findings"] = [_as_before(finding, why) for finding in result["findings"]]
    return undone


def _unsure(result: Result, why: str) -> Result:
    """Return a result that says that what the run changed may be in force or taken back; its list of changes stays."""
    if "findings" not in result:
        return result
    return {**result, "findings": [_nobody_knows(finding, why) for finding in result["findings"]]}


def _touched(finding: Result) -> bool:
    return finding["result"] == "fixed" or finding.get("before") != finding.get("after")


def _as_before(finding: Result, why: str) -> Result:
    if not _touched(finding):
        return finding
    before = finding.get("before", "")
    if finding["result"] != "fixed":
        return {**finding, "after": before}
    verdicts = _verdicts(finding, results.DEVIATES, before)
    return {**finding, "result": "fail", "after": before, "verdicts": verdicts, "reason": f"It was taken back. {why}"}


def _nobody_knows(finding: Result, why: str) -> Result:
    if not _touched(finding):
        return finding
    verdicts = _verdicts(finding, results.UNKNOWN, "unknown")
    reason = f"It was not confirmed. {why}"
    return {**finding, "result": "error", "after": "unknown", "verdicts": verdicts, "reason": reason}


def _verdicts(finding: Result, state: str, observed: str) -> Result:
    """Return the verdicts of a finding all as this one, but for those that do not apply to its control."""
    verdicts = dict(finding.get("verdicts") or {})
    for aspect, verdict in verdicts.items():
        if verdict["state"] != results.NOTAPPLICABLE:
            verdicts[aspect] = {"state": state, "saw": observed}
    return verdicts
