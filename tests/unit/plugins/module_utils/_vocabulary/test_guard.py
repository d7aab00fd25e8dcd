# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a guard: hosts, the control node, the documentation and evidence have the same keys and states."""

from __future__ import annotations

import choices
import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import guard
from guarded import guarded_host, guarded_request


def test_every_key_of_a_result_is_documented() -> None:
    told = choices.documented("baseline", "RETURN")["guard"]
    assert tuple(told["contains"]) == guard.KEYS
    assert set(told["sample"]) == set(guard.KEYS)
    assert set(choices.documented("commit_confirm", "RETURN")["guard"]["sample"]) == set(guard.KEYS)


@pytest.mark.parametrize("survives", [True, False])
def test_a_run_without_a_guard_has_every_key_all_the_same(survives: bool) -> None:
    none = guard.no_guard(survives)
    assert tuple(none) == guard.KEYS
    assert (none["state"], none["survives_reboot"]) == ("none", survives)


def test_a_host_tells_of_an_armed_guard_with_these_keys() -> None:
    report = _baseline.enforce(guarded_host(), guarded_request())
    assert (tuple(report.guard), report.guard["state"]) == (guard.KEYS, guard.ARMED)


def test_what_may_have_lost_its_change_is_a_state() -> None:
    assert set(guard.LOST) < set(guard.STATES)
    assert len(set(guard.STATES)) == 7
