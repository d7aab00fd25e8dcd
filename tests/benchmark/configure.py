# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What configuring a gateway and an archive costs: this checkout beside the release before it, in turns, in one run.

A run that finds all as it should be, in units of a play that only pings the same host; how many modules each sends to
the host; the same of the playbook configure, which also opens a run, probes and reports, beside the role alone; and a
first run of each system beside apt alone, which installs the same packages on the same bare host. Nothing here passes
or fails by the clock; the reader judges.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from pathlib import Path

from side_by_side import hosts

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
SETUP = HERE / "configure"
#: Roles that wrote to a host with a task for each file.
RELEASED = CHECKOUT / "tests" / "fixtures" / "released" / "roles.tar.xz"
NOW_HOST, BEFORE_HOST = "bench-now", "bench-before"
SYSTEMS = ("gateway", "archive")
PLAYBOOK = "healthops.clinical.configure"
ROLES = ("interface_gateway", "imaging_archive", "certificates")


def play(name: str, host: str, *arguments: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a play of this benchmark, or a playbook of the collection, on a host and return what it printed."""
    path = name if name == PLAYBOOK else str(SETUP / f"{name}.yml")
    argv = ["ansible-playbook", "-i", str(SETUP / "hosts.yml"), path, "-e", f"bench_host={host}"]
    done = subprocess.run(
        [*argv, *arguments], env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        sys.exit(f"{name} failed on {host}:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def seconds(
    name: str,
    host: str,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    changed: bool | None = None,
) -> float:
    """Return how long the play took. Refuses to measure a run that changed something where none should, or did not."""
    began = time.monotonic()
    output = play(name, host, *arguments, environment=environment)
    took = time.monotonic() - began
    if changed is not None and bool(re.search(r"changed=[1-9]", output)) is not changed:
        sys.exit(f"{name} on {host}: changed should be {changed}:\n{output}")
    return took


def module_calls(system: str, host: str, environment: Mapping[str, str] | None = None) -> int:
    return play(system, host, "-vvv", environment=environment).count("Using module file ")


def earlier_release(folder: Path) -> dict[str, str]:
    """Unpack the release before below the folder, and return the environment in which Ansible uses it."""
    collection = folder / "before" / "ansible_collections" / "healthops" / "clinical"
    with tarfile.open(RELEASED) as roles:
        roles.extractall(collection)  # our own file, and the Python of Debian 12 knows no filter
    (collection / "plugins").symlink_to(CHECKOUT / "plugins")  # the roles before had the same probes
    return {"ANSIBLE_COLLECTIONS_PATH": str(folder / "before")}


def yaml_lines(collection: Path, role: str) -> int:
    """Return how many lines of a role's tasks, handlers, variables and defaults are neither blank nor a comment."""
    parts = ("tasks", "handlers", "vars", "defaults")
    files = [path for part in parts for path in (collection / "roles" / role / part).glob("*.yml")]
    lines = [line.strip() for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return len([line for line in lines if line and not line.startswith("#")])


def steady(system: str, rounds: int, before: Mapping[str, str]) -> None:
    """Measure runs of a system that change nothing, each beside a ping of its host, who goes first in turns."""
    ways = {NOW_HOST: None, BEFORE_HOST: before}
    ratios: dict[str, list[float]] = {host: [] for host in ways}
    for host, environment in ways.items():
        play(system, host, environment=environment)
        play(system, host, environment=environment)
    for number in range(rounds):
        for host in list(ways) if number % 2 else reversed(ways):
            first = seconds("ping", host)
            took = seconds(system, host, environment=ways[host], changed=False)
            ping = (first + seconds("ping", host)) / 2
            ratios[host].append(took / ping)
            print(f"  {system} on {host}: {took:.2f} s, ping {ping:.2f} s", flush=True)
    print(f"\na run of the {system} that changes nothing, in pings of its host (median, of how many)")
    for host, values in ratios.items():
        calls = module_calls(system, host, ways[host])
        print(f"  {host:<14}{statistics.median(values):>6.2f}{len(values):>4}{calls:>5} module calls")


def playbook_beside_role(rounds: int, evidence: Path) -> None:
    """Measure the playbook configure and the role alone, on a gateway that is as it should be, in turns."""
    options = ["-e", f"run_targets={NOW_HOST}", "-e", "clinical_system=interface_gateway"]
    options += ["-e", f"run_evidence_dir={evidence}", "-e", f"@{SETUP / 'vars' / 'gateway.yml'}"]
    ways: dict[str, list[str]] = {"gateway": [], PLAYBOOK: options}
    ratios: dict[str, list[float]] = {name: [] for name in ways}
    for name, arguments in ways.items():
        play(name, NOW_HOST, *arguments)
    for number in range(rounds):
        for name in list(ways) if number % 2 else reversed(ways):
            first = seconds("ping", NOW_HOST)
            took = seconds(name, NOW_HOST, *ways[name], changed=False)
            ping = (first + seconds("ping", NOW_HOST)) / 2
            ratios[name].append(took / ping)
            print(f"  {name}: {took:.2f} s, ping {ping:.2f} s", flush=True)
    print(
        "\na run of the gateway that changes nothing, by its role and by the playbook, in pings (median, of how many)"
    )
    for name, values in ratios.items():
        print(f"  {name:<30}{statistics.median(values):>6.2f}{len(values):>4}")


def first_runs(system: str, rounds: int) -> None:
    """Measure the first run of a system on a bare host, and apt alone on the same bare host, in turns."""
    took: dict[str, list[float]] = {system: [], "packages": []}
    chosen = ("-e", f"bench_system={system}")
    for number in range(rounds):
        for name in (system, "packages") if number % 2 else ("packages", system):
            play("bare", NOW_HOST, *chosen)
            took[name].append(seconds(name, NOW_HOST, *chosen, changed=True))
            print(f"  first run, {system}, {name}: {took[name][-1]:.2f} s", flush=True)
    apt, role = (statistics.median(took[name]) for name in ("packages", system))
    longer = f"{role - apt:.2f} s longer (of {rounds})"
    print(f"\na first run of the {system} takes {role:.2f} s, apt alone {apt:.2f} s: {longer}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6, help="how often each is measured; even (default 6)")
    parser.add_argument("--first", type=int, default=2, help="how many first runs; even (default 2)")
    options = parser.parse_args()
    with hosts(SETUP) as folder:
        before = earlier_release(folder)
        for system in SYSTEMS:
            first_runs(system, options.first)
        for system in SYSTEMS:
            steady(system, options.rounds, before)
        playbook_beside_role(options.rounds, folder / "evidence")
        print("\nlines of YAML of a role, now and before")
        for role in ROLES:
            earlier = Path(before["ANSIBLE_COLLECTIONS_PATH"], "ansible_collections/healthops/clinical")
            print(f"  {role:<20}{yaml_lines(CHECKOUT, role):>5}{yaml_lines(earlier, role):>5}")


if __name__ == "__main__":
    main()
