# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host is there for answers from outside: before hardening, after it, and after every fault."""

from __future__ import annotations

import time
import urllib.request
from typing import TYPE_CHECKING

import outside

if TYPE_CHECKING:
    from testinfra.host import Host


def test_web_server_answers(host: Host) -> None:
    with urllib.request.urlopen(f"http://{outside.variables(host)['ansible_host']}/", timeout=30) as answer:
        assert "The clinic is open" in answer.read().decode()


def test_log_message_arrives(host: Host) -> None:
    word = f"probe-{time.monotonic_ns()}"
    outside.syslog(host, 13, word)
    waiting = f"timeout 30 sh -c 'until grep -q {word} /var/log/syslog; do sleep 0.1; done'"
    assert outside.root(host, waiting).rc == 0


def test_automation_logs_in_and_becomes_root(host: Host) -> None:
    done = outside.ssh(host, "sudo id -un")
    assert (done.returncode, done.stdout) == (0, "root\n")
