# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up but lifelike results of service_config, and of audits of what it configured."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.configuration import standing
from unit_tests.plugin_utils._evidence import samples

Json = samples.Json
DRIFT: Json = {
    "subject": "file /etc/haproxy/haproxy.cfg",
    "entry": "mode",
    "before": "absent",
    "set": "0640",
    "now": "0666",
    "since": "2026-11-22T14:00:00Z",
    "reason": "changed by somebody since",
    "run_id": "",
}
CHANGE: Json = {
    "subject": "file /etc/haproxy/haproxy.cfg",
    "before": "sha256 0123456789ab root:haproxy 0640",
    "after": "sha256 ba9876543210 root:haproxy 0640",
    "why": "the configuration wants it",
    "controls": [],
}


def configured(name: str = "gateway", changed: bool = True, **known: t.Any) -> Json:
    """Return the result of a task that configured a system."""
    own = f"{samples.RUN_ID}-{name}"
    return {
        "changed": changed,
        "check_mode": False,
        "msg": f"{name}: 1 things changed.",
        "run_id": own,
        "began": "2026-11-22T15:00:00Z",
        "ended": "2026-11-22T15:00:02Z",
        "changes": [CHANGE] if changed else [],
        "guard": samples.guard("none", own),
        "warnings": [],
        "configurations": [standing(name, run_id=own, changed=changed, **known)],
        "restored": [],
        "invocation": {"module_args": {"files": "hush"}},
    }


def audited(*systems: Json) -> Json:
    """Return the result of an audit that found these systems configured."""
    return {**samples.result(mode="audit"), "configurations": list(systems)}


def drifted(name: str = "gateway", *drift: Json, **known: t.Any) -> Json:
    """Return how a system stands of which something is otherwise."""
    return standing(name, drift=list(drift or (DRIFT,)), **known)
