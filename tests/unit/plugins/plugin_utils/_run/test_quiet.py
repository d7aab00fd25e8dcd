# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import ast

from ansible_collections.healthops.clinical.plugins.plugin_utils._run.quiet import quiet
from rooms import PLUGINS


def test_what_a_task_knows_stays_and_the_log_of_the_host_is_left_alone() -> None:
    known = {"inventory_hostname": "pacs-01", "ansible_no_target_syslog": False}
    assert quiet(known) == {"inventory_hostname": "pacs-01", "ansible_no_target_syslog": True}
    assert not known["ansible_no_target_syslog"]
    assert quiet(None) == {"ansible_no_target_syslog": True}


def test_every_module_that_is_sent_to_a_host_is_sent_so() -> None:
    loud = [
        f"{path.relative_to(PLUGINS)}:{node.lineno}"
        for path in sorted(PLUGINS.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("._execute_module") and not _is_quiet(node)
    ]
    assert loud == []


def _is_quiet(call: ast.Call) -> bool:
    return any(
        keyword.arg == "task_vars" and ast.unparse(keyword.value).startswith("quiet(") for keyword in call.keywords
    )
