# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""evidence_record: one host's baseline result, or how its services answered, becomes a file on the control node."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.modules.evidence_record import (
    ARGUMENTS,
    MUTUALLY_EXCLUSIVE,
    REQUIRED_ONE_OF,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.record import (
    clean_probes,
    clean_result,
    merged,
)
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.store import write_record
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            argument_spec=ARGUMENTS,
            required_one_of=REQUIRED_ONE_OF,
            mutually_exclusive=MUTUALLY_EXCLUSIVE,
        )
        known = task_vars or {}
        host = str(known["inventory_hostname"])
        try:
            if args["registered"]:
                args["result"] = registered(str(args["registered"]), known)
            result = self._result(args, host)
            folder = Path(args["path"]).absolute()
            path, changed = write_record(folder, host, result, OwnWrites.of(own_folder(constants.config), folder))
        except ClinicalError as exc:
            raise AnsibleActionFail(str(exc)) from None
        return {"changed": changed, "path": str(path), "run_id": result["run_id"], "state": result["state"]}

    def _result(self, args: dict[str, Any], host: str) -> dict[str, Any]:
        run_id, probes = str(args["run_id"] or ""), args["probes"]
        if args["result"] is None:
            return clean_probes(probes, host, run_id, self._task.check_mode)
        result = clean_result(args["result"], host, run_id)
        if probes:
            return merged(result, clean_probes(probes, host, result["run_id"]))
        return result


def registered(name: str, known: Mapping[str, Any]) -> Any:
    """The value of a variable, as it was registered: what a task returns holds no templates."""
    if name in known:
        return known[name]
    raise ClinicalError(
        "Recording", name, "no task of this host has registered it", "Name the variable, without braces."
    )
