# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Share the tests of a scenario out between its hosts: in the short form, each is of one host, in turns.

For tests that begin on a host as new, and prove the same on each. With HEALTHOPS_DRILLS=full, each is of every host. A
conftest.py has it by importing ``pytest_collection_modifyitems``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

#: The parameter of a test that is the host it works on.
HOST = "host"


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Keep of each test the item of one host: the first host for the first test, the next host for the next test."""
    if os.environ.get("HEALTHOPS_DRILLS") == "full":
        return
    kept = share_out(items)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def share_out(items: list[Any]) -> list[Any]:
    """Return the items that are left of tests by hosts; what has no host stays."""
    tests: dict[tuple[Any, ...], list[Any]] = {}
    for item in items:
        tests.setdefault(_test_of(item), []).append(item)
    return [of_hosts[number % len(of_hosts)] for number, of_hosts in enumerate(tests.values())]


def _test_of(item: Any) -> tuple[Any, ...]:
    """Return what all items of a test have in common that differ by nothing but the host."""
    parameters: Mapping[str, Any] = item.callspec.params if hasattr(item, "callspec") else {}
    others = sorted((name, repr(value)) for name, value in parameters.items() if name != HOST)
    return (item.path, getattr(item, "originalname", item.name), *others)
