# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep how long each part of a test run took, and print it as a table: python times.py FILE.jsonl

The file holds one JSON object a line: session, step (empty for the whole session), wall and cpu in seconds.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Timing:
    """One part of a run; `cpu` is user and system time of all its processes that have ended."""

    session: str
    step: str
    wall: float
    cpu: float


def record(file: Path, timing: Timing) -> None:
    """Append one timing; safe for several processes at once, since a short line is appended in one write."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(timing)) + "\n")


@contextmanager
def measured(file: Path, session: str, step: str = "") -> Iterator[None]:
    """Record what is done meanwhile, also when it fails. `cpu` counts the child processes that ended meanwhile."""
    began, used = time.monotonic(), _children_seconds()
    try:
        yield
    finally:
        record(file, Timing(session, step, time.monotonic() - began, _children_seconds() - used))


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def read(file: Path) -> list[Timing]:
    """Return the timings of a file in the order in which they were recorded."""
    return [Timing(**json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def table(timings: list[Timing]) -> str:
    """Render the sessions in the order in which they ended, each followed by its steps, seconds rounded."""
    sessions = list(dict.fromkeys(timing.session for timing in timings))
    ordered = sorted(timings, key=lambda timing: (sessions.index(timing.session), timing.step != ""))
    names = [f"  {timing.step}" if timing.step else timing.session for timing in ordered]
    width = max([len("session"), *map(len, names)])
    rows = [f"{name:<{width}}  {timing.wall:>6.0f}  {timing.cpu:>6.0f}" for name, timing in zip(names, ordered)]
    return "\n".join([f"{'session':<{width}}  {'wall s':>6}  {'cpu s':>6}", *rows])


def main() -> None:
    print(table(read(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
