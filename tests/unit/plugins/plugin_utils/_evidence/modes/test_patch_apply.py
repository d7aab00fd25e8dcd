# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patching: what was installed, what waits still, and how to take it back."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.patch_apply import MODE
from unit_tests.plugin_utils._evidence import patch_samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record, patch_run


def test_what_was_applied_is_patching() -> None:
    assert MODE.is_told_by([patch_record(patch_samples.applied())])
    assert not MODE.is_told_by([patch_record(patch_samples.rolled_back())])


def test_what_was_not_installed_waits() -> None:
    assert MODE.headline(patch_run({"a": patch_samples.applied()})).startswith("1 host: 2 updates installed, ")
    rehearsed = MODE.headline(patch_run({"a": patch_samples.applied(check_mode=True)}))
    assert rehearsed.startswith("1 host: 0 updates installed, 2 updates wait")


def test_it_is_taken_back_with_one_command_unless_it_was_rehearsed() -> None:
    assert (MODE.undo(False).playbook, MODE.undo(False).option) == (
        "healthops.clinical.patch_rollback",
        "patching_run_id",
    )
    assert (MODE.undo(True).playbook, MODE.undo(True).text[:24]) == ("", "There is nothing to undo")
