# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes that Ansible forks, one for each task of a host."""

from __future__ import annotations

import gc


def share_memory() -> None:
    """Leave all that Ansible has loaded until now to itself, in this process and in those that it forks.

    Each would look through it for garbage again and again, and thereby copy it. An action plugin calls this where it is
    loaded, which is before the fork; see "If a process will fork() without exec()" in the documentation of ``gc``.
    """
    gc.freeze()
