# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who is let in and who is refused, judged by openssl, by an MLLP library and by the system's own tools."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import clinic
import pytest
from clinic import ANALYSER, LAB, PROXIED, WARD, WHOLE, Client, certificate, s_client

if TYPE_CHECKING:
    from pathlib import Path

    from testinfra.host import Host


# --- let in -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("port", "sender"), [(LAB, "lab"), (WARD, "ward"), (ANALYSER, None)])
def test_a_declared_sender_is_acknowledged(host: Host, port: int, sender: str | None) -> None:
    """Its engines were started a moment ago: the gateway has to have found them well first."""
    tls, until = clinic.context(host, sender) if sender else None, time.monotonic() + 60
    while True:
        with Client(clinic.address(host), port, tls) as client:
            try:
                assert clinic.acknowledged(client, clinic.message("T", port))
                return
            except ConnectionError:
                if time.monotonic() > until:
                    raise
        time.sleep(0.5)


def test_an_engine_is_told_who_the_sender_is(host: Host) -> None:
    with Client(clinic.address(host), PROXIED, clinic.context(host)) as client:
        assert clinic.acknowledged(client, clinic.message("T", 1))
    seen = clinic.root(clinic.variables(host)["engine_host"], "cat /srv/engine-proxied/source")
    assert seen == clinic.variables(host)["sender_address"]


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_verifies_the_gateway_and_is_let_in(host: Host, version: str) -> None:
    seen = s_client(host, LAB, version, *certificate(host, "lab"))
    assert "Verify return code: 0 (ok)" in seen
    assert seen.endswith("STILL OPEN")


def test_one_port_for_messages_and_probes_is_enough(host: Host) -> None:
    """Where the inventory says so. What the engine then keeps of the probes is what the README warns of."""
    with Client(clinic.address(host), WHOLE) as client:
        assert clinic.acknowledged(client, clinic.message("T", 1))
    stored = clinic.root(clinic.variables(host)["engine_host"], "cut -d ' ' -f 2 /srv/engine-whole/store").split()
    assert "T-1" in stored
    assert len(stored) > stored.count("T-1"), "none is a probe"


# --- refused ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_tls_is_refused(host: Host, version: str) -> None:
    assert "STILL OPEN" not in s_client(host, LAB, version, "-cipher", "ALL:@SECLEVEL=0", *certificate(host, "lab"))


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_no_certificate_is_refused(host: Host, version: str) -> None:
    seen = s_client(host, LAB, version)
    assert "STILL OPEN" not in seen
    assert "certificate required" in seen or "handshake failure" in seen


@pytest.fixture(name="rogue")
def fixture_rogue(tmp_path: Path) -> Path:
    """A certificate with the right name, by a CA that nobody knows."""
    made = tmp_path / "rogue.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    argv += ["-subj", "/CN=lab.hospital.example", "-keyout", f"{made}.key", "-out", str(made)]
    subprocess.run(argv, check=True, capture_output=True)
    return made


def test_a_rogue_ca_is_refused(host: Host, rogue: Path) -> None:
    tls = clinic.context(host, None)
    tls.load_cert_chain(rogue, f"{rogue}.key")
    with pytest.raises((ssl.SSLError, ConnectionError)), Client(clinic.address(host), LAB, tls) as client:
        clinic.acknowledged(client, clinic.message("T", 1))


def test_a_certificate_of_another_name_is_refused(host: Host) -> None:
    tls = clinic.context(host, "ward")
    with pytest.raises((ssl.SSLError, ConnectionError)), Client(clinic.address(host), LAB, tls) as client:
        clinic.acknowledged(client, clinic.message("T", 1))


def test_plaintext_to_the_tls_port_is_refused(host: Host) -> None:
    with pytest.raises(ConnectionError), Client(clinic.address(host), LAB) as client:
        clinic.acknowledged(client, clinic.message("T", 1))


CONNECT = "python3 -c 'import socket; socket.create_connection((\"{}\", {}), 20).settimeout(20)' 2>&1"


@pytest.mark.parametrize("port", [LAB, WARD, ANALYSER])
def test_an_unknown_address_does_not_even_reach_haproxy(host: Host, port: int) -> None:
    engine_host = clinic.variables(host)["engine_host"]
    assert "refused" in clinic.root(engine_host, CONNECT.format(clinic.address(host), port), check=False)


