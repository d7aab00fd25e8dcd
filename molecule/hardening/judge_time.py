# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clock: what systemd starts, and what chronyd itself makes of its configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    if settings["aspect"] == "daemon":
        enabled = outside.root(host, "systemctl is-enabled chrony.service").out
        return enabled == "enabled", enabled
    if settings["aspect"] == "account":
        outside.root(host, "systemctl restart chrony.service")
        user = outside.root(host, "ps -o user= -C chronyd | sort -u").out
        return user == "_chrony", user
    told = outside.root(host, "chronyd -p").out.splitlines()
    lines = [line for line in told if line.startswith("makestep")]
    return lines[-1:] == ["makestep 1 3"], str(lines)
