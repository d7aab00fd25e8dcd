# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that change something that could lock people out, and what the tests ask about their guards."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm, record
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import CONFIRMED
from dirty_host import SSH_DROP_INS, dirty_host, request
from fake_host import FakeHost

DROP_IN = f"{SSH_DROP_INS}/00-healthops.conf"
KINDS = ("sysctl", "sshd")


def guarded_request(run_id: str = "e1", within: int = 120, **more: Any) -> _baseline.BaselineRequest:
    """Kernel values, which are no risk, and sshd's options, which are."""
    plain = request(run_id, *KINDS, confirm_within=within, **more)
    marked = [replace(c, hazard="lockout") if c.kind == "sshd" else c for c in plain.controls]
    return replace(plain, controls=tuple(marked))


def guarded_host() -> FakeHost:
    return dirty_host()


def alarms(host: FakeHost) -> list[str]:
    """What is left of a guard: files, links, timers."""
    paths = [path for path in host.nodes if "guard" in path and not path.startswith("/var/lib/healthops/journal")]
    return [*paths, *(name for name in host.units if name.startswith(alarm.NAME))]


def is_at_risk(host: FakeHost) -> bool:
    """Whether the guarded change is there and has not been confirmed."""
    newest = record.newest(host)
    return DROP_IN in host.nodes and (newest is None or newest.state != CONFIRMED)
