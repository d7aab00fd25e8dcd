# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two hosts of the drills from outside: their pages, their files, and the plays that work on them."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SCENARIO = Path(__file__).resolve().parent
HOSTS = SCENARIO.parents[1] / "tests" / "hosts"
INVENTORY = SCENARIO / "inventory" / "hosts"
CONFIG = os.environ["ANSIBLE_SSH_COMMON_ARGS"].split()[1]
#: Every file, folder and link that a configuration could touch, with owner, mode and bytes; and what runs and filters.
STATE = r"""
cd /
find etc usr/local var/lib/clinic -printf '%p %y %m %U:%G %l\n' | sort
find etc usr/local var/lib/clinic -type f -print0 | sort -z | xargs -0 sha256sum
set -- haproxy.service nginx.service 'clinic*' 'appointments*' 'interface-gateway*'
systemctl show --property Id,ActiveState,UnitFileState "$@" | awk 'BEGIN { RS = "" } { $1 = $1; print }' | sort
nft list tables | while read -r _table family name; do
  nft list table "$family" "$name" | sed "s/^/$family $name: /"
done
sysctl -n net.ipv4.ip_nonlocal_bind
find usr/sbin -name 'policy-rc.d*'
# What a cut run was making in its own store is taken over by the next one, or goes with it.
find / -xdev -name '*.healthops-tmp' -not -path '/proc/*' -not -path '/var/lib/healthops/*'
"""
#: Every package, how far dpkg came with it, and what came along with others.
PACKAGES = r"""
dpkg-query --show --showformat '${db:Status-Status} ${db:Status-Eflag} ${Package} ${Version}\n' | grep -v ^not-installed
dpkg --audit
apt-mark showauto
"""
#: How sha256sum begins a line.
DIGEST = re.compile(r"[0-9a-f]{64}  ")
#: What hosts_up.yml lays where the clinic's drop-in for SSH's server will stand: its text, owner and mode.
STOOD_BEFORE = "ClientAliveInterval 120\nroot:root:640"
#: How Ansible begins the result of a task that failed.
FAILED = re.compile(r"^fatal: \[([^\s\]]+)[^\]]*\]: FAILED! => ", re.MULTILINE)
#: The pages: HAProxy, nginx, and the worker, which is restarted where its files change.
PORTS = {"haproxy": 8080, "nginx": 8081, "worker": 8082}
MESSAGE = b"\x0bMSH|^~\\&|LAB|WARD|ENGINE|CLINIC|20261130||ORU^R01|DRILL|P|2.5\rOBX|1|NM|2951-2||140\r\x1c\r"


