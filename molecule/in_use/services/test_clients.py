# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every service answers its own real client, which is on another machine: the control node, or the other server."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
import urllib.request
from typing import TYPE_CHECKING

import outside
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

WORDS = "The clinic is open"
PASSWORD = "only-for-this-test"


def address(host: Host) -> str:
    return outside.variables(host)["ansible_host"]


def from_the_other(host: Host, command: str) -> subprocess.CompletedProcess[str]:
    """What a command answers that runs on the other server of this scenario."""
    other = {"inuse1": "inuse2", "inuse2": "inuse1"}[outside.name(host)]
    argv = ["ssh", "-q", *shlex.split(os.environ["ANSIBLE_SSH_COMMON_ARGS"]), "-o", "BatchMode=yes", other, command]
    nothing = subprocess.DEVNULL
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60, stdin=nothing)


@pytest.mark.parametrize("port", [80, 8080], ids=["web server", "container"])
def test_pages_come(host: Host, port: int) -> None:
    with urllib.request.urlopen(f"http://{address(host)}:{port}/", timeout=30) as answer:
        assert WORDS in answer.read().decode()


def test_log_message_arrives(host: Host) -> None:
    word = f"probe-{time.monotonic_ns()}"
    outside.syslog(host, 13, word)
    waiting = f"timeout 30 sh -c 'until grep -q {word} /var/log/syslog; do sleep 0.1; done'"
    assert outside.root(host, waiting).rc == 0


def test_database_answers(host: Host) -> None:
    query = "SELECT 6 * 7"
    where = f"host={address(host)} user=clinic dbname=postgres connect_timeout=30"
    answer = from_the_other(host, f'PGPASSWORD={PASSWORD} psql -tA "{where}" -c "{query}"')
    assert (answer.returncode, answer.stdout.strip()) == (0, "42"), answer.stderr


def test_share_gives_its_file(host: Host) -> None:
    answer = from_the_other(host, f"smbclient -N //{address(host)}/images -c 'get note.txt -' 2> /dev/null")
    assert WORDS in answer.stdout


def test_the_floating_address_has_one_holder(host: Host) -> None:
    floating = f"{address(host).rpartition('.')[0]}.100/24"
    end = time.monotonic() + 30
    while True:
        tables = [outside.root(host, "ip -brief address").out, from_the_other(host, "ip -brief address").stdout]
        holders = sum(floating in table for table in tables)
        if holders == 1 or time.monotonic() > end:
            break
        time.sleep(1)
    assert holders == 1, tables


def test_the_tunnel_carries_pages(host: Host) -> None:
    inner = f"192.0.2.{address(host).rpartition('.')[2]}"
    assert WORDS in from_the_other(host, f"curl --silent --max-time 20 http://{inner}/").stdout


def test_automation_logs_in_and_becomes_root(host: Host) -> None:
    done = outside.ssh(host, "sudo id -un")
    assert (done.returncode, done.stdout) == (0, "root\n")
