# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an imaging archive is doing: open associations by sender, jobs at work, and whether a restart waits.

Counts and addresses only, as one line of JSON. It is what a drain waits for, and what staff can ask by hand.
"""

from __future__ import annotations

import base64
import collections
import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ETC = Path("/etc/imaging-archive")
REST = "http://127.0.0.1:8042"
#: Jobs in these states would be cut by a stop. The others are over, or wait for a person.
AT_WORK = ("Pending", "Running", "Retry")


def run(*argv: str) -> str:
    return subprocess.run(argv, check=False, capture_output=True, text=True).stdout.strip()


def active(unit: str) -> bool:
    return run("systemctl", "is-active", unit) in ("active", "reloading", "deactivating")


def associations(port: int) -> dict[str, int]:
    """The addresses with an open connection to the DICOM port, and how many."""
    listed = run("ss", "-Htn", "state", "established", f"( sport = :{port} )").splitlines()
    return dict(collections.Counter(line.split()[3].rpartition(":")[0].strip("[]") for line in listed))


def ask(path: str) -> Any:
    """An answer of Orthanc, over the loopback as the proxy does it."""
    secret = (ETC / "environment").read_text("utf-8").split("IMAGING_ARCHIVE_SECRET=")[1].split()[0]
    login = base64.b64encode(f"proxy:{secret}".encode()).decode()
    request = urllib.request.Request(REST + path, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def rest() -> dict[str, Any]:
    """Whether it answers, how fast, and how many jobs are at work; jobs that cannot be counted are unknown."""
    began = time.monotonic()
    try:
        version = ask("/system")["Version"]
        took = time.monotonic() - began
        jobs = sum(job["State"] in AT_WORK for job in ask("/jobs?expand"))
    except (OSError, ValueError, LookupError) as error:
        return {"answers": False, "jobs": None, "saw": f"REST on the loopback: {error}"}
    return {"answers": True, "jobs": jobs, "latency_ms": round(took * 1000, 1), "saw": f"Orthanc {version} answered"}


def restart_waits() -> bool:
    """Whether a file that Orthanc was started from is another one now."""
    known = Path("/run/imaging-archive/started-with")
    return subprocess.run(["sha256sum", "--check", "--status", known], check=False).returncode != 0


def restarts() -> int:
    """How often systemd has started Orthanc anew since somebody started it."""
    return int(run("systemctl", "show", "--property=NRestarts", "--value", "orthanc.service") or 0)


def look(port: int) -> dict[str, Any]:
    """What the archive does at this moment."""
    running = active("orthanc.service")
    peers = associations(port)
    status: dict[str, Any] = {
        "running": running,
        "drained": active("imaging-archive-drain.service"),
        "restart_waits": running and restart_waits(),
        "associations": sum(peers.values()),
        "peers": peers,
    }
    return status | (rest() if running else {"answers": False, "jobs": 0, "saw": "Orthanc does not run"})


def main() -> None:
    """Print what it does; with a second argument once it answers, or after so many seconds."""
    port = int(sys.argv[1])
    end = time.monotonic() + float(sys.argv[2] if len(sys.argv) > 2 else 0)
    before = restarts()
    status = look(port)
    # One that ends and is started again, and again, is not awaited.
    while not status["answers"] and time.monotonic() < end and restarts() < before + 2:
        time.sleep(1)
        status = look(port)
    print(json.dumps(status, sort_keys=True))


if __name__ == "__main__":
    main()