def test_without_the_rules_haproxy_refuses_it_itself(host: Host) -> None:
    gateway, engine_host = clinic.variables(host)["inventory_hostname"], clinic.variables(host)["engine_host"]
    receive = (
        f"import socket; s = socket.create_connection(('{clinic.address(host)}', {ANALYSER}), 20); print(s.recv(9))"
    )
    clinic.root(gateway, "systemctl stop interface-gateway-senders")
    try:
        seen = clinic.root(engine_host, f'python3 -c "{receive}" 2>&1', check=False)
    finally:
        clinic.root(gateway, "systemctl start interface-gateway-senders")
    assert seen.endswith(("b''", "reset by peer"))


def test_a_sender_has_no_more_connections_than_it_may(host: Host) -> None:
    tls = clinic.context(host, "ward")
    with Client(clinic.address(host), WARD, tls) as one, Client(clinic.address(host), WARD, tls) as two:
        assert clinic.acknowledged(one, clinic.message("T", 1))
        assert clinic.acknowledged(two, clinic.message("T", 2))
        with pytest.raises((ssl.SSLError, ConnectionError)), Client(clinic.address(host), WARD, tls) as three:
            clinic.acknowledged(three, clinic.message("T", 3))
        assert clinic.acknowledged(one, clinic.message("T", 4))
    until = time.monotonic() + clinic.PATIENCE  # HAProxy has to see that they are gone
    while True:
        try:
            with Client(clinic.address(host), WARD, tls) as again:
                assert clinic.acknowledged(again, clinic.message("T", 5))
                return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.2)


# --- beside others ----------------------------------------------------------------------------------------------------


def test_all_of_this_was_behind_the_hosts_own_firewall(host: Host) -> None:
    assert "policy drop" in host.check_output("nft list table inet healthops")


def test_the_rules_come_back_after_another_firewall(host: Host) -> None:
    """Debian's own service empties all tables, whatever is done with it. Other ports are nobody's business here."""
    for verb in ("start", "reload", "restart", "stop"):
        host.check_output("systemctl %s nftables", verb)
        assert host.run("nft list chain inet interface_gateway lab").succeeded, verb
    host.check_output("systemctl start nftables")
    with socket.create_connection((clinic.address(host), 80), timeout=clinic.PATIENCE):
        pass


def test_the_system_is_whole(host: Host) -> None:
    assert host.check_output("systemctl is-system-running") == "running"
    assert host.run("haproxy -c -q -f /etc/haproxy/haproxy.cfg").succeeded
    for unit in ("haproxy.service", "interface-gateway-senders.service", "interface-gateway-certificates.timer"):
        assert host.check_output("systemctl is-enabled %s", unit) == "enabled"
    listening = host.check_output("ss -Hltn")
    assert all(f":{port} " in listening for port in (LAB, WARD, ANALYSER))


@pytest.mark.parametrize("path", ["/run/haproxy/admin.sock", "/run/haproxy-master.sock"])
def test_only_root_and_haproxy_may_drain(host: Host, path: str) -> None:
    socket_file = host.file(path)
    assert socket_file.user == "root"
    assert socket_file.mode & 0o007 == 0 or path.endswith("master.sock")
    with host.sudo("automation"):
        refused = host.run("python3 -c \"import socket; socket.socket(socket.AF_UNIX).connect('%s')\"", path)
    assert "PermissionError" in refused.stderr


def test_keys_are_roots_alone(host: Host) -> None:
    assert host.file("/etc/haproxy/interface-gateway").mode == 0o700
    for key in host.check_output("find /etc/haproxy/interface-gateway -name '*.key'").split():
        assert host.file(key).mode == 0o600


# --- certificates -----------------------------------------------------------------------------------------------------


def test_the_watch_over_the_certificates_fails_in_time(host: Host) -> None:
    assert host.run("systemctl start interface-gateway-certificates.service").succeeded
    override = "/run/systemd/system/interface-gateway-certificates.service.d"
    later = "openssl x509 -noout -checkend 40000000 -in /etc/haproxy/interface-gateway/gateway.pem"
    host.check_output(f"mkdir -p {override}")
    host.check_output(f"printf '[Service]\\nExecStart=/usr/bin/%s\\n' '{later}' > {override}/later.conf")
    host.check_output("systemctl daemon-reload")
    try:
        assert host.run("systemctl start interface-gateway-certificates.service").failed
    finally:
        host.check_output(f"rm -r {override}")
        host.check_output("systemctl daemon-reload")
        host.check_output("systemctl reset-failed interface-gateway-certificates.service")
