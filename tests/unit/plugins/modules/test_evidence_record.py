# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of evidence_record: it records a result on the control node alone, and says so where it is run on a host."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action import evidence_record as action
from ansible_collections.healthops.clinical.plugins.modules import evidence_record
from doors import run, specification, specification_of_action

OPTIONS: dict[str, Any] = {"path": "/evidence", "run_id": "r1", "registered": "baseline_result"}


def test_on_a_host_it_fails_and_names_the_action_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(evidence_record, monkeypatch, **OPTIONS)
    assert (ended.failed, list(ended.result)) == (True, ["msg"])
    assert "healthops.clinical.evidence_record" in ended.result["msg"]


def test_it_takes_what_its_action_plugin_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    door, plugin = specification(evidence_record, monkeypatch), specification_of_action(action, monkeypatch)
    assert (door.argument_spec, door.rules) == (plugin.argument_spec, plugin.rules)
