# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle of a run: it adds up, whatever the order in which its records came."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, words
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.bundles import sample_fleet, sample_record


def test_the_bundle_adds_up() -> None:
    run = evidence.bundle(samples.RUN_ID, sample_fleet(), [*sample_fleet(), "zz-down"])
    assert run["schema"] == "healthops.clinical/run/2"
    assert (run["mode"], run["tier"]) == ("harden", "standard")
    assert (run["started"], run["finished"]) == ("2026-11-22T15:00:00Z", "2026-11-22T15:00:05Z")
    assert run["catalogue"]["controls"] == 84
    assert sum(run["summary"].values()) == 252
    assert run["missing"] == ["zz-down"]
    assert words.canonical(run) == words.canonical(
        evidence.bundle(samples.RUN_ID, dict(reversed(list(sample_fleet().items()))), ["zz-down", *sample_fleet()])
    )


def test_hosts_of_different_tiers_and_catalogues_are_told() -> None:
    other = samples.result(1)
    other["tier"] = "essential"
    other["catalogue"] = {"digest": "sha256:00", "controls": 3}
    run = evidence.bundle(samples.RUN_ID, {"a": sample_record(), "b": record.clean_result(other, "b")})
    assert run["tier"] == "essential, standard"
    assert run["catalogue"]["digest"] is None
    assert len(run["catalogue"]["several"]) == 2


def test_a_name_that_can_name_no_record_does_not_stop_the_report_of_others() -> None:
    run = evidence.bundle(samples.RUN_ID, {"a": sample_record()}, ["a", "b/c", "down"])
    assert (list(run["hosts"]), run["missing"], list(run["unreadable"])) == (["a"], ["down"], ["b/c"])
    assert "it has a slash" in run["unreadable"]["b/c"]
