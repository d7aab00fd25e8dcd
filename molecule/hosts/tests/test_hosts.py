# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the scenarios take for granted about their hosts, seen from outside and from inside."""

from __future__ import annotations

import socket
import time
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

GLOBAL_KEY = "/proc/sys/kernel/kptr_restrict"


def address(host: Host) -> str:
    return str(host.ansible.get_variables()["ansible_host"])


def test_systemd_is_up(host: Host) -> None:
    assert host.check_output("systemctl is-system-running") == "running"


def test_login_is_an_ordinary_account_that_becomes_root(host: Host) -> None:
    assert host.check_output("id -un") == "root"
    with host.sudo("automation"):
        assert host.check_output("id -u") == "1000"


def test_each_host_has_its_own_ssh_key(host: Host) -> None:
    variables = host.ansible.get_variables()
    own = host.file("/etc/ssh/ssh_host_ed25519_key.pub").content_string.split()[1]
    for name in variables["groups"]["test_hosts"]:
        offered = host.check_output("ssh-keyscan -t ed25519 %s", name).split()[-1]
        assert (offered == own) == (name == variables["inventory_hostname"]), name


def test_web_server_answers_from_outside(host: Host) -> None:
    with urllib.request.urlopen(f"http://{address(host)}/", timeout=5) as answer:
        assert "The clinic is open" in answer.read().decode()


def test_log_message_sent_from_outside_arrives(host: Host) -> None:
    word = f"probe-{time.monotonic_ns()}"
    with socket.create_connection((address(host), 514), timeout=5) as connection:
        connection.sendall(f"<13>{word}\n".encode())
    for _attempt in range(25):
        if host.run("grep -qF %s /var/log/syslog", word).succeeded:
            return
        time.sleep(0.2)
    pytest.fail(f"{word} did not arrive in /var/log/syslog within 5 s")


@pytest.mark.parametrize("name", ["hosts", "hostname", "resolv.conf"])
def test_files_in_etc_are_plain(host: Host, name: str) -> None:
    assert host.run("mountpoint -q /etc/%s", name).failed


def test_own_network_values_can_be_set(host: Host) -> None:
    assert host.sysctl("net.ipv4.conf.all.log_martians") == 1


def test_kernel_values_of_the_machine_are_out_of_reach(host: Host) -> None:
    """The value written is the value that is there, so that even a broken cage changes nothing."""
    assert host.run(f"cat {GLOBAL_KEY} > /dev/null").succeeded
    assert host.run(f"value=$(cat {GLOBAL_KEY}); echo $value > {GLOBAL_KEY}").failed


def test_hosts_know_each_other_by_name(host: Host) -> None:
    for other in host.ansible.get_variables()["groups"]["test_hosts"]:
        assert host.addr(other).is_resolvable
