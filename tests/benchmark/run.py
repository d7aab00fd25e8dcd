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
import yaml  # noqa: E402
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load  # noqa: E402

HOSTS = CHECKOUT / "tests" / "hosts"
CATALOGUE = CHECKOUT / "roles" / "hardening" / "catalogue"
FEW = 70
PEAK = """
import json, resource, subprocess, sys
done = subprocess.run([sys.executable, sys.argv[1]], stdout=subprocess.PIPE, check=True)
print(json.dumps({"peak_kib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=6, help="how often each is measured; even, so that all directions are (default 6)"
    )
    rounds = parser.parse_args().rounds
    playbook("create", HOSTS / "create.yml", "--extra-vars", "test_hosts_fresh=true")
    try:
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), rounds)
    finally:
        playbook("destroy", HOSTS / "destroy.yml")


def measure(folder: Path, rounds: int) -> None:
    loaded = load.load([CATALOGUE])
    controls = load.select(loaded, "strict").controls
    standard = f"harden, {len(load.select(loaded, 'standard').controls)} controls"
    write(folder / "few.yml", one_task_each.play(spread(controls, FEW)))
    main_job = f"harden, all {len(controls)} controls"
    runs = {
        "ping": play(folder / "ping.yml", PING),
        NEW_LOGIN: play(folder / "new_login.yml", PING, RECONNECT, PING, PING),
        standard: harden(folder, hardening_tier="standard"),
        main_job: harden(folder),
        f"{main_job}, no guard": harden(folder, **NO_GUARD),
    }
    slow = {f"one task each, {FEW}": (folder / "few.yml",)}
    os.environ.update(bytecode(folder, keep=True))
    for arguments in [*runs.values(), *slow.values(), harden(folder, hardening_tunables=FRO, **NO_GUARD)]:
        playbook("first run", *arguments)  # what is measured is the steady state
    seconds = {name: [timed(name, *arguments)] for name, arguments in slow.items()}
    for number in range(rounds):
        for name, arguments in runs.items():
            seconds.setdefault(name, []).append(timed(name, *arguments))
            if name.startswith("harden"):
                expect(folder, changes=0, guard="off" if name.endswith("no guard") else "none")
        for name in ("ping", main_job):
            took = timed(f"{name}{NO_BYTECODE}", *runs[name], env=bytecode(folder, keep=False))
            seconds.setdefault(f"{name}{NO_BYTECODE}", []).append(took)
        for name, took in one_change(folder, number).items():
            seconds.setdefault(name, []).append(took)
    show(seconds, peak_memory(folder, harden(folder)), main_job)


def bytecode(folder: Path, keep: bool) -> dict[str, str]:
    """Return variables with which Python keeps compiled code, as it does by itself, or does not, as in some images."""
    where = folder / ("bytecode" if keep else "none")
    return {"PYTHONDONTWRITEBYTECODE": "" if keep else "1", "PYTHONPYCACHEPREFIX": str(where)}


def one_change(folder: Path, number: int) -> dict[str, float]:
    """Change one guarded control to and fro, once with the guard and once without; who goes first takes turns."""
    ways = [(GUARDED, {}, "confirmed"), (f"{CHANGE}, no guard", NO_GUARD, "off")]
    seconds = {}
    for values, (name, more, guard) in zip((TO, FRO), ways if number % 2 else reversed(ways)):
        seconds[name] = timed(name, *harden(folder, hardening_tunables=values, **more))
        expect(folder, changes=1, guard=guard)
    return seconds


def expect(folder: Path, changes: int, guard: str) -> None:
    """Refuse to measure something else than what the name of the measurement says."""
    run = json.loads((folder / "evidence" / "latest" / "run.json").read_text(encoding="utf-8"))
    (host,) = run["hosts"].values()
    seen = (len(host["changes"]), host["guard"]["state"])
    if seen != (changes, guard):
        sys.exit(f"expected {changes} changes and the guard {guard}, saw {seen}: {host['msg']}")


PING = {"ansible.builtin.ping": {}}
RECONNECT = {"ansible.builtin.meta": "reset_connection"}
#: What a guard may cost at the most: one new login and two small calls.
NEW_LOGIN = "ping, new login, two more"
CHANGE = "harden, one change"
GUARDED = f"{CHANGE}, guarded"
NO_GUARD = {"hardening_confirm_within": 0}
NO_BYTECODE = ", no bytecode kept"
#: One guarded control, to and fro; the other runs are content with both.
TO = {"sshd_root_login": "no", "sshd_root_login_also_fine": ["no"]}
FRO = {"sshd_root_login": "prohibit-password", "sshd_root_login_also_fine": ["forced-commands-only"]}


def spread(controls: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """``count`` controls taken evenly over the catalogue, of the kinds that an ordinary module knows."""
    known = [control for control in controls if control["kind"] in one_task_each.TASKS]
    return [known[n * len(known) // count] for n in range(count)]


def harden(folder: Path, **more: Any) -> tuple[str, str, str]:
    """The arguments of a run with these variables; the account that logs in stands for the break-glass account."""
    variables = {
        "hardening_tier": "strict",
        "hardening_evidence_dir": str(folder / "evidence"),
        "hardening_break_glass_users": ["automation"],
        **more,
    }
    return ("healthops.clinical.harden", "--extra-vars", json.dumps(variables))


def write(path: Path, data: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")


def play(path: Path, *tasks: dict[str, Any]) -> tuple[Path]:
    write(path, [{"hosts": "all", "gather_facts": False, "become": True, "tasks": list(tasks)}])
    return (path,)


def playbook(what: str, *arguments: object, env: dict[str, str] | None = None) -> str:
    command = ["ansible-playbook", "--inventory", str(HERE / "hosts.yml"), *map(str, arguments)]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{what} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def timed(name: str, *arguments: object, env: dict[str, str] | None = None) -> float:
    began = time.monotonic()
    playbook(name, *arguments, env=env)
    took = time.monotonic() - began
    print(f"  {name}: {took:.2f} s", flush=True)
    return took


def peak_memory(folder: Path, arguments: tuple[object, ...]) -> float:
    """The peak of the module's own process on the host, in MiB: the sent module is kept there and run once more."""
    playbook("keeping the module", *arguments, env={"ANSIBLE_KEEP_REMOTE_FILES": "1", "ANSIBLE_PIPELINING": "0"})
    script = folder / "peak.py"
    script.write_text(PEAK, encoding="utf-8")
    find = "/home/automation/.ansible/tmp /root/.ansible/tmp"
    argv = ["bash", "-c", f"python3 /tmp/peak.py $(find {find} -name AnsiballZ_baseline.py 2>/dev/null | head -n1)"]
    tasks = [
        {"ansible.builtin.copy": {"src": str(script), "dest": "/tmp/peak.py", "mode": "0600"}},
        {"ansible.builtin.command": {"argv": argv}, "register": "peak"},
        {"ansible.builtin.debug": {"msg": "PEAK {{ peak.stdout }} PEAK"}},
    ]
    output = playbook("peak memory", *play(folder / "peak.yml", *tasks))
    return int(output.split('peak_kib\\": ')[1].split("}")[0]) / 1024


def show(seconds: dict[str, list[float]], peak: float, main_job: str) -> None:
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    base = medians["ping"]
    print(f"\n{'':<44}{'median':>9}{'to ping':>9}   times")
    for name, median in medians.items():
        ping = medians[f"ping{NO_BYTECODE}"] if name.endswith(NO_BYTECODE) else base
        print(f"{name:<44}{median:>7.2f} s{median / ping:>9.2f}   {len(seconds[name])}")
    nothing = medians[main_job] / medians[f"{main_job}, no guard"]
    change = medians[GUARDED] - medians[f"{CHANGE}, no guard"]
    print(f"\nwhere nothing changes, the guard makes it {nothing:.2f} times as long")
    login = medians[NEW_LOGIN] - base
    print(f"one change takes {change:.2f} s longer with it; a new login and two small calls take {login:.2f} s")
    print(f"peak memory of the module with all controls: {peak:.1f} MiB")


if __name__ == "__main__":
    main()
