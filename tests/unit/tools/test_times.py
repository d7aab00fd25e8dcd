# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a part of a test run took, from the measuring to the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.tools.times import Timing, measured, read, record, table


def test_a_table_lists_sessions_in_their_order_with_their_steps_below_them(tmp_path: Path) -> None:
    file = tmp_path / "results" / "times.jsonl"
    for timing in (
        Timing("lint", "", 20.4, 31.6),
        Timing("molecule", "default converge", 61.0, 40.0),
        Timing("units", "", 9.0, 17.0),
        Timing("molecule", "", 700.0, 1201.0),
    ):
        record(file, timing)
    assert table(read(file)).splitlines() == [
        "session             wall s   cpu s",
        "lint                    20      32",
        "molecule               700    1201",
        "  default converge      61      40",
        "units                    9      17",
    ]


def test_the_processor_time_is_that_of_the_child_processes(tmp_path: Path) -> None:
    busy = "import time\nwhile time.process_time() < 0.3: pass"
    with measured(tmp_path / "times.jsonl", "lint", "busy"):
        subprocess.run([sys.executable, "-c", busy], check=True)
    (timing,) = read(tmp_path / "times.jsonl")
    assert (timing.session, timing.step) == ("lint", "busy")
    assert timing.wall >= 0.3
    assert timing.cpu >= 0.3


def test_what_fails_is_recorded_too(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), measured(tmp_path / "times.jsonl", "lint"):
        raise ZeroDivisionError
    assert [timing.session for timing in read(tmp_path / "times.jsonl")] == ["lint"]
