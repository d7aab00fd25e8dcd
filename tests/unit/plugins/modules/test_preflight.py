# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of preflight: it asks the control node alone, and says so where it is run on a host."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.action import preflight as action
from ansible_collections.healthops.clinical.plugins.modules import preflight
from doors import run, specification, specification_of_action

OPTIONS: dict[str, Any] = {"path": "/evidence"}


def test_on_a_host_it_fails_and_names_the_action_plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = run(preflight, monkeypatch, **OPTIONS)
    assert (ended.failed, list(ended.result)) == (True, ["msg"])
    assert "healthops.clinical.preflight" in ended.result["msg"]


def test_it_takes_what_its_action_plugin_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    door, plugin = specification(preflight, monkeypatch), specification_of_action(action, monkeypatch)
    assert (door.argument_spec, door.rules) == (plugin.argument_spec, plugin.rules)
