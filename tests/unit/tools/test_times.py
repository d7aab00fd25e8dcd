# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the sessions of a test run took, as a table."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.healthops.clinical.tools.times import Timing, read, record, table


def test_a_table_lists_sessions_in_their_order(tmp_path: Path) -> None:
    file = tmp_path / "results" / "times.jsonl"
    for timing in (Timing("lint", 20.4, 31.6), Timing("molecule", 700.0, 1201.0), Timing("units", 9.0, 17.0)):
        record(file, timing)
    assert table(read(file)).splitlines() == [
        "session   wall s   cpu s",
        "lint          20      32",
        "molecule     700    1201",
        "units          9      17",
    ]
