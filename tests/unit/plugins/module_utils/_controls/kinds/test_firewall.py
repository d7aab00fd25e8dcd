# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Default deny: learned once, loaded in one step, somebody else's firewall respected."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.firewall import (
    DROP_IN,
    RULES,
    UNIT,
    UNIT_FILE,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from fake_host import FakeHost
from fake_programs import FakeUnit
from fake_sockets import hear, held_by_kernel, hush, listen
from look import look, plan, states

LEARNED = {"open": ["learned"]}


def server() -> FakeHost:
    """sshd, nginx, a database for this host alone, and a log intake over UDP."""
    host = FakeHost()
    host.units["nftables.service"] = FakeUnit(wanted_by="sysinit.target")
    listen(host, 22, pid=11, unit="ssh.service", program="sshd")
    listen(host, 80, pid=12, unit="nginx.service", program="nginx")
    listen(host, 5432, pid=13, unit="postgresql.service", program="postgres", address="127.0.0.1")
    listen(host, 514, pid=14, unit="rsyslog.service", program="rsyslogd", protocol="udp")
    listen(host, 43210, pid=15, unit="rsyslog.service", program="rsyslogd", protocol="udp")
    return host


def enforce(host: FakeHost, run_id: str = "e1", opened: Sequence[str] = ("learned",)) -> _baseline.Report:
    return _baseline.enforce(host, _baseline.BaselineRequest(run_id, (control(opened),)))


def control(opened: Sequence[str] = ("learned",)) -> Control:
    return Control("firewall_default_deny", "firewall", {"open": list(opened)}, hazard="lockout")


def test_what_listens_is_learned_and_shown() -> None:
    seen = look(server(), "firewall", LEARNED)
    assert states(seen) == ("deviates", "deviates", "deviates")
    assert seen.before == "no rules of ours, not loaded at boot"
    assert seen.after == (
        "open: tcp 22 (ssh.service), tcp 80 (nginx.service), udp 514 (rsyslog.service); all else is refused"
    )


def test_the_diff_lists_what_is_open_line_by_line() -> None:
    report = _baseline.audit(server(), _baseline.BaselineRequest("a", (control(),)))
    (change,) = [c for c in report.changes if c["subject"] == "packet filter table inet healthops"]
    assert change["after"].splitlines() == [
        "open: tcp 22 (ssh.service)",
        "open: tcp 80 (nginx.service)",
        "open: udp 514 (rsyslog.service)",
        "refused: all else",
    ]


def test_enforced_it_runs_lies_on_disk_and_is_loaded_at_boot() -> None:
    host = server()
    before = host.state()
    (found,) = enforce(host).findings
    assert found["result"] == "fixed"
    rules = host.tables["inet healthops"]
    assert "policy drop" in rules
    assert "elements = { 22, 80 }" in rules
    assert host.text(RULES).endswith(rules)
    assert f"-f {RULES}" in host.text(UNIT_FILE)
    assert (host.enabled(UNIT), host.units[UNIT].active) == ("enabled", True)
    assert not enforce(host, "e2").changed
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "e1", False)
    assert host.state() == before


def test_the_sites_own_rules_are_neither_loaded_nor_flushed() -> None:
    host = server()
    host.add_file("/etc/nftables.conf", "flush ruleset\n# never tried\n")
    enforce(host)
    assert host.enabled("nftables.service") == "disabled"
    assert not host.units["nftables.service"].active
    assert "nftables.conf" not in host.text(UNIT_FILE)
    assert "flush" not in host.text(UNIT_FILE)


def test_a_folder_that_others_use_by_now_stays_when_it_is_taken_back() -> None:
    host = server()
    enforce(host)
    others = f"{Path(DROP_IN).parent}/gateway.conf"
    host.add_file(others, "[Service]\n")
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "e1", False)
    assert DROP_IN not in host.nodes
    assert host.text(others) == "[Service]\n"
    assert "inet healthops" not in host.tables


