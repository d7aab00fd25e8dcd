# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hosts share stands once in a bundle."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import words
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.clean_records import clean


def test_a_run_tells_of_each_control_and_framework_once() -> None:
    from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import shared

    run = evidence.bundle(samples.RUN_ID, {name: clean(each) for name, each in samples.fleet(3, 30).items()})
    told = shared.stored(run)
    assert len(told["controls"]) == 30
    assert not any("references" in finding for host in told["hosts"].values() for finding in host["findings"])
    assert told["controls"]["sshd_root_login"]["references"][0] == {
        "framework": "nist_800_53r5",
        "reference": "AC-6(2)",
        "strength": "supports",
    }
    assert told["frameworks"]["hipaa_nprm_2024"] == {"title": "HIPAA Security Rule NPRM", "status": "proposed"}
    one, two = (run["hosts"][name]["findings"][0]["references"] for name in sorted(run["hosts"])[:2])
    assert one is two


def test_hosts_that_word_a_control_differently_are_told_apart() -> None:
    from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import shared

    other = samples.result(1, 3)
    other["findings"][0]["rationale"] = "Our own words."
    run = evidence.bundle(samples.RUN_ID, {"a": clean(samples.result(0, 3)), "b": clean(other)})
    told = shared.stored(run)
    assert "control" not in told["hosts"]["a"]["findings"][0]
    assert told["hosts"]["b"]["findings"][0]["control"] == "sshd_root_login~2"
    assert told["controls"]["sshd_root_login~2"]["rationale"] == "Our own words."
    assert words.canonical(shared.stored(run)) == words.canonical(told)
