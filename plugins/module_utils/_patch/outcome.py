# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end that applying and rolling back have in common: what the host is after a transaction, as a result."""

from __future__ import annotations

from collections.abc import Sequence

from .._host.door import Host
from . import restarts, stages
from .manager import Manager
from .model import PackageChange
from .request import PatchResult, describe_kept, summarise
from .services import RestartOutcome
from .stages import PatchRun


def result_of(
    host: Host, manager: Manager, run: PatchRun, changes: Sequence[PackageChange], outcome: RestartOutcome
) -> PatchResult:
    """Return what came of a run that did ``changes`` and restarted services with this outcome."""
    mapped = restarts.read_mapped_files(host)
    reboot = restarts.assess_reboot(host, mapped, manager.kernels(manager.installed()))
    plan = stages.read_plan(host, run)
    return PatchResult(
        changed=True,
        plan={**plan.as_result(), "run": run.as_result()},
        run=run.as_result(),
        done=summarise(changes),
        kept=describe_kept(stages.read_before(host, run).kept),
        restarted=outcome.restarted,
        to_restart=outcome.to_restart,
        down=outcome.down,
        services=mapped.services(),
        reboot={"needed": reboot.needed, "why": list(reboot.why)},
    )


def down_since(outcome: RestartOutcome) -> str:
    """Return in words what worked before and does not now; empty where nothing."""
    if outcome.down:
        return f"down since: {', '.join(outcome.down)}"
    return ""
