# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SSH servers that listen with options of their own, by how they show themselves in /proc."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.running_sshd import (
    parse_options,
    running_with_options,
)
from fake_host import FakeHost
from fake_sockets import process

TAIL = " [listener] 0 of 10-100 startups\0"


@pytest.mark.parametrize(
    ("cmdline", "options"),
    [
        (f"sshd: /usr/sbin/sshd -D{TAIL}", ()),
        (f"sshd: /usr/sbin/sshd{TAIL}", ()),
        (f"sshd: /usr/sbin/sshd -D -f /etc/ssh/second{TAIL}", ("-f", "/etc/ssh/second")),
        (f"sshd: /usr/sbin/sshd -Df /etc/ssh/second{TAIL}", ("-f", "/etc/ssh/second")),
        (f"sshd: /usr/sbin/sshd -f/etc/ssh/second -e{TAIL}", ("-f", "/etc/ssh/second")),
        (f"sshd: /usr/sbin/sshd -o MaxAuthTries 9 -p 2223{TAIL}", ("-o", "MaxAuthTries 9", "-p", "2223")),
        (f"sshd: /usr/sbin/sshd -4 -oMaxAuthTries=9 -E /var/log/x{TAIL}", ("-4", "-o", "MaxAuthTries=9")),
        (f"sshd: /usr/sbin/sshd -oMaxAuthTries 9{TAIL}", ("-o", "MaxAuthTries 9")),
        (f"sshd: /usr/sbin/sshd --new{TAIL}", ("with options that nobody knows",)),
        ("sshd: automation [priv]\0", ()),
        ("sshd: automation@pts/0\0", ()),
        ("/usr/sbin/sshd\0-f\0/etc/x\0", ()),
        ("", ()),
    ],
)
def test_how_a_server_shows_its_options(cmdline: str, options: tuple[str, ...]) -> None:
    assert parse_options(cmdline) == options


def test_only_a_server_with_options_of_its_own_is_asked_and_listed() -> None:
    host = FakeHost()
    host.add_file("/etc/ssh/sshd_config", "")
    process(host, 10, "ssh.service", "sshd")
    host.add_file("/proc/10/cmdline", f"sshd: /usr/sbin/sshd -D{TAIL}")
    assert (running_with_options(host), host.runs) == ((), [])
    process(host, 11, "", "sshd")
    host.add_file("/proc/11/cmdline", f"sshd: /usr/sbin/sshd -p 2223{TAIL}")
    (server,) = running_with_options(host)
    assert str(server) == "the SSH server at no port, started with -p 2223,"
    assert [argv[-4:] for argv in host.runs] == [("-p", "2223", "-C", "lport=1")]
