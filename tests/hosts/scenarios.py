# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run Molecule scenarios beside each other, and tell what every step of them took.

scenarios.py all RESULTS_DIR [NAME...]  run these scenarios, or all, in lanes; the longest first
scenarios.py molecule ARGUMENTS...      Molecule itself; what its steps took is added to $HEALTHOPS_STEPS
scenarios.py table RESULTS_DIR          the table of what an earlier run took
scenarios.py ARGUMENTS...               Molecule for whoever develops: in the first lane, on hosts that stay

Needs the environment that noxfile.py makes: Molecule and Ansible first on PATH, and the collection where Ansible
finds it.
"""

from __future__ import annotations

import fcntl
import json
import os
import resource
import shutil
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import inventory

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "molecule"
STATE = ROOT / ".cache" / "test-hosts"
#: Two lanes keep two processors busy; the third one works while the others wait.
LANES = 3
SUITES = ("bookworm", "trixie")
#: What a scenario takes, to begin with the longest: seconds by the clock of an earlier run. What is not here is short.
#: The one of the logins counts for more than it takes: it only waits, beside the checks, which need the processors.
LONG = {
    "service_config": 700,
    "logins": 690,
    "patching": 600,
    "hardening": 580,
    "commit_confirm": 510,
    "imaging_archive": 490,
    "everyday": 410,
    "interface_gateway": 360,
    "in_use": 260,
    "patching_dnf": 120,
    "probes": 110,
    "judges": 95,
}


@dataclass(frozen=True)
class Step:
    """What one step of a scenario took, in seconds: by the clock, of the controller's processors, of the hosts'."""

    scenario: str
    step: str
    wall: float
    controller: float
    hosts: float
    passed: bool


# --- one scenario -----------------------------------------------------------------------------------------------------


def processor_seconds() -> float:
    """Return what this process and all its ended children have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


class HostClock:
    """What the hosts of a scenario use. A host that is gone keeps what it was last seen to have used."""

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks = sorted(set(networks))
        self.seen: dict[str, float] = {}

    def seconds(self) -> float:
        for network in self.networks:
            argv = ["podman", "ps", "--format", "{{.ID}} {{.Pid}}", "--filter", f"label=healthops.network={network}"]
            listed = (
                subprocess.run(argv, check=False, capture_output=True, text=True) if shutil.which("podman") else None
            )
            for line in listed.stdout.splitlines() if listed else []:
                identity, pid = line.split()
                self.seen[f"{identity} {pid}"] = self._of_host(pid)
        return sum(self.seen.values())

    @staticmethod
    def _of_host(pid: str) -> float:
        """Of the host's own root of control groups. Nought where it cannot be looked at, or is just going."""
        try:
            text = Path("/proc", pid, "root/sys/fs/cgroup/cpu.stat").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return int(dict(line.split() for line in text.splitlines())["usage_usec"]) / 1e6


def networks_of(scenario: str) -> list[str]:
    """Return the networks of all hosts that a scenario works on: the shared ones, or those of its own inventories."""
    own = [path for path in (SCENARIOS / scenario).rglob("hosts.yml") if path.with_suffix("").is_symlink()]
    files = own if (SCENARIOS / scenario / "inventory" / "hosts.yml") in own else [*own, SCENARIOS / "inventory.yml"]
    groups = [group for path in files for group in inventory.of_file(path).values()]
    return [group["vars"]["test_hosts_network"] for group in groups if "test_hosts_network" in group.get("vars", {})]


def molecule(arguments: list[str]) -> None:
    """Molecule's own command line, with each of its steps measured."""
    from molecule.command import base  # only in Molecule's own environment
    from molecule.shell import main as molecule_main

    execute = base.execute_subcommand
    clocks: dict[str, HostClock] = {}

    def measured(config: Any, subcommand: str) -> Any:
        name = config.scenario.name
        clock = clocks.setdefault(name, HostClock(networks_of(name)))
        began = time.monotonic(), processor_seconds(), clock.seconds()
        passed = False
        try:
            result = execute(config, subcommand)
            passed = True
            return result
        finally:
            ended = time.monotonic(), processor_seconds(), clock.seconds()
            wall, controller, hosts = (round(after - before, 1) for before, after in zip(began, ended))
            keep(Step(name, subcommand, wall, controller, hosts, passed))

    base.execute_subcommand = measured
    sys.argv = ["molecule", *arguments]
    molecule_main()


