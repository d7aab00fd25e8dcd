# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listens, who is connected, whose it is."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host import sockets
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, fixture
from fake_sockets import hear, held_by_kernel, hush, listen, process


@pytest.mark.parametrize(
    ("word", "address"),
    [
        ("00000000", "0.0.0.0"),
        ("0100007F", "127.0.0.1"),
        ("00000000000000000000000000000000", "::"),
        ("00000000000000000000000001000000", "::1"),
        ("0000000000000000FFFF00000100007F", "127.0.0.1"),
        ("000080FE00000000FF5E4802F861FEFF", "fe80::248:5eff:fffe:61f8"),
    ],
)
def test_addresses_as_the_kernel_prints_them(word: str, address: str) -> None:
    assert sockets.parse_address(word) == address


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_what_listens_on_a_real_host(system: str) -> None:
    host = FakeHost()
    for name in ("tcp", "tcp6", "udp", "udp6", "unix"):
        host.add_file(f"/proc/net/{name}", fixture(f"proc_net_{name}", system))
    found = sockets.listeners(host)
    wanted = {"tcp 22", "tcp 80", "tcp 5432", "udp 137", "unix /run/dbus/system_bus_socket"}
    assert wanted <= set(sockets.describe_places(found))
    (ssh,) = [one for one in found if one.place == "tcp 22" and one.address == "0.0.0.0"]
    assert ssh.clients >= 1
    assert not [one for one in found if one.protocol == "unix" and one.outside]


def test_owner_of_a_socket() -> None:
    host = FakeHost()
    listen(host, 80, pid=12, unit="nginx.service", program="nginx")
    listen(host, 2575, pid=13, unit="", program="engine")
    told = [str(one) for one in sockets.with_owners(host, sockets.listeners(host))]
    assert told == ["tcp 80 (nginx.service)", "tcp 2575 (engine)"]


def test_a_socket_that_systemd_holds_is_its_socket_units() -> None:
    host = FakeHost()
    listen(host, 111, pid=1, unit="init.scope", program="systemd")
    argv = ("systemctl", "list-sockets", "--plain", "--no-legend", "--show-types")
    host.answers[argv] = CommandResult(argv, 0, "0.0.0.0:111 Stream rpcbind.socket rpcbind.service\n", "")
    (one,) = sockets.with_owners(host, sockets.listeners(host))
    assert one.unit == "rpcbind.socket"


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_what_systemd_says_of_its_sockets(system: str) -> None:
    told = sockets.parse_sockets(fixture("systemctl_list_sockets", system))
    assert told[("unix", "/run/dbus/system_bus_socket")] == "dbus.socket"


def test_clients_are_counted() -> None:
    host = FakeHost()
    listen(host, 2575, pid=13, unit="engine.service", program="engine", clients=3)
    (one,) = sockets.listeners(host)
    assert one.clients == 3


def test_a_process_that_ends_meanwhile_owns_nothing() -> None:
    host = FakeHost()
    listen(host, 80, pid=12, unit="nginx.service", program="nginx")
    process(host, 99, "gone.service", "gone")
    del host.nodes["/proc/12/fd"], host.nodes["/proc/12/fd/80"]
    (one,) = sockets.with_owners(host, sockets.listeners(host))
    assert (one.unit, one.program) == ("", "")


def test_ports_of_the_moment() -> None:
    host = FakeHost()
    assert 40000 in sockets.ephemeral(host)
    host.kernel["net.ipv4.ip_local_port_range"] = "50000\t60000"
    assert 40000 not in sockets.ephemeral(host)


def test_a_raw_socket_hears_a_protocol() -> None:
    host = FakeHost()
    hear(host, 112, pid=5, unit="keepalived.service", program="keepalived")
    for passing in (1, 58, 255):
        hear(host, passing, pid=6, unit="session-1.scope", program="ping")
    (heard,) = sockets.with_owners(host, sockets.listeners(host))
    assert (str(heard), heard.outside) == ("protocol vrrp (keepalived.service)", True)


def test_who_waits_for_an_answer_waits_for_no_client() -> None:
    host = FakeHost()
    listen(host, 5353, pid=5, unit="avahi-daemon.service", program="avahi-daemon", protocol="udp")
    listen(host, 40001, pid=5, unit="avahi-daemon.service", program="avahi-daemon", protocol="udp")
    held_by_kernel(host, 51820)
    owned = sockets.with_owners(host, sockets.listeners(host))
    assert [it.port for it in sockets.lasting(host, owned)] == [5353, 51820]
    assert [it.port for it in sockets.surely_lasting(host, owned)] == [5353]
    hush(host, 51820)  # its owner had ended: it was no kernel
    assert [it.port for it in sockets.lasting(host, owned)] == [5353]