def test_a_host_that_the_released_unit_served_gets_ours_beside_it() -> None:
    """What the earlier run enabled is that run's to take back."""
    host = server()
    enforce(host)
    del host.nodes[UNIT_FILE], host.nodes[f"/etc/systemd/system/sysinit.target.wants/{UNIT}"], host.units[UNIT]
    host.add_file(DROP_IN, "[Service]\nExecStart=/usr/sbin/nft -f /etc/nftables-healthops.nft\n")
    host.add_link("/etc/systemd/system/sysinit.target.wants/nftables.service", "/lib/systemd/system/nftables.service")
    before = host.state()
    report = enforce(host, "e2")
    assert report.changes[0]["subject"] == f"file {UNIT_FILE}"
    assert host.enabled("nftables.service") == "enabled"
    assert "ExecStart=" not in host.text(DROP_IN)
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "e2", False)
    assert host.state() == before


def test_it_is_guarded() -> None:
    report = _baseline.enforce(server(), _baseline.BaselineRequest("e1", (control(),), confirm_within=120))
    assert report.guard["state"] == "armed"


def test_a_later_listener_is_told_and_not_opened() -> None:
    host = server()
    enforce(host)
    listen(host, 161, pid=20, unit="snmpd.service", program="snmpd", protocol="udp")
    listen(host, 8443, pid=21, unit="vendor.service", program="vendor")
    report = enforce(host, "e2")
    (found,) = report.findings
    assert (report.changed, found["result"]) == (False, "pass")
    assert found["reason"].startswith("tcp 8443 (vendor.service), udp 161 (snmpd.service) listens and is not open")
    assert "8443" not in host.tables["inet healthops"]
    declared = enforce(host, "e3", ["learned", "tcp/8443"])
    assert declared.changed
    assert "elements = { 22, 80, 8443 }" in host.tables["inet healthops"]


def test_what_was_learned_stays_open_though_it_does_not_listen_any_more() -> None:
    host = server()
    enforce(host)
    hush(host, 80)
    assert not enforce(host, "e2").changed
    assert "80" in host.tables["inet healthops"]


def test_somebody_elses_rule_in_our_table_is_taken_out() -> None:
    host = server()
    enforce(host)
    rules = host.tables["inet healthops"]
    host.tables["inet healthops"] = rules.replace("ct state invalid drop", "ct state invalid drop\n\t\taccept")
    (found,) = enforce(host, "e2").findings
    assert found["result"] == "fixed"
    assert host.tables["inet healthops"] == rules


def test_sources_narrow_a_port_that_was_learned_and_say_so() -> None:
    planned = plan(server(), "firewall", {"open": ["learned", "tcp/80@10.20.0.0/16", "tcp/80@2001:db8::/32"]})
    (group,) = planned.groups
    text = str(group.steps)
    assert "ip saddr 10.20.0.0/16 tcp dport 80 accept" in text
    assert "ip6 saddr 2001:db8::/32 tcp dport 80 accept" in text
    assert "elements = { 22 }" in text
    assert group.stops == ("tcp 80",)


def test_without_what_was_learned_only_the_declared_is_open_and_the_present_login() -> None:
    host = server()
    host.add_file("/proc/4711/environ", b"SSH_CONNECTION=10.0.0.9 51000 10.0.0.1 2222\0")
    seen = look(host, "firewall", {"open": ["tcp/443"]})
    assert seen.after == "open: tcp 443, tcp 2222 (this login); all else is refused"


@pytest.mark.parametrize("mark", ["/usr/bin/podman", "/usr/bin/dockerd"])
def test_a_host_that_runs_containers_goes_on_forwarding(mark: str) -> None:
    host = server()
    host.add_file(mark)
    enforce(host)
    assert "hook forward" not in host.tables["inet healthops"]
    assert 'iifname "podman*"' in host.tables["inet healthops"]


def test_a_host_that_forwards_nothing_refuses_to() -> None:
    host = server()
    enforce(host)
    assert "hook forward priority filter; policy drop" in host.tables["inet healthops"]


def test_that_it_forwards_is_learned_once_though_the_same_run_ends_it() -> None:
    host = server()
    host.add_file("/proc/sys/net/ipv4/ip_forward", "1\n")
    enforce(host)
    host.add_file("/proc/sys/net/ipv4/ip_forward", "0\n")
    assert look(host, "firewall", {"open": ["learned"]}).result == "pass"


UFW = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"


