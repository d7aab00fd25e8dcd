# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hardening: what it repaired, what is left to decide, and how to take it back."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.harden import MODE
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.bundles import sample_record


def test_what_was_enforced_in_earnest_is_hardening() -> None:
    assert MODE.is_told_by([sample_record(mode="audit"), sample_record(1)])
    assert not MODE.is_told_by([sample_record(mode="audit")])


def test_it_says_what_needs_a_decision() -> None:
    run = bundle(samples.RUN_ID, {"a": sample_record()})
    undecided = run["summary"]["fail"] + run["summary"]["deferred"]
    assert f"{undecided} need a decision" in MODE.headline(run)
    assert f"This run repaired {run['summary']['fixed']} findings; one command takes that back." in MODE.lead(run)


@pytest.mark.parametrize(("changed", "said"), [(False, True), (True, False)])
def test_where_nothing_was_repaired_it_says_whether_anything_was_changed(changed: bool, said: bool) -> None:
    record = {**sample_record(), "findings": [], "summary": {}, "changed": changed}
    lead = MODE.lead(bundle(samples.RUN_ID, {"a": record}))
    assert ("Nothing had to be changed." in lead) is said


@pytest.mark.parametrize("rehearsal", [True, False])
def test_it_is_taken_back_with_one_command(rehearsal: bool) -> None:
    undo = MODE.undo(rehearsal)
    assert (undo.playbook, undo.option) == ("healthops.clinical.rollback", "hardening_revert_run")
