# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rollback: what came back is counted, and a rehearsal does not claim it."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_facts, run_modes
from unit_tests.plugin_utils._evidence import samples


def test_a_rollback_counts_what_it_put_back() -> None:
    kept = record.clean_result(samples.reverted(), "a")
    run = evidence.bundle("20261122T160000Z-77aa", {"a": kept}, ["a", "b"])
    assert run["mode"] == "rollback"
    assert run["tier"] is None
    assert run_modes.headline(run) == "2 hosts: 24 items put back as before; 1 host gave no result"


def test_a_rehearsed_rollback_does_not_claim_to_have_put_back() -> None:
    kept = record.clean_result({**samples.reverted(), "check_mode": True}, "a")
    run = evidence.bundle("20261122T160000Z-77aa", {"a": kept})
    assert run_facts.only_looked(run)
    assert run_modes.headline(run) == "1 host: 24 items would be put back as before"


def test_a_rollback_that_was_taken_back_is_in_the_headline() -> None:
    back = {**samples.reverted(), "restored": [], "failed": True, "msg": "no login", "guard": samples.guard("reverted")}
    run = evidence.bundle("20261122T160000Z-77aa", {"a": record.clean_result(back, "a")})
    assert run_modes.headline(run) == "1 host: 0 items put back as before; 1 host took its change back"


def test_what_a_rollback_left_is_kept_and_counted() -> None:
    item = {"subject": "file /etc/issue", "entry": "line 1", "before": "a", "set": "b", "now": "c", "reason": "others"}
    back = {**samples.reverted(), "left": [{**item, "run_id": "", "secret": "x"}], "reverted_runs": ["e2", "e1"]}
    kept = record.clean_result(back, "a")
    assert kept["left"] == [{**item, "run_id": ""}]
    assert kept["reverted_runs"] == ["e2", "e1"]
    run = evidence.bundle("20261122T160000Z-77aa", {"a": kept})
    assert run_modes.headline(run) == "1 host: 24 items put back as before, 1 left as it is"
