# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep how long each session of a test run took, and print it as a table: python times.py FILE.jsonl

The file holds one JSON object a line: session, wall and cpu in seconds.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timing:
    """One session of a run; `cpu` is user and system time of all its processes that have ended."""

    session: str
    wall: float
    cpu: float


def record(file: Path, timing: Timing) -> None:
    """Append one timing; safe for several processes at once, since a short line is appended in one write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(timing)) + "\n")


def read(file: Path) -> list[Timing]:
    """Return the timings of a file in the order in which they were recorded."""
    return [Timing(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def table(timings: list[Timing]) -> str:
    """Render one line a session, in the order in which they ended, seconds rounded."""
    width = max([len("session"), *(len(timing.session) for timing in timings)])
    rows = [f"{timing.session:<{width}}  {timing.wall:>6.0f}  {timing.cpu:>6.0f}" for timing in timings]
    return "\n".join([f"{'session':<{width}}  {'wall s':>6}  {'cpu s':>6}", *rows])


def main() -> None:
    print(table(read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
