# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rpm of the host orders a hundred thousand pairs of versions as we do, and dnf its advisories as the plan does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "tests" / "unit"))

import rpm_pairs
from ansible_collections.healthops.clinical.plugins.module_utils._patch._rpm_versions import later


def test_rpm_orders_versions_as_we_do(host: Any) -> None:
    made = host.run("cat > /tmp/pairs < /dev/null")
    assert made.rc == 0
