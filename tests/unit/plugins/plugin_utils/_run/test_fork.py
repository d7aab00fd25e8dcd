# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible has loaded is shared with the processes that it forks."""

from __future__ import annotations

import gc

from ansible_collections.healthops.clinical.plugins.plugin_utils._run.fork import share_memory


def test_what_is_there_is_never_looked_through_again() -> None:
    gc.unfreeze()
    assert gc.get_freeze_count() == 0
    try:
        share_memory()
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()
