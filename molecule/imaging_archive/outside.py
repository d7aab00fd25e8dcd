# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of this scenario as somebody sees them who is not on them, and the plays that work on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterable, TypeVar

HERE = Path(__file__).resolve().parent
STATE = HERE.parents[1] / ".cache" / "test-hosts" / "archive"
PKI = STATE / "pki"
INVENTORY = HERE / "inventory" / "hosts"
PATIENCE = 240.0
READER = "reader:not-a-secret-but-a-test"
FULL = os.environ.get("HEALTHOPS_DRILLS") == "full"
#: In the long form of each release one with SQLite, and one with PostgreSQL; in the short one of each release one.
SQLITE = ("archive1", "archive2") if FULL else ("archive1",)
POSTGRESQL = ("archive3", "archive4") if FULL else ("archive4",)
ARCHIVES = (*SQLITE, *POSTGRESQL)
SENDER = "modality1"
T = TypeVar("T")


def run(*argv: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, check=False, **{"capture_output": True, "text": True, "timeout": PATIENCE, **more})


#: A login costs more than most of what is asked.
LOGIN = ("ssh", "-q", "-F", str(STATE / "ssh_config"), "-o", "ControlMaster=auto", "-o", "ControlPersist=30s")


def ssh(host: str, command: str, lane: str = "all") -> subprocess.CompletedProcess[str]:
    """A shell command on a host, as the ordinary account. A lane takes ten at once, as sshd has it."""
    return run(*LOGIN, "-o", f"ControlPath={STATE}/to-%n-{lane}", host, command)


def root(host: str, command: str) -> str:
    """What a shell command says that root runs there; it has to end well."""
    done = run(*LOGIN, "-o", f"ControlPath={STATE}/to-%n-root", host, "sudo -n bash -es", input=command)
    assert done.returncode == 0, f"{host}: {command}: {done.returncode} {done.stdout} {done.stderr}"
    return done.stdout.strip()


def each(act: Callable[[str], T], hosts: Iterable[str] = ARCHIVES) -> dict[str, T]:
    """The same on several hosts at once."""
    names = list(hosts)
    with ThreadPoolExecutor(max_workers=len(names)) as pool:
        return dict(zip(names, pool.map(act, names)))


def wait_for(what: str, done: Callable[[], T], patience: float = 60.0) -> T:
    """The first true answer; fails where there is none in all that time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = done()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"{what}: not so after {patience:.0f} s")


def inventory() -> dict[str, Any]:
    listed = run(str(Path(sys.executable).with_name("ansible-inventory")), f"--inventory={INVENTORY}", "--list")
    return dict(json.loads(listed.stdout)["_meta"]["hostvars"])


ADDRESSES: dict[str, str] = {name: values["ansible_host"] for name, values in inventory().items()}


def command(name: str, *words: str, **variables: Any) -> tuple[list[str], dict[str, str]]:
    """How a playbook of this scenario is run: the arguments, and the environment."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MOLECULE_")}
    environment |= {"ANSIBLE_CONFIG": str(HERE.parents[1] / "tests" / "hosts" / "ansible.cfg")}
    environment |= {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", "ANSIBLE_FORKS": "8", "LC_ALL": "C.UTF-8"}
    playbook = [str(Path(sys.executable).with_name("ansible-playbook")), f"--inventory={INVENTORY}", str(HERE / name)]
    return [*playbook, *words, "--extra-vars", json.dumps(variables)], environment


def play(name: str, *words: str, **variables: Any) -> tuple[int, dict[str, Any]]:
    """Run a playbook of this scenario; its exit code and its report."""
    argv, environment = command(name, *words, **variables)
    done = run(*argv, env=environment, timeout=900)
    assert done.stdout.lstrip().startswith("{"), f"{done.stdout}\n{done.stderr}"
    return done.returncode, json.loads(done.stdout)


def results(report: dict[str, Any], host: str) -> list[tuple[str, dict[str, Any]]]:
    """Task and result on a host, in their order."""
    tasks = [task for one in report["plays"] for task in one["tasks"]]
    return [(task["task"]["name"], task["hosts"][host]) for task in tasks if host in task["hosts"]]


def changes(report: dict[str, Any], host: str) -> list[dict[str, Any]]:
    """What the configurations of a host changed, or would, in their order."""
    return [change for _task, result in results(report, host) for change in result.get("changes", ())]


def failures(report: dict[str, Any], host: str) -> str:
    """What the failed tasks said."""
    return "\n".join(str(result.get("msg")) for _task, result in results(report, host) if result.get("failed"))


def status(archive: str) -> dict[str, Any]:
    return dict(json.loads(root(archive, "/usr/local/libexec/imaging-archive/status 2762")))


def dicom(
    program: str, archive: str, title: str, *words: str, called: str = "CLINARCH", tls: str = "sender", ca: str = "ca"
) -> tuple[int, str]:
    """A program of dcmtk on the sending host: its exit code and what it said."""
    trusting = f"+cf /srv/test/pki/{ca}.pem"
    own = f"/srv/test/pki/{tls}"
    with_tls = {"": "", "none": f"+tla {trusting}"}.get(tls, f"+tls {own}.key {own}.pem {trusting}")
    done = ssh(
        SENDER, f"{program} -v -to 10 -aet {title} -aec {called} {with_tls} {ADDRESSES[archive]} 2762 {' '.join(words)}"
    )
    return done.returncode, done.stdout + done.stderr


def rest(archive: str, path: str, *words: str) -> tuple[str, str]:
    """Status and body, from the control node."""
    url = f"https://{ADDRESSES[archive]}{path}"
    done = run("curl", "-s", "--max-time", "10", "--cacert", str(PKI / "ca.pem"), "-w", "\n%{http_code}", *words, url)
    body, _newline, code = done.stdout.rpartition("\n")
    return code, body
