# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs as root in a test host: ends the baseline module with SIGKILL in the middle of its work.

    killer.py PATH

It waits for a run to take the lock, then for PATH to change or appear, and kills the process that the lock names. It
fails where nothing was there to kill.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time

LOCK = "/run/healthops/baseline.lock"


def face(path: str) -> tuple[int, int] | None:
    try:
        info = os.lstat(path)
    except FileNotFoundError:
        return None
    return info.st_ino, info.st_ctime_ns


def holder() -> int:
    """The process in the lock's note, where it still runs; 0 where there is none."""
    try:
        with open(LOCK, encoding="utf-8") as file:
            pid = int(json.load(file)["pid"])
        os.kill(pid, 0)
    except (OSError, ValueError, KeyError):
        return 0
    return pid


def main(path: str) -> int:
    before, deadline = face(path), time.monotonic() + 900
    while time.monotonic() < deadline:
        pid = holder()
        if pid and face(path) != before:
            os.kill(pid, signal.SIGKILL)
            print(f"killed {pid} after {path} had changed")
            return 0
        time.sleep(0.0005)
    print(f"{path} did not change while a run was at work")
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
