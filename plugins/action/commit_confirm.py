# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's half of commit_confirm: confirm over a fresh login, and skip hosts where no login is at stake."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import guard as guard_states
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RunId
from ansible_collections.healthops.clinical.plugins.plugin_utils._guard import fresh_login

#: What ends the asking here: without a guard there is nothing to wait for.
FINAL = (*fresh_login.SETTLED, guard_states.NONE)


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        args = dict(self._task.args)
        try:
            RunId.of_option(args.get("run_id"))
        except ClinicalError as error:
            raise AnsibleActionFail(str(error)) from None
        why = fresh_login.why_skipped(self._connection.transport)
        if why and args.get("state") in ("armed", "confirmed", "reverted"):
            guard = fresh_login.skipped_guard(why)
            return {"changed": False, "guard": guard, "run_id": args.get("run_id") or "", "msg": why}
        failures = (AnsibleError, OSError, EOFError)
        reach = fresh_login.reach(self, task_vars, (AnsibleConnectionFailure,), failures, Display().vv)
        result = carried_out(reach, args, bool(self._task.check_mode))
        result.pop("invocation", None)
        return result


def carried_out(reach: fresh_login.Reach, args: dict[str, Any], check: bool) -> dict[str, Any]:
    """Carry the task out on the host and return its result; a fresh login confirms, or learns how it ended."""
    state = args.get("state")
    if check or state not in ("armed", "confirmed", "reverted"):
        return reach.execute(args)
    within = fresh_login.whole_number(
        args.get("confirm_within", fresh_login.DEFAULT_WITHIN), fresh_login.DEFAULT_WITHIN
    )
    if state == "armed":
        named = {**args, "run_id": RunId.of_option(args.get("run_id"))}
        return fresh_login.sent(reach, named["run_id"], within, lambda: reach.execute(named))
    # How long the host still waits is for the host to say; until it does, the longest that this task knows of counts.
    guard = {**fresh_login.NO_GUARD, "run_id": args.get("run_id") or "", "seconds_left": within}
    if state == "confirmed":
        users = fresh_login.names(args.get("break_glass_users"))
        watch = args.get("watch_next_boot", True)
        return conclude(fresh_login.confirm(reach, guard, users, FINAL, watch), reach.host)
    try:
        return reach.execute(args)
    except reach.lost:  # a change that shuts the login out may have shut this connection out as well
        return conclude(fresh_login.take_back(reach, guard, FINAL), reach.host, wanted=guard_states.REVERTED)


def conclude(outcome: fresh_login.GuardOutcome, host: str, wanted: str = guard_states.CONFIRMED) -> dict[str, Any]:
    """Return the host's own result where it ended as wanted, or where there was no guard; else what one must know."""
    answer = {"changed": False, "run_id": outcome.guard["run_id"], **outcome.answer, "guard": dict(outcome.guard)}
    if outcome.state in (wanted, guard_states.NONE):
        return answer
    return {**answer, "failed": True, "msg": fresh_login.describe_outcome(outcome, host)}
