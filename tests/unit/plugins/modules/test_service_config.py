# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The door of service_config: its options reach the transaction on the host."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("ansible")

from ansible_collections.healthops.clinical.plugins.module_utils._calls import service_config as call
from ansible_collections.healthops.clinical.plugins.modules import service_config
from calls import on_host
from doors import run
from fake_host import FakeHost


def test_what_was_rendered_is_applied(monkeypatch: pytest.MonkeyPatch) -> None:
    host = FakeHost()
    on_host(call, monkeypatch, host)
    rendered = json.dumps({"links": [{"path": "/etc/current", "target": "x"}]})
    ended = run(service_config, monkeypatch, name="page", rendered=rendered)
    assert (ended.failed, ended.result["changed"]) == (False, True)
    assert host.nodes["/etc/current"].target == "x"
