# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules are given stays out of the system log of hosts, into which Ansible writes it all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def quiet(task_vars: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what a task knows, with the word by which Ansible logs no options of a module on its host.

    They are large (the core, the catalogue, advisories), and may be secret (rendered files, hashes, commands).
    """
    return {**(task_vars or {}), "ansible_no_target_syslog": True}
