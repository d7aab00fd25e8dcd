# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host is after a transaction, as applying and rolling back both return it."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch import outcome, stages
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange, Plan
from ansible_collections.healthops.clinical.plugins.module_utils._patch.services import RestartOutcome
from patched_host import FakeManager, patched_host

CHANGE = PackageChange("lab", "all", "upgrade", "1", "2")
KEPT = KeptPackage("lab", "all", "1", "/kept/lab_1.deb", "mirror", "aa")


def test_a_result_says_what_was_done_restarted_and_still_needs_a_reboot() -> None:
    host = patched_host()
    host.add_file("/run/reboot-required", "")
    run = stages.begin(host, "run", Plan("updates", changes=(CHANGE,)), "2026-11-25T08:00:00Z")
    stages.note_before(host, run, stages.HostBefore(kept=(KEPT,)))
    restarted = RestartOutcome(restarted=("a.service",), to_restart=("b.service",), down=("c.service",))
    result = outcome.result_of(host, FakeManager(host), run, [CHANGE], restarted)
    assert result.changed
    assert result.done == ({"name": "lab", "arch": "all", "change": "upgrade", "from": "1", "to": "2"},)
    assert [package["path"] for package in result.kept] == [KEPT.path]
    assert (result.restarted, result.to_restart, result.down) == (("a.service",), ("b.service",), ("c.service",))
    assert result.reboot == {"needed": True, "why": ["/run/reboot-required is there"]}
    assert result.plan["run"] == result.run
    assert result.run["stage"] == "staging"


def test_what_is_down_is_one_sentence_or_none() -> None:
    assert outcome.down_since(RestartOutcome()) == ""
    assert outcome.down_since(RestartOutcome(down=("a.service", "tcp 80"))) == "down since: a.service, tcp 80"