@pytest.mark.parametrize(
    ("entry", "accepted"),
    [
        ("learned", True),
        ("tcp/443", True),
        ("tcp/50000-50100", True),
        ("protocol/vrrp", True),
        ("protocol/112@10.0.0.2", True),
        ("tcp/0", False),
        ("tcp/90-80", False),
        ("protocol/smtp", False),
        ("protocol/256", False),
        ("443", False),
    ],
)
def test_what_a_site_may_declare(entry: str, accepted: bool) -> None:
    assert (KINDS["firewall"].validate({"open": [entry]}) == []) == accepted


def test_somebody_elses_firewall_is_respected() -> None:
    host = server()
    host.tables["ip filter"] = UFW
    report = enforce(host)
    (found,) = report.findings
    assert (report.changed, found["result"]) == (False, "fail")
    assert "the chain ip filter INPUT filters already what comes in; it is respected" in found["reason"]


def test_iptables_own_tables_are_respected() -> None:
    host = server()
    host.add_file("/proc/net/ip_tables_names", "nat\nfilter\n")
    assert look(host, "firewall", LEARNED).reason.startswith("iptables' own tables are in use")


def test_no_nft_and_no_right_to_rules() -> None:
    host = server()
    host.programs.discard("nft")
    assert look(host, "firewall", LEARNED).result == "notapplicable"
    host.programs.add("nft")
    host.nft_refuses = "Operation not permitted (you must be root)"
    assert "may not have rules of its own" in look(host, "firewall", LEARNED).reason


def test_rules_that_nft_does_not_take_are_put_back() -> None:
    host = server()
    host.nft_refuses_new = "syntax error"
    before = host.state()
    (found,) = enforce(host).findings
    assert (found["result"], host.state()) == ("error", before)
    assert "syntax error" in found["reason"]


# --- what is no port, or no lasting one ---


def learned(host: FakeHost) -> str:
    return look(host, "firewall", LEARNED).after


@pytest.mark.parametrize("addresses", [("0.0.0.0",), ("0.0.0.0", "::")])
def test_a_port_that_the_kernel_itself_holds_is_learned(addresses: tuple[str, ...]) -> None:
    host = server()
    held_by_kernel(host, 51820, addresses)
    assert "udp 51820" in learned(host)


def test_a_service_whose_only_udp_port_is_a_high_one_is_learned() -> None:
    host = server()
    listen(host, 51820, pid=30, unit="wg-quick.service", program="wireguard-go", protocol="udp")
    assert "udp 51820 (wg-quick.service)" in learned(host)


def test_what_is_in_doubt_is_told_before_the_first_time() -> None:
    host = server()
    listen(host, 45271, pid=30, unit="vendor.service", program="java")
    assert look(host, "firewall", LEARNED).reason == (
        "tcp 45271 (vendor.service) may have another port after its next start, and is followed by the next run then; "
        "udp 43210 (rsyslog.service) is taken for a port to send from and is not opened"
    )


def test_a_program_of_a_login_is_not() -> None:
    host = server()
    listen(host, 40000, pid=30, unit="session-3.scope", program="dig", protocol="udp")
    assert "40000" not in learned(host)


def test_protocols_without_ports_are_learned_and_come_back_at_boot() -> None:
    host = server()
    host.add_file("/etc/protocols", "esp 50 IPSEC-ESP\nvrrp\t112\tVRRP\t# failover\n")
    hear(host, 112, pid=31, unit="keepalived.service", program="keepalived")
    hear(host, 1, pid=32, unit="session-3.scope", program="ping")
    host.xfrm = "src 10.1.1.1 dst 10.1.1.2\n\tproto esp spi 0x00000099 reqid 0 mode tunnel\n"
    host.links = [
        {"ifname": "lo"},
        {"ifname": "site2", "linkinfo": {"info_kind": "gre"}},
        {"ifname": "eth0", "linkinfo": {"info_kind": "veth"}},
    ]
    assert enforce(host).findings[0]["after"] == (
        "open: protocol gre (interface site2), protocol esp (IPsec), protocol vrrp (keepalived.service), "
        "tcp 22 (ssh.service), tcp 80 (nginx.service), udp 514 (rsyslog.service); all else is refused"
    )
    rules = host.tables["inet healthops"]
    for accepted in ("meta l4proto vrrp accept", "meta l4proto esp accept", "meta l4proto 47 accept"):
        assert accepted in rules
    assert "# learned: protocol/112 keepalived.service" in host.text(RULES)
    host.links, host.xfrm = [], ""
    assert not enforce(host, "e2").changed


