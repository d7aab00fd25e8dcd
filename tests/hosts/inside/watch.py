# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: how much memory the programs of a task need. ``watch.py FILE``, until it is ended.

It writes the greatest peak of any Python process that it meets, in MiB, and for how many seconds it met that one.
"""

from __future__ import annotations

import glob
import json
import os
import re
import sys
import time

PEAK = re.compile(r"^Name:\tpython3.*^VmHWM:\s*(\d+) kB$", re.MULTILINE | re.DOTALL)


def main(path: str) -> None:
    began: dict[str, float] = {}
    greatest = 0.0
    while True:
        for status in glob.glob("/proc/[0-9]*/status"):
            peak = peak_of(status)
            if not peak or status == f"/proc/{os.getpid()}/status":
                continue
            began.setdefault(status, time.monotonic())
            if peak >= greatest:
                greatest = peak
                write(path, {"MiB": round(peak, 1), "seconds": round(time.monotonic() - began[status], 1)})
        time.sleep(0.1)


def peak_of(status: str) -> float:
    try:
        with open(status, encoding="utf-8", errors="replace") as file:
            found = PEAK.search(file.read())
    except OSError:  # it has just ended
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def write(path: str, figures: dict[str, float]) -> None:
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(figures, file)
    os.replace(f"{path}.new", path)


if __name__ == "__main__":
    main(sys.argv[1])