@dataclass(frozen=True)
class ClinicHost:
    """One host, by the name and the address that it has in the inventory."""

    name: str
    address: str
    network: str

    def root(self, command: str) -> str:
        """Return what a shell command says that root runs there, over a login of its own."""
        argv = ["ssh", "-q", "-F", CONFIG, "-o", "ControlMaster=no", "-o", "ControlPath=none", self.name]
        done = subprocess.run(
            [*argv, "sudo -n sh -s"], input=command, check=False, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{self.name}: {command}: {done.stdout} {done.stderr}"
        return done.stdout.strip()

    def state(self) -> list[str]:
        return self.root(STATE).splitlines()

    def packages(self) -> list[str]:
        return self.root(PACKAGES).splitlines()

    def page(self, port: int) -> str:
        """Return what a client gets, or why it gets nothing."""
        try:
            with urllib.request.urlopen(f"http://{self.address}:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError) as error:
            return f"nothing: {error}"

    def acknowledgement(self, port: int) -> str:
        """Return what an HL7 sender gets for a message of its own, or why it gets nothing."""
        try:
            with socket.create_connection((self.address, port), timeout=5) as connection:
                connection.sendall(MESSAGE)
                answer = b""
                while not answer.endswith(b"\x1c\r"):
                    piece = connection.recv(4096)
                    if not piece:
                        return "nothing: closed"
                    answer += piece
        except OSError as error:
            return f"nothing: {error}"
        return "accepted" if b"MSA|AA|" in answer else "nothing: refused"

    def pages(self) -> dict[str, str]:
        return {name: self.page(port) for name, port in PORTS.items()}

    def cut_power(self) -> None:
        """Pull the plug, and put it in again once the engine has let go of the host's address."""
        assert self._engine("kill", "--signal", "KILL").returncode == 0
        running = ("inspect", "--format", "{{.State.Running}}")
        wait_for(f"{self.name} is down", lambda: "false" in self._engine(*running).stdout)
        time.sleep(1)
        wait_for(f"{self.name} is started", lambda: self._engine("start").returncode == 0)

    def _engine(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Do to the host what no control node could, and return what the container engine says."""
        engine = os.environ.get("HEALTHOPS_ENGINE") or str(HOSTS / "engine" / "podman")
        name = f"{self.network}-{self.name}"
        return subprocess.run([engine, *argv, name], check=False, capture_output=True, text=True, timeout=120)


def files(state: list[str]) -> dict[str, list[str]]:
    """Return the lines of a host's state that are about files, by path."""
    by_path: dict[str, list[str]] = {}
    for line in state:
        path = line.partition("  ")[2] if DIGEST.match(line) else line.partition(" ")[0]
        if path.startswith(("etc/", "usr/local/", "var/lib/")):
            by_path.setdefault(path, []).append(line)
    return by_path


def hosts() -> list[ClinicHost]:
    """Return the hosts of the scenario."""
    done = subprocess.run(
        ["ansible-inventory", "-i", str(INVENTORY), "--list"], check=True, capture_output=True, text=True
    )
    listed = json.loads(done.stdout)["_meta"]["hostvars"]
    return [ClinicHost(name, own["ansible_host"], own["test_hosts_network"]) for name, own in sorted(listed.items())]


@dataclass
class Play:
    """A play that works on both hosts: begun, killed or waited for."""

    process: subprocess.Popen[str]
    output: str = ""

    def end(self) -> str:
        """Return what it said when it has ended."""
        self.output, _none = self.process.communicate(timeout=600)
        return self.output

    def kill(self) -> None:
        """End the control node's half as a power failure would: at once, and all of it."""
        os.killpg(self.process.pid, 9)
        self.process.communicate(timeout=60)


def begin(
    *arguments: str, playbook: str = "drill.yml", environment: Mapping[str, str] | None = None, **variables: Any
) -> Play:
    """Begin a play of the drills with these variables."""
    argv = ["ansible-playbook", "-i", str(INVENTORY), str(SCENARIO / playbook), "--diff", "-vvv", *arguments]
    argv += ["-e", json.dumps({"drill_host": "test_hosts", **variables})]
    process = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CALLBACK_RESULT_FORMAT": "json", **(environment or {})},
        start_new_session=True,
    )
    return Play(process)


def failures(output: str) -> dict[str, str]:
    """Return the message of the last task that failed, by host, out of what a play said."""
    messages: dict[str, str] = {}
    for failed in FAILED.finditer(output):
        result, _end = json.JSONDecoder().raw_decode(output, failed.end())
        messages[failed[1]] = str(result.get("msg", ""))
    return messages


@dataclass
class Clients:
    """Clients that ask every host all the time, and what they got, in its order; the same in a row is there once."""

    answers: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, host: str, page: str, answer: str) -> None:
        answers = self.answers.setdefault((host, page), [])
        if answers[-1:] != [answer]:
            answers.append(answer)

    def unanswered(self, page: str) -> list[str]:
        texts = [text for (_host, name), answers in self.answers.items() if name == page for text in answers]
        return [text for text in texts if text.startswith("nothing")]

    def gaps(self, page: str) -> int:
        """Return how often a page was away: of the host where it was so most often."""
        return max(_gaps(answers) for (_host, name), answers in self.answers.items() if name == page)


def _gaps(answers: list[str]) -> int:
    away = [answer.startswith("nothing") for answer in answers]
    return sum(now and not before for before, now in zip([False, *away], away))


Question = Callable[[ClinicHost], str]
PAGES: dict[str, Question] = {name: lambda host, port=port: host.page(port) for name, port in PORTS.items()}  # type: ignore[misc]


@contextmanager
def clients(asked: list[ClinicHost], questions: Mapping[str, Question] = PAGES) -> Iterator[Clients]:
    """Ask all of them ten times a second while the body runs."""
    seen, over = Clients(), threading.Event()

    def ask(host: ClinicHost, name: str, question: Question) -> None:
        while not over.is_set():
            seen.add(host.name, name, question(host))
            over.wait(0.1)

    threads = [threading.Thread(target=ask, args=(host, *item)) for host in asked for item in questions.items()]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def wait_for(what: str, done: Callable[[], Any], patience: float = 120.0) -> Any:
    """Return the first true answer; fail where there is none in all that time."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        answer = done()
        if answer:
            return answer
        time.sleep(0.3)
    raise AssertionError(f"{what}: not so after {patience:.0f} s")
