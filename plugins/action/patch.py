# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's half of patching: the advisories that a host needs, and what somebody approved for it."""

from __future__ import annotations

import typing as t
from datetime import datetime, timezone
from pathlib import Path

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy as patch_policy
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import new_run_id
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories, approvals
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder

MODULE = "healthops.clinical.patch"
#: What is read on the control node and means nothing on a host.
OURS = ("advisory_files", "advisory_cache", "advisory_max_age", "approvals")
#: Those that rate changes; what a run applied or took back was rated when it was planned.
RATED = ("planned", "staged", "applied")


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> dict[str, t.Any]:
        super().run(tmp, task_vars)
        asked, state = dict(self._task.args), str(self._task.args.get("state", "planned"))
        args = {key: value for key, value in asked.items() if key not in OURS}
        args = {**args, "advisories": None, "tell_first": False}
        now = datetime.now(timezone.utc)
        try:
            policy = patch_policy.read(asked.get("policy"))
            approval = self._approval(asked, state, str((task_vars or {}).get("inventory_hostname")), now)
            if approval:
                args["digest"] = approval.digest
            if state != "rolled_back":
                args["run_id"] = args.get("run_id") or new_run_id()
            index = self._index(asked) if state in RATED else None
        except ClinicalError as error:
            raise AnsibleActionFail(str(error)) from None
        about: dict[str, t.Any] = {
            "state": state,
            "check_mode": bool(self._task.check_mode),
            "began": format_stamp(now),
            "policy": policy.told(now.date()),
            **({"approval": approval.told()} if approval else {}),
        }
        if index is None:
            return _described(self._send(args, task_vars), about, [])
        first = self._send({**args, "tell_first": True}, task_vars)
        if "to_rate" not in first:
            return _described(first, about, [])
        needed, warnings = prepared(index, first["to_rate"], _days(asked.get("advisory_max_age", 14)), now)
        about["advisories_as_of"] = needed["as_of"]
        return _described(self._send({**args, "advisories": needed}, task_vars), about, warnings)

    def _approval(
        self, asked: dict[str, t.Any], state: str, host: str, now: datetime
    ) -> t.Optional[approvals.Approval]:
        """What was approved for this host, where the task is about a set."""
        if not asked.get("approvals") or state not in ("staged", "applied"):
            return None
        path = place(asked["approvals"])
        approval = approvals.approved(path, host, now)
        if asked.get("digest") not in (None, "", approval.digest):
            saw = f"it lets {approval.digest} through, and the task asks for {asked['digest']}"
            raise ClinicalError("Reading", f"the approvals in {path}", saw, "Give one of the two.")
        return approval

    def _index(self, asked: dict[str, t.Any]) -> t.Optional[advisories.Index]:
        given = asked.get("advisory_files") or {}
        paths = {option: place(path) for option, path in given.items() if path}
        cache = asked.get("advisory_cache")
        folder = place(cache) if cache else own_folder(constants.config) / "advisories"
        return advisories.index(paths, folder)

    def _send(self, args: dict[str, t.Any], task_vars: t.Any) -> dict[str, t.Any]:
        whole = {**args, "core": _core.packed()}
        sent: dict[str, t.Any] = self._execute_module(MODULE, module_args=whole, task_vars=task_vars)
        return sent


def place(path: t.Any) -> Path:
    """A relative path starts where the command was typed, as that of evidence does."""
    return Path(str(path)).expanduser().absolute()


def prepared(
    index: advisories.Index, told: t.Mapping[str, t.Any], most_days: int, now: datetime
) -> tuple[dict[str, t.Any], list[str]]:
    """What a host needs, by what it told of itself, and what to warn of."""
    about, codename = index.about(), str(told.get("codename") or "")
    warnings = advisories.too_old(about, most_days, now)
    known = about.get("debian_tracker", {}).get("releases", ())
    if known and codename and codename not in known:
        warnings.append(f"the Debian security tracker's data say nothing of the release {codename}")
    needed = {
        "as_of": {option: each["as_of"] for option, each in about.items()},
        "files": {option: each["sha256"] for option, each in about.items()},
        "sources": index.for_packages(codename, told.get("sources") or {}),
        "cves": index.for_cves(told.get("cves") or ()),
    }
    return needed, warnings


def _days(value: t.Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AnsibleActionFail(f"advisory_max_age is {value!r}; wanted is a number of days") from None


def _described(result: dict[str, t.Any], about: t.Mapping[str, t.Any], warnings: list[str]) -> dict[str, t.Any]:
    """What the host said, and beside it what the control node knows of the run."""
    described = {**about, "ended": format_stamp(datetime.now(timezone.utc)), **result}
    described.pop("invocation", None)  # it would repeat all advisories
    if warnings:
        described["warnings"] = [*result.get("warnings", []), *warnings]
    return described
