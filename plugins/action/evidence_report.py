# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""evidence_report: the records of a run become its bundle and its report, on the control node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.modules.evidence_report import ARGUMENTS
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import read
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.report import Sealing, report
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.fork import share_memory

TEMPLATE = Path(__file__).parents[2] / "roles" / "evidence" / "templates" / "report.html.j2"


share_memory()


class ActionModule(ActionBase):
    _requires_connection = False
    _supports_check_mode = True
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        folder, key, approvals = Path(args["path"]).absolute(), args["signing_key"], args["approvals"]
        home = own_folder(constants.config)
        try:
            return report(
                folder,
                TEMPLATE.read_text(encoding="utf-8"),
                Sealing(
                    own_writes=OwnWrites.of(home, folder),
                    fleet=str(args["fleet"]),
                    key=Path(key).absolute() if key else None,
                    take_over=bool(args["take_over"]),
                    cache=home / "report",
                ),
                run_id=str(args["run_id"] or ""),
                hosts=[str.__str__(name) for name in args["hosts"]],
                mode=str(args["mode"] or ""),
                formats=[str.__str__(name) for name in args["formats"]],
                approvals=content_of(approvals),
            )
        except ClinicalError as exc:
            raise AnsibleActionFail(str(exc)) from None


def content_of(path: Any) -> bytes | None:
    """Return the content of a file, if one is named and there; the report tells where a record misses it."""
    place = Path(str(path or "")).absolute()
    if path and place.is_file():
        return read(place)
    return None