def test_keys_that_are_exchanged_and_pptp_open_what_comes_beside_them() -> None:
    host = server()
    listen(host, 500, pid=30, unit="strongswan.service", program="charon", protocol="udp")
    listen(host, 1723, pid=31, unit="pptpd.service", program="pptpd")
    assert "protocol gre (pptpd.service), protocol esp (strongswan.service)" in learned(host)


def test_a_protocol_that_is_heard_later_is_told_and_not_opened() -> None:
    host = server()
    enforce(host)
    hear(host, 89, pid=31, unit="frr.service", program="ospfd")
    (finding,) = enforce(host, "e2").findings
    assert finding["reason"].startswith("protocol ospf (frr.service) listens and is not open")


def test_a_site_opens_ranges_and_protocols_and_names_who_may() -> None:
    host = server()
    enforce(
        host, opened=["learned", "tcp/50000-50100", "tcp/50050", "protocol/vrrp@10.0.0.2", "udp/6000-6010@10.0.0.2"]
    )
    rules = host.tables["inet healthops"]
    assert "flags interval\n\t\telements = { 22, 80, 50000-50100 }" in rules
    assert "ip saddr 10.0.0.2 meta l4proto 112 accept" in rules
    assert "ip saddr 10.0.0.2 udp dport 6000-6010 accept" in rules


def test_where_tunnels_cannot_be_seen_nothing_is_closed() -> None:
    host = server()
    host.programs.discard("ip")
    report = enforce(host)
    assert (report.changed, report.findings[0]["result"]) == (False, "fail")
    assert "there is no such program" in report.findings[0]["reason"]


def test_ftp_is_not_cut_off_from_its_data() -> None:
    host = server()
    listen(host, 21, pid=30, unit="vsftpd.service", program="vsftpd")
    report = enforce(host)
    assert not report.changed
    assert "vsftpd.service serves FTP" in report.findings[0]["reason"]
    assert "list vsftpd.service in hardening_allow_stop" in report.findings[0]["reason"]
    assert look(host, "firewall", LEARNED, allow_stop=["vsftpd.service"]).blocked is None
    host.tables["inet site"] = 'table inet site {\n\tct helper ftp {\n\t\ttype "ftp" protocol tcp\n\t}\n}\n'
    assert look(host, "firewall", LEARNED).blocked is None
    del host.tables["inet site"]
    assert enforce(host, "e2", ["learned", "tcp/50000-50100"]).findings[0]["result"] == "fixed"


RPC = """   program vers proto   port  service
    100000    4   tcp    111  portmapper
    100024    1   udp  35201  status
    100024    1   tcp  45271  status
    100021    4   tcp   2049  nfs
"""


def with_statd(port: int) -> FakeHost:
    host = server()
    listen(host, port, pid=31, unit="rpc-statd.service", program="rpc.statd")
    return host


def test_an_rpc_service_without_a_port_of_its_own_is_not_closed_at_its_next_start() -> None:
    host = with_statd(45271)
    listen(host, 111, pid=30, unit="rpcbind.socket", program="systemd")
    host.rpc = RPC
    report = enforce(host)
    assert not report.changed
    assert "the RPC service status has udp 35201, tcp 45271 only until its next start" in report.findings[0]["reason"]
    assert look(host, "firewall", LEARNED, allow_stop=["status"]).blocked is None


def test_a_service_that_was_lent_another_port_since_is_followed() -> None:
    host = with_statd(45271)
    enforce(host)
    hush(host, 45271)
    listen(host, 39011, pid=40, unit="rpc-statd.service", program="rpc.statd")
    report = enforce(host, "e2")
    assert report.findings[0]["result"] == "fixed"
    assert "elements = { 22, 80, 39011 }" in host.tables["inet healthops"]
    assert "45271" not in host.text(RULES)
    assert not enforce(host, "e3").changed
