# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one walk over the processes of a host."""

from __future__ import annotations

import os
from typing import List, Optional

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Stat
from ansible_collections.healthops.clinical.plugins.module_utils._host.processes import (
    Process,
    parse_unit,
    processes,
    read_volatile,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host.real import RealHost
from fake_host import FakeHost
from fake_sockets import listen, process


def test_only_folders_that_are_numbers_are_processes() -> None:
    host = FakeHost()
    process(host, 812, "ssh.service", "sshd")
    host.add_dir("/proc/sys")
    assert [found.pid for found in processes(host)] == ["812"]


def test_what_a_process_says_of_itself() -> None:
    host = FakeHost()
    listen(host, 5432, 900, "postgresql@15-main.service", "postgres")
    host.nodes["/proc/900"].uid = 105
    host.add_link("/proc/900/exe", "/usr/lib/postgresql/15/bin/postgres (deleted)")
    host.add_link("/proc/900/fd/1", "/dev/null")
    found = Process(host, "900")
    assert (found.program, found.unit, found.uid()) == ("postgres", "postgresql@15-main.service", 105)
    assert found.executable == "/usr/lib/postgresql/15/bin/postgres"
    assert list(found.socket_inodes()) == [15432]


def test_a_process_that_has_ended_is_told_as_nothing() -> None:
    ended = Process(FakeHost(), "4000")
    assert (ended.program, ended.unit, ended.executable, ended.text("maps")) == ("", "", "", "")
    assert ended.uid() is None
    assert list(ended.socket_inodes()) == []


class HidingHost(FakeHost):
    """Its kernel keeps what other users' processes do from us."""

    def read(self, path: str) -> Optional[bytes]:
        raise ClinicalError("Reading", path, "Permission denied")

    def listdir(self, path: str) -> List[str]:
        raise ClinicalError("Listing", path, "Permission denied")

    def stat(self, path: str) -> Optional[Stat]:
        raise ClinicalError("Looking at", path, "Permission denied")


def test_what_is_kept_from_us_is_told_as_nothing_but_for_the_owner() -> None:
    kept = Process(HidingHost(), "4000")
    assert (kept.program, kept.unit, kept.executable, list(kept.socket_inodes())) == ("", "", "", [])
    assert read_volatile(HidingHost(), "/proc/net/tcp") == ""
    with pytest.raises(ClinicalError, match="Permission denied"):
        kept.uid()


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/ssh.service\n", "ssh.service"),
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("12:pids:/x\n1:name=systemd:/system.slice/system-pg.slice/pg@15-main.service\n", "pg@15-main.service"),
        ("0::/docker/4f/system.slice/ssh.service\n", "ssh.service"),
        ("0::/system.slice/docker.service/init.scope\n", "docker.service"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
        ("12:cpu:/a\n1:name=systemd:/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope"),
        ("12:cpu:/system.slice/ssh.service\n", ""),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_the_unit_that_people_know_is_the_outermost(cgroup: str, unit: str) -> None:
    assert parse_unit(cgroup) == unit


def test_this_process_is_met_on_this_machine() -> None:
    host = RealHost()
    own = next(found for found in processes(host) if found.pid == str(os.getpid()))
    assert own.uid() == os.geteuid()
    assert own.executable == os.path.realpath(f"/proc/{os.getpid()}/exe")
