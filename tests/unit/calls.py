# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Letting a call of ``_calls`` work on a fake host, beside a lock that is only noted."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import lock
from fake_host import FakeHost


def on_host(call: Any, monkeypatch: pytest.MonkeyPatch, host: FakeHost) -> list[tuple[str, float]]:
    """Give a call this host, and return the list of the locks that it takes: for whom, and how patiently."""
    locks: list[tuple[str, float]] = []

    @contextlib.contextmanager
    def held(holder: str, patience: float = 0.0) -> Iterator[None]:
        locks.append((holder, patience))
        yield

    monkeypatch.setattr(call, "RealHost", lambda: host)
    monkeypatch.setattr(lock, "held", held)
    return locks
