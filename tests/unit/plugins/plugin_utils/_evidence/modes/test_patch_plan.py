# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch plan: what waits, until when, and that nothing of it happened."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.patch_plan import MODE
from unit_tests.plugin_utils._evidence import patch_samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record, patch_run


@pytest.mark.parametrize(("state", "told"), [("planned", True), ("staged", True), ("applied", False)])
def test_what_was_only_planned_or_fetched_is_a_plan(state: str, told: bool) -> None:
    record = patch_record(patch_samples.result(patch_samples.plan(patch_samples.NGINX), state))
    assert MODE.is_told_by([record]) is told


def test_it_counts_what_waits_even_where_that_is_nothing() -> None:
    one = patch_run({"a": patch_samples.result(patch_samples.plan(patch_samples.NGINX))})
    assert MODE.headline(one) == "1 host: 1 update waits, 1 for security"
    assert MODE.headline(patch_run({"a": patch_samples.result(patch_samples.plan())})) == "1 host: 0 updates wait"


def test_it_says_that_it_only_looked_and_has_nothing_to_undo() -> None:
    assert MODE.lead(patch_run())[0].startswith("This run only looked.")
    assert MODE.undo(True).text == "There is nothing to undo: a plan changes nothing."
