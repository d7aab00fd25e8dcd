# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Having a host to oneself: the one way for a run to take the lock, which is never held over an armed guard.

A run may take hours. A change that waits for its confirmation must not wait for it, nor be built upon.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .._change import lock
from .._host.door import Host
from . import alarm, boot_watch, record


@contextlib.contextmanager
def exclusive(host: Host, run_id: str, check: bool, patience: float = 0.0) -> Iterator[list[str]]:
    """Hold the host's lock for a new run while the body runs; yield warnings about the guard of the last run.

    In check mode nothing is changed, so nothing is held and no guard is touched. Raises ClinicalError while another run
    holds the lock, or while a change waits for its confirmation.
    """
    if check:
        yield []
        return
    with lock.held(run_id, patience=patience):
        boot_watch.settle(host)
        yield settled(host, run_id)


def settled(host: Host, run_id: str) -> list[str]:
    """Take back what is overdue and return warnings about it. Raises ClinicalError while a guard is armed."""
    if record.unsettled(host) is None:
        if host.stat(alarm.FOLDER) is not None:  # of a run that was cut before it had changed anything
            alarm.clear(host)
        return []
    from . import reverter  # hardly any run has to read it

    return reverter.settle(host, run_id)
