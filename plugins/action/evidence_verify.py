# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""evidence_verify: whether the bundles on the control node are as they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.modules.evidence_verify import ARGUMENTS
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import plural
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        folder, signers = Path(args["path"]).absolute(), args["allowed_signers"]
        try:
            verified = verify(
                folder,
                fleet=str(args["fleet"] or ""),
                allowed_signers=Path(signers).absolute() if signers else None,
                head=str(args["head"] or ""),
                oldest=int(args["oldest"]),
                own_writes=OwnWrites.of(own_folder(constants.config), folder),
            )
        except ClinicalError as exc:
            raise AnsibleActionFail(str(exc)) from None
        return {"changed": False, **verified, **_verdict(verified)}


def _verdict(verified: dict[str, Any]) -> dict[str, Any]:
    problems = verified["told"]
    if problems:
        more = f" (and {len(problems) - 20} more)" if len(problems) > 20 else ""
        return {"failed": True, "msg": f"{plural(len(problems), 'problem')}. {'; '.join(problems[:20])}{more}"}
    ends = ", ".join(f"{fleet} ends at {head}" for fleet, head in verified["heads"].items())
    signed = f"{verified['signed']} of {plural(verified['manifests'], 'manifest')} signed"
    return {"msg": f"{plural(verified['bundles'], 'bundle')} as written, {signed}. {ends}".rstrip()}
