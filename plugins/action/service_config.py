# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The controller's half of service_config: render everything here, so that the host is asked once and changed once."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.healthops.clinical.plugins.module_utils import _core
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.run_id import new_run_id
from ansible_collections.healthops.clinical.plugins.modules.service_config import ARGUMENTS
from ansible_collections.healthops.clinical.plugins.plugin_utils._configuration.rendered import Renderer, render
from ansible_collections.healthops.clinical.plugins.plugin_utils._run.quiet import quiet

MODULE = "healthops.clinical.service_config"
#: What the host is told beside what is rendered for it.
SENT = ("name", "state", "confirm_within", "drains", "journal_keep", "why")


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        super().run(tmp, task_vars)
        _validated, args = self.validate_argument_spec(argument_spec=ARGUMENTS)
        known = task_vars or {}
        if args["certificates"]:
            args["certificates"]["host_name"] = str(known.get("inventory_hostname", ""))
        try:
            rendered = render(args, Renderer(lambda name, more: self._template(name, more, known), self._source))
        except ClinicalError as error:
            raise AnsibleActionFail(str(error)) from None
        sent = {key: args[key] for key in SENT}
        sent["run_id"] = args["run_id"] or new_run_id()
        sent["rendered"] = json.dumps(rendered)
        sent["core"] = _core.packed("service_config")
        result: dict[str, Any] = self._execute_module(MODULE, module_args=sent, task_vars=quiet(known))
        result.pop("invocation", None)
        return result

    def _template(self, name: str, more: Mapping[str, Any], task_vars: Mapping[str, Any]) -> str:
        """Return a template of the role or of the playbook, rendered as ansible.builtin.template would."""
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        variables = {"ansible_search_path": self._task.get_search_path(), **task_vars}
        texts: list[str] = lookup.run([name], variables=variables, template_vars=dict(more))
        return str(texts[0])

    def _source(self, name: str) -> bytes:
        path = self._loader.get_real_file(self._find_needle("files", name))
        return Path(path).read_bytes()
