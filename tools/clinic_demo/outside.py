# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a host the way its users do: over the network, with a login of its own, knowing nothing of the inside."""

from __future__ import annotations

import socket
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_S = 10
SYSLOG_PORT = 514


@dataclass(frozen=True)
class Answers:
    """What a host's services said. Each value is "ok" or, in a few words, what went wrong."""

    ssh: str
    http: str
    syslog: str

    def wrong(self) -> dict[str, str]:
        return {name: said for name, said in vars(self).items() if said != "ok"}


def ask_ssh(name: str, ssh_config: Path) -> str:
    """A fresh login that shares no connection with Ansible's."""
    options = ["-S", "none", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={TIMEOUT_S}"]
    command = ["ssh", "-F", str(ssh_config), *options, name, "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return "ok" if done.returncode == 0 else last_line(done.stderr) or f"ssh exited {done.returncode}"


def ask_http(address: str) -> str:
    try:
        with urllib.request.urlopen(f"http://{address}/", timeout=TIMEOUT_S) as answer:
            return "ok" if answer.status == 200 else f"HTTP {answer.status}"
    except (urllib.error.URLError, OSError) as problem:
        return str(problem)


def ask_syslog(address: str) -> str:
    """Send one message over TCP. A receiver that wants it keeps the connection open and says nothing."""
    try:
        with socket.create_connection((address, SYSLOG_PORT), timeout=TIMEOUT_S) as connection:
            connection.sendall(b"<13>healthops: is this log host still listening?\n")
            connection.settimeout(0.3)
            closed = connection.recv(1) == b""
    except TimeoutError:
        return "ok"
    except OSError as problem:
        return str(problem)
    return "closed the connection" if closed else "answered, which a log host never does"


def ask(name: str, address: str, ssh_config: Path) -> Answers:
    return Answers(ssh=ask_ssh(name, ssh_config), http=ask_http(address), syslog=ask_syslog(address))


def ask_all(addresses: Mapping[str, str], ssh_config: Path) -> dict[str, Answers]:
    """``addresses`` is host name -> address; all hosts are asked at the same time."""
    with ThreadPoolExecutor(max_workers=max(1, len(addresses))) as pool:
        pending = {name: pool.submit(ask, name, address, ssh_config) for name, address in addresses.items()}
    return {name: answers.result() for name, answers in pending.items()}


def last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
