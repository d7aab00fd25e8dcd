# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A test host as somebody sees it who is not on it: through the SSH client of this machine, and through its ports."""

from __future__ import annotations

import functools
import json
import os
import shlex
import socket
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from testinfra.host import Host


def variables(host: Host) -> dict[str, str]:
    return dict(host.ansible.get_variables())


def name(host: Host) -> str:
    return variables(host)["inventory_hostname"]


#: Runs as root in the host, for as long as its input is open: one JSON string in, one answer out.
_LISTENER = """
import json, subprocess, sys
for line in sys.stdin:
    done = subprocess.run(json.loads(line), shell=True, capture_output=True, text=True)
    print(json.dumps([done.returncode, done.stdout.strip()]), flush=True)
"""


def _argv(host: Host, verbose: str, options: tuple[str, ...]) -> list[str]:
    fresh = ("ControlMaster=no", "ControlPath=none", "BatchMode=yes", "ConnectTimeout=30")
    chosen = [word for option in (*fresh, *options) for word in ("-o", option)]
    return ["ssh", verbose, *shlex.split(os.environ["ANSIBLE_SSH_COMMON_ARGS"]), *chosen, name(host)]


def ssh(
    host: Host, *command: str, options: tuple[str, ...] = (), verbose: str = "-q"
) -> subprocess.CompletedProcess[str]:
    """A new login, over a connection of its own, as the automation account."""
    argv = [*_argv(host, verbose, options), *command]
    return subprocess.run(argv, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


@dataclass(frozen=True)
class Answer:
    rc: int
    out: str


@functools.cache
def _listener(host: Host) -> Any:
    argv = [*_argv(host, "-q", ()), f"sudo python3 -c {shlex.quote(_LISTENER)}"]
    return subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def root(host: Host, command: str) -> Answer:
    """What a shell command answers that root runs in the host. One login serves all: hundreds are asked."""
    listener = _listener(host)
    listener.stdin.write(json.dumps(command) + "\n")
    listener.stdin.flush()
    return Answer(*json.loads(listener.stdout.readline()))


def greeting(host: Host) -> str:
    """What the SSH server says before anything else."""
    with socket.create_connection((variables(host)["ansible_host"], 22), timeout=30) as connection:
        return connection.recv(255).decode("ascii", "replace").strip()


def syslog(host: Host, priority: int, text: str) -> None:
    """Send one message to the log intake; the priority is the facility times eight plus the severity."""
    with socket.create_connection((variables(host)["ansible_host"], 514), timeout=30) as connection:
        connection.sendall(f"<{priority}>{text}\n".encode())
