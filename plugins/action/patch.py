# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's half of patching: the advisories that a host needs, and what somebody approved for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch import packed_advisories
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy as patch_policy
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import RunId
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.stamp import format_stamp
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories, approvals
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch.ready import place_of
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.quiet import quiet

MODULE = "healthops.clinical.patch"
#: What is read on the control node and means nothing on a host.
CONTROLLER_OPTIONS = ("advisory_files", "advisory_cache", "advisory_max_age", "approvals")
#: Those that rate changes; what a run applied or took back was rated when it was planned.
RATED = ("planned", "staged", "applied")


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Ask the host what it has, choose its advisories, and let the module do the work there."""
        super().run(tmp, task_vars)
        options, state = dict(self._task.args), str(self._task.args.get("state", "planned"))
        args = {key: value for key, value in options.items() if key not in CONTROLLER_OPTIONS}
        args = {**args, "advisories": "", "survey_only": False}
        now = datetime.now(timezone.utc)
        try:
            policy = patch_policy.read(options.get("policy"))
            approval = self._approval(options, state, str((task_vars or {}).get("inventory_hostname")), now)
            if approval:
                args["digest"] = approval.digest
            if state != "rolled_back":
                args["run_id"] = RunId.of_option(args.get("run_id"))
            index = self._index(options) if state in RATED else None
        except ClinicalError as error:
            raise AnsibleActionFail(str(error)) from None
        about: dict[str, Any] = {
            "state": state,
            "check_mode": bool(self._task.check_mode),
            "began": format_stamp(now),
            "policy": policy.as_result(now.date()),
            **({"approval": approval.as_result()} if approval else {}),
        }
        if index is None:
            return _with_context(self._send(args, task_vars), about, [])
        first = self._send({**args, "survey_only": True}, task_vars)
        if "rating_inputs" not in first:
            return _with_context(first, about, [])
        needed, warnings = prepared(index, first["rating_inputs"], _days(options.get("advisory_max_age", 14)), now)
        about["advisories_as_of"] = needed["as_of"]
        return _with_context(
            self._send({**args, "advisories": packed_advisories.pack(needed)}, task_vars), about, warnings
        )

    def _approval(self, options: dict[str, Any], state: str, host: str, now: datetime) -> approvals.Approval | None:
        """Return what was approved for this host; None where the task is not about a set."""
        if not options.get("approvals") or state not in ("staged", "applied"):
            return None
        path = place_of(options["approvals"])
        approval = approvals.approved(path, host, now)
        if options.get("digest") not in (None, "", approval.digest):
            problem = f"it lets {approval.digest} through, and the task asks for {options['digest']}"
            raise ClinicalError("Reading", f"the approvals in {path}", problem, "Give one of the two.")
        return approval

    def _index(self, options: dict[str, Any]) -> advisories.AdvisoryIndex | None:
        given = options.get("advisory_files") or {}
        paths = {option: place_of(path) for option, path in given.items() if path}
        cache = options.get("advisory_cache")
        folder = place_of(cache) if cache else own_folder(constants.config) / "advisories"
        return advisories.index(paths, folder)

    def _send(self, args: dict[str, Any], task_vars: Any) -> dict[str, Any]:
        module_args = {**args, "core": _core.packed("patch")}
        result: dict[str, Any] = self._execute_module(MODULE, module_args=module_args, task_vars=quiet(task_vars))
        return result


def prepared(
    index: advisories.AdvisoryIndex, rating_inputs: Mapping[str, Any], most_days: int, now: datetime
) -> tuple[dict[str, Any], list[str]]:
    """Return what a host needs of the advisories, by its ``rating_inputs``, and what to warn of."""
    about, codename = index.about(), str(rating_inputs.get("codename") or "")
    warnings = advisories.too_old(about, most_days, now)
    known = about.get("debian_tracker", {}).get("releases", ())
    if known and codename and codename not in known:
        warnings.append(f"the Debian security tracker's data say nothing of the release {codename}")
    needed = {
        "as_of": {option: file["as_of"] for option, file in about.items()},
        "files": {option: file["sha256"] for option, file in about.items()},
        "sources": index.for_packages(codename, rating_inputs.get("sources") or {}),
        "cves": index.for_cves(rating_inputs.get("cves") or ()),
    }
    return needed, warnings


def _days(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise AnsibleActionFail(f"advisory_max_age is {value!r}; wanted is a number of days") from None


def _with_context(result: dict[str, Any], about: Mapping[str, Any], warnings: list[str]) -> dict[str, Any]:
    """Return the host's result with what the control node knows of the run."""
    described = {**about, "ended": format_stamp(datetime.now(timezone.utc)), **result}
    described.pop("invocation", None)  # it would repeat all advisories
    if warnings:
        described["warnings"] = [*result.get("warnings", []), *warnings]
    return described
