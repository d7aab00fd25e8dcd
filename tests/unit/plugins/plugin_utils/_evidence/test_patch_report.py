# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The headline that all runs about packages share."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import headline
from unit_tests.plugin_utils._evidence import patch_samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_run


@pytest.mark.parametrize(
    ("hosts", "mode", "told"),
    [
        pytest.param(
            None,
            "patch_plan",
            "6 hosts: 9 updates wait, 6 for security, 2 past their deadline, 1 host of which nobody can tell",
            id="plan",
        ),
        pytest.param(
            {"a": patch_samples.result(patch_samples.plan())}, "patch_plan", "1 host: 0 updates wait", id="nothing"
        ),
        pytest.param(
            {"a": patch_samples.applied(), "b": patch_samples.applied(failed=True)},
            "patch_apply",
            "2 hosts: 2 updates installed, 2 updates wait, 4 for security, 1 past its deadline, 1 host failed",
            id="apply",
        ),
        pytest.param(
            {"a": patch_samples.rolled_back()}, "patch_rollback", "1 host: 1 package taken back", id="rollback"
        ),
        pytest.param(
            {"a": patch_samples.rolled_back(check_mode=True)},
            "patch_rollback",
            "1 host: 1 package to take back",
            id="rehearsal",
        ),
    ],
)
def test_the_headline(hosts: t.Optional[t.Dict[str, patch_samples.Json]], mode: str, told: str) -> None:
    made = patch_run(hosts)
    assert (made["mode"], headline(made)) == (mode, told)


def test_a_host_without_a_result_is_told_with_the_plans() -> None:
    assert headline(patch_run(None, "down-01")).endswith("1 host of which nobody can tell; 1 host gave no result")
