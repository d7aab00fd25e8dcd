# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the main job beside what it is compared with: same host, same connection, in turns, in one run.

Prints medians and ratios. Nothing here passes or fails by the clock; the reader judges.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path[:0] = [str(HERE), str(CHECKOUT / "tests" / "unit")]
importlib.import_module("conftest")  # makes the checkout importable by the collection's name

import one_task_each  # noqa: E402
import repeated  # noqa: E402
import yaml  # noqa: E402
from ansible_collections.healthops.clinical.plugins.plugin_utils import _catalogue  # noqa: E402

HOSTS = CHECKOUT / "tests" / "hosts"
CATALOGUE = CHECKOUT / "roles" / "hardening" / "catalogue"
MANY = 300
FEW = 70
PEAK = """
import json, resource, subprocess, sys
done = subprocess.run([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, check=True)
print(json.dumps({"peak_kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (default 5)")
    rounds = parser.parse_args().rounds
    playbook("create", HOSTS / "create.yml", "--extra-vars", "test_hosts_fresh=true")
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), rounds)
    finally:
        playbook("destroy", HOSTS / "destroy.yml")


def measure(folder: Path, rounds: int) -> None:
    whole = _catalogue.select(_catalogue.load([CATALOGUE]), "standard").controls
    more = folder / "more"
    write(more / "controls" / "repeated.yml", repeated.controls(MANY - len(whole)))
    write(folder / "ping.yml", [{"hosts": "all", "gather_facts": False, "become": True, "tasks": [PING]}])
    write(folder / "few.yml", one_task_each.play(spread(whole, FEW)))
    many = [*whole, *repeated.controls(MANY - len(whole))]
    write(folder / "many.yml", one_task_each.play(many))
    plain = ("healthops.clinical.harden", "--extra-vars", settings(folder, []))
    large = ("healthops.clinical.harden", "--extra-vars", settings(folder, [str(more)]))
    runs = {
        "ping": (folder / "ping.yml",),
        f"harden, {len(whole)} controls": plain,
        f"harden, {MANY} controls": large,
    }
    slow = {f"one task each, {FEW}": (folder / "few.yml",), f"one task each, {MANY}": (folder / "many.yml",)}
    write(folder / "files.yml", [{"hosts": "all", "gather_facts": False, "become": True, "tasks": [FILES]}])
    playbook("making files", folder / "files.yml")
    for arguments in [*runs.values(), *slow.values()]:
        playbook("first run", *arguments)  # what is measured is the steady state
    seconds = {name: [timed(name, *arguments)] for name, arguments in {**runs, **slow}.items()}
    for _round in range(rounds - 1):
        for name, arguments in runs.items():
            seconds[name].append(timed(name, *arguments))
    show(seconds, peak_memory(folder, large))


PING = {"ansible.builtin.ping": {}}
MAKE = 'mkdir -p "$0" && cd "$0" && touch $(seq 0 "$1")'
FILES = {"ansible.builtin.command": {"argv": ["bash", "-c", MAKE, repeated.FOLDER, str(MANY)]}}


def spread(controls: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """``count`` controls taken evenly over the catalogue, of the kinds that an ordinary module knows."""
    known = [control for control in controls if control["kind"] in one_task_each.TASKS]
    return [known[n * len(known) // count] for n in range(count)]


def settings(folder: Path, extra: list[str]) -> str:
    return json.dumps({"hardening_evidence_dir": str(folder / "evidence"), "hardening_extra_catalogues": extra})


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def playbook(what: str, *arguments: object, env: dict[str, str] | None = None) -> str:
    command = ["ansible-playbook", "--inventory", str(HERE / "hosts.yml"), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{what} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def timed(name: str, *arguments: object) -> float:
    began = time.monotonic()
    playbook(name, *arguments)
    took = time.monotonic() - began
    print(f"  {name}: {took:.2f} s", flush=True)
    return took


def peak_memory(folder: Path, arguments: tuple[object, ...]) -> float:
    """The peak of the module's own process on the host, in MiB: the sent module is kept there and run once more."""
    playbook("keeping the module", *arguments, env={"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_PIPELINING": "0"})
    measure_it = folder / "peak.yml"
    script = folder / "peak.py"
    script.write_text(PEAK, encoding="utf-8")
    find = "/home/automation/.ansible/tmp /root/.ansible/tmp"
    argv = ["bash", "-c", f"python3 /tmp/peak.py $(find {find} -name AnsiballZ_baseline.py 2>/dev/null | head -n1)"]
    tasks = [
        {"ansible.builtin.copy": {"src": str(script), "dest": "/tmp/peak.py", "mode": "0600"}},
        {"ansible.builtin.command": {"argv": argv}, "register": "peak"},
        {"ansible.builtin.debug": {"msg": "PEAK {{ peak.stdout }} PEAK"}},
    ]
    write(measure_it, [{"hosts": "all", "gather_facts": False, "become": True, "tasks": tasks}])
    output = playbook("peak memory", measure_it)
    return int(output.split('peak_kib\\": ')[1].split("}")[0]) / 1024


def show(seconds: dict[str, list[float]], peak: float) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = medians["ping"]
    print(f"\n{'':<28}{'median':>9}{'to ping':>9}   times")
    for name, median in medians.items():
        print(f"{name:<28}{median:>7.2f} s{median / base:>9.2f}   {len(seconds[name])}")
    print(f"\npeak memory of the module with {MANY} controls: {peak:.1f} MiB")


if __name__ == "__main__":
    main()
