# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the hosts of the drills, has all drills run at once, and removes the hosts."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import outside
from drills import DRILLS
from pool import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future


@pytest.fixture(name="futures", scope="session")
def fixture_futures(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[None]]]:
    """Every drill that was asked for, at work or done. DRILL_HOSTS=keep leaves the hosts for a second look."""
    wanted = {item.callspec.params["name"] for item in request.session.items if hasattr(item, "callspec")}
    outside.hosts_playbook("create.yml", "--extra-vars=test_hosts_fresh=true")
    pool = Pool(list(outside.hosts()))
    yield pool.begin([drill for drill in DRILLS if drill.name in wanted])
    for name, seconds in sorted(pool.seconds.items(), key=lambda item: -item[1]):
        print(f"{seconds:6.1f} s  {name}")
    if os.environ.get("DRILL_HOSTS") != "keep":
        outside.hosts_playbook("destroy.yml")
