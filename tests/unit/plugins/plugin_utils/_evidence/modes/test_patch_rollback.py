# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Patch rollback: what was taken back, and what is held since."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.patch_rollback import MODE
from unit_tests.plugin_utils._evidence import patch_samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record, patch_run


def test_what_was_rolled_back_is_a_patch_rollback() -> None:
    assert MODE.is_told_by([patch_record(patch_samples.rolled_back())])
    assert not MODE.is_told_by([patch_record(patch_samples.applied())])


def test_a_rehearsal_says_what_there_is_to_take_back() -> None:
    assert MODE.headline(patch_run({"a": patch_samples.rolled_back()})) == "1 host: 1 package taken back"
    rehearsed = patch_run({"a": patch_samples.rolled_back(check_mode=True)})
    assert MODE.headline(rehearsed) == "1 host: 1 package to take back"


def test_it_says_that_the_earlier_versions_are_held() -> None:
    assert "they are held for a time" in MODE.lead(patch_run({"a": patch_samples.rolled_back()}))[0]
    assert "the next plan lists the updates again" in MODE.undo(False).text
    assert "rehearsal" in MODE.undo(True).text
