# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may plan jobs: asked of the program itself, as accounts that try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host

#: What each program is asked as a stranger, and where its list is.
TRIES = {"cron": ("crontab -l", "/etc/cron.allow"), "at": ("at -l", "/etc/at.allow")}


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    """A stranger is refused, the account that has a job is not, and nobody else can change the list."""
    command, path = TRIES[settings["tool"]]
    stranger = outside.root(host, f"su -s /bin/sh games -c '{command}' 2>&1").out
    refused = "not allowed" in stranger or "do not have permission" in stranger
    owner = outside.root(host, f"stat --format '%U %a' {path}").out
    kept = settings["tool"] != "cron" or "0 3" in outside.root(host, "su automation -c 'crontab -l'").out
    return refused and kept and owner in ("root 640", "root 600"), f"{stranger}; {owner}; job kept: {kept}"
