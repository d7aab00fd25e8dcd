# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which boot of the machine this is. The monotonic clock of one boot means nothing in another."""

from __future__ import annotations

from .door import Host

BOOT_ID = "/proc/sys/kernel/random/boot_id"


def boot_id(host: Host) -> str:
    """Return the kernel's name for this boot, a UUID; empty where the kernel tells none."""
    return host.read_text(BOOT_ID).strip()
