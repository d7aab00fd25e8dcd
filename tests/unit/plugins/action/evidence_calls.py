# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calling an action plugin of evidence in a test."""

from __future__ import annotations

import typing as t
from types import SimpleNamespace


class Plain:
    """Stands for Ansible's templar where nothing is a template."""

    def template(self, value: t.Any) -> t.Any:
        return value


def call(
    plugin: t.Any, args: t.Dict[str, t.Any], host: str = "portal-01", check: bool = False, **known: t.Any
) -> t.Dict[str, t.Any]:
    task = SimpleNamespace(args=args, async_val=0, check_mode=check, diff=False, action="evidence", delegate_to=None)
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    context = SimpleNamespace(check_mode=check, diff=False)
    action = plugin.ActionModule(task, connection, context, loader=None, templar=Plain(), shared_loader_obj=None)
    action._load_name = "healthops.clinical.evidence"  # the loader sets it
    made: t.Dict[str, t.Any] = action.run(task_vars={"inventory_hostname": host, **known})
    return made
