# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs that judge controls: their counts, and what the headline says of losses."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import judged
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.bundles import sample_fleet
from unit_tests.plugin_utils._evidence.test_run_facts import guarded_run


def test_an_audit_and_a_hardening_count_the_same_checks() -> None:
    run = bundle(samples.RUN_ID, sample_fleet())
    assert judged.audited(run).startswith("3 hosts, 252 checks: ")
    assert judged.enforced(run).startswith("3 hosts, 252 checks: ")
    assert " as wanted, " in judged.audited(run)
    assert " pass or fixed, " in judged.enforced(run)


def test_a_run_of_which_nothing_is_known_counts_no_check() -> None:
    run = bundle(samples.RUN_ID, {}, ["a", "b"])
    assert judged.audited(run) == judged.enforced(run) == "2 hosts: nothing is known; 2 hosts gave no result"


def test_losses_are_told_in_one_order() -> None:
    run = guarded_run("reverted", "unknown")
    assert judged.losses(run) == "; 1 host took its change back; 1 host stopped answering after its change"


def test_what_could_not_be_judged_is_said_only_where_there_is_some() -> None:
    run = bundle(samples.RUN_ID, sample_fleet(1))
    run["summary"]["error"] = 0
    assert judged.unjudged(run) == []
    run["summary"]["error"] = 1
    assert judged.unjudged(run) == ["1 check could not be judged."]
