# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a headline asks of a run: who is unknown, who lost the change."""

from __future__ import annotations

import typing as t

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, run_facts, run_modes
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_facts import only_looked
from unit_tests.plugin_utils._evidence import patch_samples, samples
from unit_tests.plugin_utils._evidence.bundles import sample_fleet, sample_record
from unit_tests.plugin_utils._evidence.patch_bundles import patch_run


def test_missing_failed_and_unreadable_hosts_are_unknown() -> None:
    records = {
        **sample_fleet(1),
        "early": record.clean_result({"failed": True, "msg": "boom"}, "early", samples.RUN_ID),
    }
    run = evidence.bundle(samples.RUN_ID, records, ["down", "half"], {"half": "/x/half.json: cut"})
    assert list(run_facts.unknown_hosts(run)) == ["down", "early", "half"]
    assert run["missing"] == ["down"]
    assert run_modes.headline(run).startswith("4 hosts, 84 checks: ")
    assert run_modes.headline(run).endswith("; 3 hosts gave no result")


def guarded_run(*states: str, **more: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    made = {
        samples.host_name(number): record.clean_result(samples.guarded(state, number), "a")
        for number, state in enumerate(states)
    }
    return evidence.bundle(samples.RUN_ID, {**made, **more})


def test_hosts_that_did_not_keep_their_change_are_in_the_headline() -> None:
    run = guarded_run("confirmed", "reverted", "unknown", "none", "reverted")
    taken_back, silent = samples.host_name(1), samples.host_name(2)
    assert list(run_facts.not_confirmed(run)) == sorted([taken_back, silent, samples.host_name(4)])
    assert run_facts.not_confirmed(run)[taken_back].startswith(f"{taken_back} took back run")
    told = "; 2 hosts took their change back; 1 host stopped answering after its change"
    assert run_modes.headline(run).endswith(told)
    assert run_modes.headline(guarded_run("reverted")).endswith("; 1 host took its change back")


def test_hosts_that_kept_their_change_or_had_no_guard_are_not() -> None:
    run = guarded_run("confirmed", "none", "skipped", "off", old=sample_record())
    assert run_facts.not_confirmed(run) == {}
    assert "took" not in run_modes.headline(run)


def test_a_host_that_gave_no_result_is_told_of_once() -> None:
    cut = {"failed": True, "msg": "lost", "guard": samples.guard("reverted"), "run_id": samples.RUN_ID}
    run = guarded_run("confirmed", cut=record.clean_result(cut, "cut"))
    assert list(run_facts.unknown_hosts(run)) == ["cut"]
    assert run_facts.not_confirmed(run) == {}


def test_a_plan_only_looked_and_what_was_applied_did_not() -> None:
    assert only_looked(patch_run())
    assert not only_looked(patch_run({"a": patch_samples.applied()}))
    assert only_looked(patch_run({"a": patch_samples.applied(check_mode=True)}))
