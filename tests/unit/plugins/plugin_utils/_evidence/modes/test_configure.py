# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration: how services answered, and no word about controls that nobody judged."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.bundle import bundle
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.modes.configure import MODE
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import recognise
from unit_tests.plugin_utils._evidence import samples, system_samples


def probed(**more: object) -> samples.Json:
    return record.clean_probes([samples.probe(**more)], "a", samples.RUN_ID)


def test_hosts_that_only_answered_probes_were_configured() -> None:
    assert MODE.is_told_by([probed()])
    assert not MODE.is_told_by([samples.result()])


def test_what_the_play_says_counts_more_than_probes() -> None:
    assert recognise([probed()]) == "configure"
    assert recognise([probed()], "patch_apply") == "patch_apply"


def test_healthy_services_and_failed_checks_are_counted() -> None:
    run = bundle(samples.RUN_ID, {"a": probed(), "b": probed(healthy=False, state="rejecting")}, ["down"])
    assert MODE.headline(run) == (
        "3 hosts: 1 service check healthy; 1 of 2 service checks failed; 1 host gave no result"
    )


def test_where_nobody_was_asked_nothing_is_known() -> None:
    run = bundle(samples.RUN_ID, {}, ["down"], mode="configure")
    assert MODE.headline(run) == "1 host: nothing is known; 1 host gave no result"


def configured(**known: object) -> samples.Json:
    return record.clean_result(system_samples.configured(**known), "a", samples.RUN_ID)  # type: ignore[arg-type]


def test_systems_that_were_configured_are_counted() -> None:
    assert MODE.is_told_by([configured()])
    records = {"a": configured(), "b": configured(changed=False), "c": configured(errors=["refused"], changed=False)}
    run = bundle(samples.RUN_ID, records, mode="configure")
    assert MODE.headline(run) == "3 hosts: 2 systems configured, 1 changed, 1 failed"
    both = bundle(samples.RUN_ID, {"a": record.merged(configured(), probed())})
    assert MODE.headline(both) == "1 host: 1 system configured, 1 changed, 1 service check healthy"
    assert "earlier one" in MODE.lead(both)[0]


def test_a_configuration_is_taken_back_by_the_id_of_the_run() -> None:
    assert (MODE.undo(False).playbook, MODE.undo(False).option) == (
        "healthops.clinical.rollback",
        "hardening_revert_run",
    )
    assert MODE.undo(True).playbook == ""
