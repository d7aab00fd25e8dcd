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
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from fake_host import FakeHost
from fake_programs import FakeUnit
from fake_sockets import hush, listen
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
    assert f"-f {RULES}" in host.text(DROP_IN)
    assert host.enabled("nftables.service") == "enabled"
    assert not host.units["nftables.service"].active  # starting it would flush the rules of container engines
    assert not enforce(host, "e2").changed
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "e1", False)
    assert host.state() == before


def test_a_folder_that_others_use_by_now_stays_when_it_is_taken_back() -> None:
    host = server()
    enforce(host)
    others = f"{Path(DROP_IN).parent}/gateway.conf"
    host.add_file(others, "[Service]\n")
    _baseline.revert(host, _baseline.BaselineRequest("r1"), "e1", False)
    assert DROP_IN not in host.nodes
    assert host.text(others) == "[Service]\n"
    assert "inet healthops" not in host.tables


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
    ("entry", "accepted"), [("learned", True), ("tcp/443", True), ("tcp/0", False), ("443", False)]
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
