# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The addresses of a host, as the kernel lists them."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._host.addresses import own_addresses
from fake_host import FakeHost
from fake_sockets import hold_addresses

IF_INET6 = """00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000005 02 40 00 80     eth0
20010db800000000a1b2c3d4e5f60718 02 40 00 01     eth0
fe80000000000000024800fffe580005 02 40 20 80     eth0
"""


def test_a_hosts_addresses() -> None:
    host = FakeHost()
    hold_addresses(host, "10.77.0.5", "127.0.0.1")
    host.add_file("/proc/net/if_inet6", IF_INET6)
    assert own_addresses(host) == {"10.77.0.5", "2001:db8::5"}


def test_a_host_without_a_network() -> None:
    assert own_addresses(FakeHost()) == frozenset()
