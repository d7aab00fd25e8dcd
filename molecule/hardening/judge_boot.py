# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The boot menu: GRUB's own checker reads it, and each kernel in it is started with the argument."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    sound = outside.root(host, "grub-script-check /boot/grub/grub.cfg").rc == 0
    menu = outside.root(host, "cat /boot/grub/grub.cfg").out
    starts = [line.split() for line in menu.splitlines() if line.split()[:1] == ["linux"]]
    fine = bool(starts) and all(settings["argument"] in words for words in starts)
    return sound and fine, f"sound: {sound}, {starts}"
