# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tests of this scenario see the unit tests' pairs of versions, and the collection by its own name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "tests" / "unit"
sys.path[:0] = [str(UNIT), *os.environ["ANSIBLE_COLLECTIONS_PATH"].split(os.pathsep)]
