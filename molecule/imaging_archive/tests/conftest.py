# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests need: the programs of dcmtk on the sending host, which were being installed meanwhile."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from outside import SENDER, ssh, wait_for

INSTALLED = "dpkg --status dcmtk 2> /dev/null | grep -q '^Status: .* installed'"


@pytest.fixture(autouse=True, scope="session")
def _dcmtk() -> None:
    wait_for("dcmtk is installed", lambda: ssh(SENDER, INSTALLED).returncode == 0, patience=120)
