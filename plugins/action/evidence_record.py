# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""evidence_record: one host's baseline result becomes a file on the control node."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import clean_result
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence_store import write_record


class ActionModule(ActionBase):  # type: ignore[misc]
    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: t.Any = None, task_vars: t.Any = None) -> t.Dict[str, t.Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(
            argument_spec={
                "path": {"type": "path", "required": True},
                "run_id": {"type": "str"},
                "result": {"type": "dict", "required": True},
            },
        )
        host = str((task_vars or {})["inventory_hostname"])
        try:
            result = clean_result(args["result"], host, str(args["run_id"] or ""))
            path, changed = write_record(Path(args["path"]).absolute(), host, result)
        except ClinicalError as exc:
            raise AnsibleActionFail(str(exc)) from exc
        return {"changed": changed, "path": str(path), "run_id": result["run_id"], "state": result["state"]}
