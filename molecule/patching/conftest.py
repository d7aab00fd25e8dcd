# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the test folders of this scenario share."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.extend([str(Path(__file__).parent), str(Path(__file__).parents[2] / "tests" / "hosts")])

from laboratory import Mirror, Patched
from sharing import pytest_collection_modifyitems

__all__ = ["pytest_collection_modifyitems"]


@pytest.fixture(scope="session")
def mirror() -> Mirror:
    return Mirror()


@pytest.fixture(params=["patch1", "patch2"], ids=["debian-12", "debian-13"])
def host(request: pytest.FixtureRequest) -> Patched:
    """A host in whatever state the last test left it."""
    return Patched(request.param)


@pytest.fixture
def fresh(host: Patched, mirror: Mirror) -> Patched:
    """A host as before the updates."""
    host.reset(mirror)
    return host