def keep(step: Step) -> None:
    """Add a step to the file of this run; one line is written at once, so that lanes do not get into each other's."""
    with Path(os.environ["HEALTHOPS_STEPS"]).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(step)) + "\n")


# --- all of them ------------------------------------------------------------------------------------------------------


def every_scenario() -> list[str]:
    """Return the names of all scenarios, without the one that only starts and removes the shared hosts."""
    return sorted({path.parent.name for path in SCENARIOS.glob("*/molecule.yml")} - {"default"})


@dataclass
class Lanes:
    """Several scenarios at once, each lane with its own copy of the shared hosts. After a failure none is begun."""

    run: Callable[[str, int], int]
    names: list[str]
    lanes: int = LANES
    failed: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.left = sorted(self.names, key=lambda name: -LONG.get(name, 0))

    def go(self) -> None:
        with ThreadPoolExecutor(self.lanes) as pool:
            for _ended in pool.map(self._lane, range(1, self.lanes + 1)):
                pass

    def _lane(self, lane: int) -> None:
        while (name := self._next()) is not None:
            try:
                passed = self.run(name, lane) == 0
            except Exception:  # noqa: BLE001 - else nobody would be told before all lanes have ended
                traceback.print_exc()
                passed = False
            if not passed:
                self.failed.append(name)

    def _next(self) -> str | None:
        with self._lock:
            return self.left.pop(0) if self.left and not self.failed else None


class Run:
    """One run of scenarios, with what each of them printed in a file of its own."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self.steps = results / "steps.jsonl"
        self._printing = threading.Lock()

    def scenario(self, name: str, lane: int) -> int:
        """Run one scenario in a lane; its exit code. What it printed is shown when it has ended."""
        began = time.monotonic()
        shown = self.results / f"scenario-{name}.log"
        self.say(f"{name} begins in lane {lane}")
        with shown.open("wb") as stream:
            code = self.molecule(name, lane, stream)
        with self._printing:
            print(f"\n=== {name}", flush=True)
            shutil.copyfileobj(shown.open("rb"), sys.stdout.buffer)
            sys.stdout.flush()
        self.say(f"{name} {'passed' if code == 0 else 'FAILED'} after {time.monotonic() - began:.0f} s")
        return code

    def molecule(self, name: str, lane: int, stream: Any) -> int:
        # The shared hosts stay for the next scenario of the lane, and those of one that failed can be looked at.
        kept = (
            []
            if "destroy" in settings_of(name).get("scenario", {}).get("test_sequence", [])
            else ["--destroy", "never"]
        )
        argv = [sys.executable, __file__, "molecule", "test", "--scenario-name", name, *kept]
        env = environment(name, lane) | {"HEALTHOPS_STEPS": str(self.steps)}
        return subprocess.run(argv, check=False, env=env, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT).returncode

    def say(self, words: str) -> None:
        with self._printing:
            print(f"[{time.strftime('%H:%M:%S')}] {words}", flush=True)


def make_images() -> None:
    subprocess.run([Path(__file__).with_name("mkimage.sh"), *SUITES], check=True)


def settings_of(scenario: str) -> dict[str, Any]:
    import yaml  # of Molecule's own environment

    return dict(yaml.safe_load((SCENARIOS / scenario / "molecule.yml").read_text(encoding="utf-8")) or {})


def environment(scenario: str, lane: int) -> dict[str, str]:
    """Return what Molecule is to know: which hosts are the lane's, and where it remembers what it has done to hosts."""
    own = settings_of(scenario).get("shared_state") is False
    image = os.environ.get("HEALTHOPS_MOLECULE_IMAGE") or (STATE / "images" / SUITES[0]).read_text(encoding="utf-8")
    memory = STATE / "molecule" / (scenario if own else f"lane{lane}")
    return {
        **os.environ,
        "HEALTHOPS_LANE": str(lane),
        "HEALTHOPS_MARK": inventory.mark_of(),
        "HEALTHOPS_MOLECULE_IMAGE": image.strip(),
        "HEALTHOPS_KEEP_COMPILED": "yes",
        "MOLECULE_EPHEMERAL_DIRECTORY": str(memory),
    }


