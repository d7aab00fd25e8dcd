# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other variables, on all gateways at once: certificates that ended, are revoked or renewed, and other firewalls."""

from __future__ import annotations

import ssl
import subprocess
import time
from typing import TYPE_CHECKING

import clinic
from clinic import ANALYSER, LAB, WARD, Client, certificate, s_client

if TYPE_CHECKING:
    from testinfra.host import Host

PROBLEMS = (ssl.SSLError, ConnectionError)
FOLDER = "/etc/haproxy/interface-gateway"
REVOKE = f"""set -e
mkdir -p /srv/ca && cd /srv/ca && : > index.txt && echo 01 > crlnumber
printf '%s\\n' '[ca]' default_ca=d '[d]' database=/srv/ca/index.txt crlnumber=/srv/ca/crlnumber default_md=sha256 > conf
sign="openssl ca -config conf -cert {FOLDER}/pilot-ca.pem -keyfile {FOLDER}/pilot-ca.key"
$sign -revoke {FOLDER}/issued/ward.hospital.example.pem
$sign -gencrl -out /srv/revoked.pem"""


def let_in(host: Host, port: int = LAB, sender: str | None = "lab") -> bool:
    tls = clinic.context(host, sender) if sender else None
    try:
        with Client(clinic.address(host), port, tls) as client:
            return clinic.acknowledged(client, clinic.message("T", port))
    except PROBLEMS:
        return False


def comes_to(wanted: bool, host: Host) -> bool:
    """Whether it is so in the end; for a moment after a reload, the worker from before it may answer."""
    for _attempt in range(60):
        if let_in(host) == wanted:
            return True
        time.sleep(0.5)
    return False


def stranger(host: Host, port: int) -> str:
    """What somebody sees whose address nobody declared: no connection, or the end of one."""
    receive = f"import socket; s = socket.create_connection(('{clinic.address(host)}', {port}), 20); print(s.recv(9))"
    return clinic.root(clinic.variables(host)["engine_host"], f'python3 -c "{receive}" 2>&1', check=False)


def test_a_further_client_of_the_pilots_ca_is_foretold() -> None:
    for host in clinic.gateways():
        host.check_output("python3 /srv/snapshot.py take /srv/after.json")
    clients = clinic.variables(clinic.gateways()[0])["interface_gateway_pilot_clients"]
    said = clinic.playbook(
        "converge.yml", "--check", interface_gateway_pilot_clients=[*clients, "new.hospital.example"], foretold=False
    )
    for host in clinic.gateways():
        assert f"changed: [{clinic.variables(host)['inventory_hostname']}]" in said
    key = "/etc/haproxy/interface-gateway/issued/new.hospital.example.pem.key"
    assert said.count(f"after: generated file {key}") == len(clinic.gateways())


def test_an_expired_certificate_is_named() -> None:
    clinic.playbook("expired.yml")


def test_a_route_whose_engine_is_not_there_does_not_stay() -> None:
    clinic.playbook("no_engine.yml")


def test_a_revoked_sender_is_refused_and_so_is_everybody_when_the_list_has_run_out() -> None:
    hosts = {str(clinic.variables(host)["inventory_hostname"]): host for host in clinic.gateways()}
    for name in hosts:
        clinic.root(name, f"{REVOKE} -crldays 30")
    clinic.playbook("converge.yml", interface_gateway_sender_crl="/srv/revoked.pem", interface_gateway_firewall=False)
    for name, host in hosts.items():
        assert (let_in(host), let_in(host, WARD, "ward"), let_in(host, WARD, "lab")) == (True, False, True)
        clinic.root(name, f"{REVOKE} -crlsec 1 && sleep 2 && systemctl reload haproxy")
        assert comes_to(False, host)
        assert let_in(host, ANALYSER, None)
        clinic.root(name, f"{REVOKE} -crldays 30 && systemctl reload haproxy")
        assert comes_to(True, host)


def test_without_rules_none_are_left_and_haproxy_refuses_by_itself() -> None:
    """As the run above left it, also after Debian's own service was restarted."""
    for host in clinic.gateways():
        host.check_output("systemctl restart nftables")
        assert host.run("nft list table inet interface_gateway").failed
        assert host.run("systemctl cat interface-gateway-senders").failed
        assert let_in(host, ANALYSER, None)
        assert stranger(host, ANALYSER).endswith(("b''", "reset by peer"))


def changed(said: str) -> set[tuple[str, str]]:
    """The tasks that changed something, each with its host."""
    found, task = set(), ""
    for line in said.splitlines():
        if line.startswith(("TASK [", "RUNNING HANDLER [")):
            task = line.rstrip("* ")
        elif line.startswith("changed: ["):
            found.add((task, line[len("changed: [") :].partition("]")[0]))
    return found


def shown(host: Host) -> str:
    """Which certificate the gateway shows."""
    seen = s_client(host, LAB, *certificate(host, "lab"), "-showcerts")
    argv = ["openssl", "x509", "-noout", "-serial"]
    return subprocess.run(argv, input=seen, check=True, capture_output=True, text=True).stdout


def test_certificates_are_renewed_and_nobody_is_cut_off() -> None:
    """The role is told that 398 days are few, which the pilot's certificates of 397 days never have."""
    hosts = clinic.gateways()
    before = [shown(host) for host in hosts]
    clients = [Client(clinic.address(host), LAB, clinic.context(host)) for host in hosts]
    for client in clients:
        assert clinic.acknowledged(client, clinic.message("T", 1))
    foretold = clinic.playbook("converge.yml", "--check", interface_gateway_renew_days=398, foretold=True)
    said = clinic.playbook("converge.yml", interface_gateway_renew_days=398)
    assert changed(foretold) == changed(said)
    assert foretold.count("after: file /etc/haproxy/interface-gateway/senders.nft") == len(hosts)
    for host, client, old in zip(hosts, clients, before):
        name = clinic.variables(host)["inventory_hostname"]
        assert f"RENEW /etc/haproxy/interface-gateway/gateway.pem on {name}: 39" in said
        assert clinic.acknowledged(client, clinic.message("T", 2))
        client.socket.close()
        assert shown(host) != old
        # It was the usual run: the list is gone and the rules are back.
        assert let_in(host, WARD, "ward")
        assert "refused" in stranger(host, ANALYSER)


def test_the_hosts_firewall_that_comes_after_the_gateway_learns_its_ports() -> None:
    """The other order: as if it had never been there, and set up on a host that is a gateway already."""
    units = "/etc/systemd/system/healthops-firewall.service /etc/systemd/system/nftables.service.d/healthops.conf"
    files = f"/etc/nftables-healthops.nft {units}"
    for host in clinic.gateways():
        host.check_output(f"systemctl disable --now healthops-firewall && rm {files} && systemctl daemon-reload")
    clinic.playbook("firewall.yml", firewall_open=["learned"])
    for host in clinic.gateways():
        assert "policy drop" in host.check_output("nft list table inet healthops")
        assert (let_in(host), let_in(host, WARD, "ward"), let_in(host, ANALYSER, None)) == (True, True, True)
        assert "refused" in stranger(host, ANALYSER)
