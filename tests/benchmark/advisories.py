# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the control node takes for the advisories of 1,000 hosts, and how much memory.

Without a file it makes a tracker of the size and shape of Debian's: many small packages, and one kernel with thousands
of CVEs whose descriptions are long. It ends with 1 where the process took more than 256 MiB.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[2]
LIMIT_MIB = 256
PACKAGES, SOURCES_OF_A_HOST = 4000, 450
RELEASES = ("bullseye", "bookworm", "trixie", "forky", "sid")
SCORES = 300_000
EXPLOITED = 1_500


def entry(number: int, long: int) -> dict[str, object]:
    """One CVE as the tracker tells it: fixed in most releases, open in some, never there in others."""
    releases = {}
    for place, release in enumerate(RELEASES):
        kind = (number + place) % 7
        about: dict[str, object] = {"repositories": {release: f"1.{number % 40}-1"}, "urgency": "not yet assigned"}
        if kind == 0:
            about["status"] = "open"
        else:
            about.update(status="resolved", fixed_version="0" if kind == 1 else f"1.{number % 40}-1+deb{place + 11}u1")
        releases[release] = about
    return {"description": "x" * long, "scope": "local", "debianbug": 1_000_000 + number, "releases": releases}


def write_tracker(stream: TextIO, megabytes: int) -> None:
    """The kernel has about a sixth of all text, as it has in the real one."""
    number, written, goal = 0, 0, megabytes * 1_000_000
    stream.write("{")
    for package in range(PACKAGES):
        name, many = ("linux", 0) if package == PACKAGES // 2 else (f"source{package:04d}", 12)
        stream.write(f'{", " if package else ""}"{name}": {{')
        kernel_goal, first = written + goal // 6, True
        while (many and number % 13 < many) or (not many and written < kernel_goal):
            text = f'"CVE-2024-{10000 + number}": {json.dumps(entry(number, 250 if many else 2000))}'
            stream.write(text if first else f", {text}")
            written, number, first = written + len(text), number + 1, False
        number += 1
        stream.write("}")
    stream.write("}")


def write_others(folder: Path) -> tuple[Path, Path]:
    kev, epss = folder / "kev.json", folder / "epss.csv"
    known = [{"cveID": f"CVE-2024-{10000 + number * 7}", "dueDate": "2026-12-01"} for number in range(EXPLOITED)]
    document = {
        "title": "KEV",
        "dateReleased": "2026-11-24T15:00:00.0000Z",
        "count": EXPLOITED,
        "vulnerabilities": known,
    }
    kev.write_text(json.dumps(document), encoding="utf-8")
    with epss.open("w", encoding="utf-8") as stream:
        stream.write("#model_version:v2026.01.01,score_date:2026-11-24T00:00:00+0000\ncve,epss,percentile\n")
        stream.writelines(
            f"CVE-2024-{number},{number % 1000 / 1000:.5f},0.50000\n" for number in range(10000, 10000 + SCORES)
        )
    return kev, epss


def hosts(number: int) -> Iterator[dict[str, str]]:
    """Yield the packages of each host: a third of them differ from host to host, and each is behind a little."""
    names = [f"source{place:04d}" for place in range(0, PACKAGES, PACKAGES // SOURCES_OF_A_HOST)]
    for host in range(number):
        behind = {name: f"1.{38 + (host + place) % 3}-1+deb12u1" for place, name in enumerate(names)}
        yield {**behind, "linux": f"1.{37 + host % 3}-1"}


def measured(given: list[str], number: int, limit: int) -> None:
    """Measure, in a process of its own, so that its memory is only its own."""
    sys.path.insert(0, str(ROOT / "tests" / "unit"))
    importlib.import_module("conftest")  # makes the checkout importable by the collection's name
    from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories as patch_advisories

    with tempfile.TemporaryDirectory() as cache:
        began = time.perf_counter()
        made = patch_advisories.index(dict(zip(patch_advisories.files.NAMES, map(Path, given))), Path(cache))
        assert made
        indexed = time.perf_counter()
        advisories = [
            sum(len(rows) for rows in made.for_packages("bookworm", sources).values()) for sources in hosts(number)
        ]
        answered = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = Path(given[0]).stat().st_size / 1e6
    print(f"tracker of {size:.0f} MB indexed in {indexed - began:.1f} s")
    print(f"{number} hosts in {answered - indexed:.1f} s, {sum(advisories) / number:.0f} advisories each")
    print(f"most memory {peak:.0f} MiB; allowed {limit} MiB")
    sys.exit(peak > limit)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tracker", type=Path)
    options.add_argument("--megabytes", type=int, default=80)
    options.add_argument("--hosts", type=int, default=1000)
    options.add_argument("--limit", type=int, default=LIMIT_MIB, help="MiB")
    options.add_argument("--measure", nargs=3)
    chosen = options.parse_args()
    if chosen.measure:
        measured(chosen.measure, chosen.hosts, chosen.limit)
    with tempfile.TemporaryDirectory() as folder:
        tracker = chosen.tracker or Path(folder) / "tracker.json"
        if not chosen.tracker:
            with tracker.open("w", encoding="utf-8") as stream:
                write_tracker(stream, chosen.megabytes)
        given = map(str, (tracker, *write_others(Path(folder))))
        numbers = ["--hosts", str(chosen.hosts), "--limit", str(chosen.limit)]
        command = [sys.executable, __file__, *numbers, "--measure", *given]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
