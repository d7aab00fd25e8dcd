# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What find finds on the root disk and on /home."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

import outside

if TYPE_CHECKING:
    from testinfra.host import Host

WRONG = {
    "world_writable_files": "-type f -perm -0002",
    "world_writable_folders": "-type d -perm -0002 ! -perm -1000",
    "unowned": "-nouser",
    "ungrouped": "-nogroup",
    "privileged": "-type f -perm /6000",
}


def judge(host: Host, settings: dict[str, Any]) -> tuple[bool, str]:
    listed = outside.root(
        host, f"find / /home -xdev -not -path '/var/tmp/*' {WRONG[settings['check']]}"
    ).out.splitlines()
    known = [*settings.get("except", ()), *settings.get("expected", ())]
    wrong = [path for path in listed if not any(fnmatch.fnmatch(path, pattern) for pattern in known)]
    return not wrong, "; ".join(wrong[:10]) or "nothing wrong"
