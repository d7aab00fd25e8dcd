# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which login a process lives in, read out of /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host import login as ssh_login
from ansible_collections.healthops.clinical.plugins.module_utils._host.login import Connection, Login
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from fake_host import FakeHost

#: A line of /proc/PID/stat from Debian 12 (Linux 6.1) with its pid, name, parent and start left open.
STAT = (
    "{pid} ({comm}) S {parent} {pid} {pid} 0 -1 4194560 1087 4219 0 2 1 0 2 3 20 0 1 0 {started} 10829824 2303"
    " 18446744073709551615 1 1 0 0 0 0 0 4096 81920 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n"
)


@dataclass(frozen=True)
class Process:
    comm: str
    started: int
    environ: str = "LANG=C\0PATH=/usr/bin\0"


PYTHON = Process("python3", 900)
SUDO = Process("sudo", 890)
SHELL = Process(
    "sh", 880, "LANG=C\0SSH_CLIENT=192.0.2.7 50022 22\0SSH_CONNECTION=192.0.2.7 50022 192.0.2.1 22\0HOME=/\0"
)
FROM_PLAY = Connection(client="192.0.2.7", server="192.0.2.1", port=22)
LISTENER = Process("sshd", 20)
INIT = Process("systemd", 1)


def host_with(chain: Sequence[Process]) -> FakeHost:
    """The first of the chain is this process, each next one the parent of the one before, the last one is number 1."""
    host = FakeHost()
    for number, process in enumerate(chain):
        last = number == len(chain) - 1
        pid, parent = (1, 0) if last else (4000 - number, 1 if number == len(chain) - 2 else 3999 - number)
        line = STAT.format(pid=pid, comm=process.comm, parent=parent, started=process.started)
        for folder in (f"/proc/{pid}", *(["/proc/self"] if number == 0 else [])):
            host.add_file(f"{folder}/stat", line)
            host.add_file(f"{folder}/environ", process.environ)
    return host


@pytest.mark.parametrize(
    ("chain", "login"),
    [
        pytest.param(
            [PYTHON, SHELL, SUDO, SUDO, SHELL, Process("sshd", 870), Process("sshd", 860), LISTENER, INIT],
            Login(870, FROM_PLAY),
            id="sudo: the child of this login, not the listener",
        ),
        pytest.param(
            [PYTHON, SUDO, SHELL, Process("sshd-session", 870), Process("sshd-session", 860), LISTENER, INIT],
            Login(870, FROM_PLAY),
            id="OpenSSH 9.8 and later",
        ),
        pytest.param(
            [PYTHON, SHELL, Process("sshd", 860), LISTENER, INIT],
            Login(860, FROM_PLAY),
            id="root",
        ),
        pytest.param(
            [
                PYTHON,
                SUDO,
                Process("sh", 880, "SSH_CLIENT=2001:db8::7 50022 22\0"),
                Process("sshd", 870),
                LISTENER,
                INIT,
            ],
            Login(870, Connection("2001:db8::7", port=22)),
            id="only SSH_CLIENT, IPv6",
        ),
        pytest.param(
            [
                Process("python3", 900, "SSH_CLIENT=192.0.2.9 1 22\0"),
                SHELL,
                Process("sshd", 870),
                LISTENER,
                INIT,
            ],
            Login(870, Connection("192.0.2.9", port=22)),
            id="our own environment comes first",
        ),
        pytest.param(
            [PYTHON, SUDO, Process("sshd", 870, SHELL.environ), LISTENER, INIT],
            Login(870, Connection()),
            id="what sshd itself was started with says nothing",
        ),
        pytest.param(
            [PYTHON, Process("sh", 880, "SSH_CLIENT=x,user=root 1 22\0SSH_CONNECTION=\0"), Process("sshd", 870), INIT],
            Login(870, Connection()),
            id="no address",
        ),
        pytest.param(
            [PYTHON, Process("sh", 880, "SSH_CLIENT=fe80::1%x,user=root 1 22\0"), Process("sshd", 870), INIT],
            Login(870, Connection()),
            id="more than an address",
        ),
        pytest.param(
            [PYTHON, Process("sh", 880, "SSH_CLIENT=fe80::1%eth0 1 22\0"), Process("sshd", 870), INIT],
            Login(870, Connection("fe80::1%eth0", port=22)),
            id="IPv6 of the same link",
        ),
        pytest.param(
            [Process("a) R 1 (b", 900), Process("sshd) (x", 870), INIT],
            Login(870, Connection()),
            id="parentheses and blanks in names",
        ),
        pytest.param([PYTHON, SHELL, Process("bash", 800), INIT], None, id="console: no sshd"),
        pytest.param([Process("sshd", 900), SHELL, INIT], None, id="this process does not count"),
        pytest.param([PYTHON, SHELL, Process("my-sshd", 860), INIT], None, id="another name"),
        pytest.param([PYTHON] * 200 + [Process("sshd", 860), INIT], None, id="endless"),
    ],
)
def test_the_nearest_sshd_is_the_login(chain: Sequence[Process], login: Optional[Login]) -> None:
    assert ssh_login.own_login(host_with(chain)) == login


@pytest.mark.parametrize("gone", ["stat", "environ"])
def test_an_ancestor_that_vanishes_ends_the_walk_and_its_environment_is_no_matter(gone: str) -> None:
    host = host_with([PYTHON, SUDO, SHELL, Process("sshd", 870), LISTENER, INIT])
    del host.nodes[f"/proc/3998/{gone}"]
    assert ssh_login.own_login(host) == (None if gone == "stat" else Login(870, Connection()))


class HidingHost(FakeHost):
    """Its kernel keeps the environments of other users' processes from us."""

    def read(self, path: str) -> Optional[bytes]:
        if path.endswith("/environ"):
            raise ClinicalError("Reading", path, "Permission denied")
        return super().read(path)


def test_an_environment_that_may_not_be_read_leaves_the_client_open() -> None:
    host = HidingHost()
    host.nodes = host_with([PYTHON, SHELL, Process("sshd", 870), LISTENER, INIT]).nodes
    assert ssh_login.own_login(host) == Login(870, Connection())


def test_a_loop_ends() -> None:
    host = FakeHost()
    for folder in ("/proc/self", "/proc/7"):
        host.add_file(f"{folder}/stat", STAT.format(pid=7, comm="sh", parent=7, started=5))
    assert ssh_login.own_login(host) is None


def test_own_start() -> None:
    assert ssh_login.own_start(host_with([PYTHON, SHELL, INIT])) == 900


def test_own_start_needs_proc() -> None:
    host = FakeHost()
    del host.nodes["/proc/self/stat"]
    with pytest.raises(ClinicalError, match="/proc/self/stat"):
        ssh_login.own_start(host)


def test_on_this_machine() -> None:
    host = RealHost()
    ticks = os.sysconf("SC_CLK_TCK")
    with open("/proc/uptime", encoding="ascii") as file:
        uptime = float(file.read().split()[0])
    assert 0 <= ssh_login.own_start(host) / ticks <= uptime
    login = ssh_login.own_login(host)
    assert login is None or login.started <= ssh_login.own_start(host)
