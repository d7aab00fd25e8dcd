# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The console names what waits for a decision: the most severe first, with hosts and what to do."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.decisions import CHOICES, decisions


def finding(control: str, severity: str, result: str = "fail", reason: str = "") -> t.Dict[str, t.Any]:
    values = {"subject": "PermitRootLogin", "before": "yes", "wanted": "no"}
    return {"id": control, "severity": severity, "result": result, "reason": reason, **values}


def run_of(**hosts: t.List[t.Dict[str, t.Any]]) -> t.Dict[str, t.Any]:
    return {"hosts": {name: {"findings": findings} for name, findings in hosts.items()}}


def test_the_most_severe_come_first_with_host_and_what_to_do() -> None:
    run = run_of(
        a=[
            finding("b_low", "low", reason="it runs; list cups in hardening_allow_stop"),
            finding("a_high", "high"),
            finding("good", "critical", "pass"),
        ],
        b=[finding("c_critical", "critical", "deferred", "it restarts\nthe service; give a window")],
    )
    assert decisions(run) == [
        CHOICES,
        "critical: b: c_critical: it restarts the service; give a window",
        "high: a: a_high: PermitRootLogin is yes, wanted is no",
        "low: a: b_low: it runs; list cups in hardening_allow_stop",
    ]


def test_hosts_with_the_same_problem_share_a_line() -> None:
    run = run_of(**{f"web{number}": [finding("one", "high", reason="because")] for number in range(5)})
    assert decisions(run) == [CHOICES, "high: web0, web1, web2 and 2 others: one: because"]


def test_ten_are_named_and_the_rest_is_counted() -> None:
    run = run_of(a=[finding(f"control_{number:02d}", "high", reason="x" * 500) for number in range(13)])
    made = decisions(run)
    assert (len(made), made[-1]) == (12, "3 more are in the report.")
    assert all(len(line) < 300 for line in made)


def test_a_run_without_findings_has_no_decisions() -> None:
    assert decisions({"hosts": {"a": {}}}) == []
