# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A consistent copy of the SQLite index while Orthanc runs: snapshot INDEX writes /var/lib/imaging-archive/index.

Orthanc keeps its index locked, so SQLite's own backup cannot read it. The process is held still for as long as copying
takes, and what is copied is what a power cut would leave: SQLite mends that by itself when the copy is opened, and the
copy is then checked. Senders meanwhile wait as on a slow network. Copying that takes longer than they wait is given up.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

TO = Path("/var/lib/imaging-archive")
#: Senders and viewers give up after 10 seconds or more.
LONGEST = 8.0
CHUNK = 1 << 22


def main_pid() -> int:
    shown = ["systemctl", "show", "--property=MainPID", "--value", "orthanc.service"]
    return int(subprocess.run(shown, check=True, capture_output=True, text=True).stdout)


@contextlib.contextmanager
def held_still(pid: int) -> Iterator[None]:
    """Nothing writes meanwhile; with no process there is nothing to hold."""
    if not pid:
        yield
        return
    os.kill(pid, signal.SIGSTOP)
    try:
        # Until every thread has stopped, one may still be writing.
        while any(state not in "TtZ" for state in states(pid)):
            time.sleep(0.001)
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def states(pid: int) -> list[str]:
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return [stat.read_text("utf-8").rpartition(")")[2].split()[0] for stat in stats]


def copy(source: Path, target: Path, until: float) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        while chunk := reader.read(CHUNK):
            writer.write(chunk)
            if time.monotonic() > until:
                raise SystemExit(
                    f"Copying {source} takes longer than {LONGEST:.0f} s: drain, stop Orthanc, and run this again."
                )


def finish(new: Path) -> int:
    """Mend and check the copy; how many instances it knows."""
    with contextlib.closing(sqlite3.connect(new)) as index:
        index.execute("PRAGMA journal_mode = DELETE")
        (verdict,) = index.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            raise SystemExit(f"The copy of the index is not sound: {verdict}")
        # In SQLite, Orthanc counts the levels from 1, the patient.
        (instances,) = index.execute("SELECT COUNT(*) FROM Resources WHERE resourceType = 4").fetchone()
    with new.open("rb") as stream:
        os.fsync(stream.fileno())
    return int(instances)


def main() -> None:
    index = Path(sys.argv[1])
    new = TO / "index.new"
    for old in TO.glob("index.new*"):
        old.unlink()
    began = time.monotonic()
    pid = main_pid()
    with held_still(pid):
        for suffix in ("", "-wal"):
            source = Path(f"{index}{suffix}")
            # Without a writer, the log may be gone; with Orthanc down, that is as it should be.
            if source.exists():
                copy(source, Path(f"{new}{suffix}"), began + LONGEST if pid else float("inf"))
    held = time.monotonic() - began
    instances = finish(new)
    new.replace(TO / "index")
    print(f"{TO / 'index'}: {instances} instances; Orthanc was held still for {held:.2f} s")


if __name__ == "__main__":
    main()