@contextmanager
def only_run() -> Iterator[None]:
    """Two runs in one checkout would take each other's hosts away; in two checkouts they do not meet."""
    STATE.mkdir(parents=True, exist_ok=True)
    with (STATE / "run.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("Scenarios run in this checkout already. Wait for their end, or use another checkout.")
        yield


def run_all(results: Path, names: list[str]) -> None:
    results.mkdir(parents=True, exist_ok=True)
    run = Run(results)
    run.steps.unlink(missing_ok=True)
    lanes = Lanes(run.scenario, names or every_scenario())
    # An aborted run remembers hosts that may be gone, and would keep new ones from being started.
    shutil.rmtree(STATE / "molecule", ignore_errors=True)
    make_images()
    began = time.monotonic()
    try:
        lanes.go()
    finally:
        for lane in range(1, lanes.lanes + 1):
            network = f"healthops-{inventory.mark_of()}-shared{lane}"
            subprocess.run(
                [Path(__file__).with_name("network.sh"), "down", network], check=True, stdout=subprocess.DEVNULL
            )
        print_table(results, time.monotonic() - began)
    if lanes.failed:
        sys.exit(f"Failed: {', '.join(lanes.failed)}. Not begun: {', '.join(lanes.left) or 'none'}.")


def run_one(arguments: list[str]) -> None:
    """A command of Molecule's, say ``test -s hosts``, on hosts that are kept for the next one."""
    make_images()
    names = [value for word, value in zip(arguments, arguments[1:]) if word in ("-s", "--scenario-name")]
    kept = ["--destroy", "never"] if arguments[0] == "test" and "--destroy" not in arguments else []
    steps = STATE / "steps.jsonl"
    steps.parent.mkdir(parents=True, exist_ok=True)
    steps.unlink(missing_ok=True)
    env = environment(names[0] if names else "default", 1) | {"HEALTHOPS_STEPS": str(steps)}
    code = subprocess.run(
        [sys.executable, __file__, "molecule", *arguments, *kept], check=False, env=env, cwd=ROOT
    ).returncode
    print_table(steps.parent)
    if kept:
        print("Images and shared hosts stay for the next time; remove the hosts with: nox -s molecule -- destroy")
    sys.exit(code)


# --- the table --------------------------------------------------------------------------------------------------------


def read_steps(results: Path) -> list[Step]:
    path = results / "steps.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [Step(**json.loads(line)) for line in lines]


def table(steps: list[Step]) -> str:
    """Return one line a step, under a line with the sums of its scenario, and the sum of all: seconds."""
    names = list(dict.fromkeys(step.scenario for step in steps))
    sums = {name: total(name, [step for step in steps if step.scenario == name]) for name in names}
    rows = []
    for name in sorted(names, key=lambda name: -(sums[name].controller + sums[name].hosts)):
        rows.append(row(name, sums[name]))
        rows += [
            row(f"  {step.step}{'' if step.passed else '  FAILED'}", step) for step in steps if step.scenario == name
        ]
    return "\n".join(
        [f"{'seconds':44}{'wall':>8}{'controller':>12}{'hosts':>8}", *rows, row("all", total("all", steps))]
    )


def total(name: str, steps: list[Step]) -> Step:
    wall, controller, hosts = (sum(getattr(step, key) for step in steps) for key in ("wall", "controller", "hosts"))
    return Step(name, "", wall, controller, hosts, all(step.passed for step in steps))


def row(name: str, step: Step) -> str:
    return f"{name:44}{step.wall:8.1f}{step.controller:12.1f}{step.hosts:8.1f}"


def print_table(results: Path, wall: float | None = None) -> None:
    text = table(read_steps(results)) + (f"\nBy the clock: {wall:.0f} s" if wall is not None else "")
    (results / "steps.txt").write_text(text + "\n", encoding="utf-8")
    print(text, flush=True)


def main() -> None:
    words = sys.argv[1:]
    if words[:1] == ["all"] and len(words) > 1:
        with only_run():
            run_all(Path(words[1]), words[2:])
    elif words[:1] == ["molecule"]:
        molecule(words[1:])
    elif words[:1] == ["table"] and len(words) == 2:
        print_table(Path(words[1]))
    elif words:
        with only_run():
            run_one(words)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
