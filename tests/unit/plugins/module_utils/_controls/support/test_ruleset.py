# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The packet filter as text: what a site may declare, what is open, what nft lists, and whose rules there are."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.ruleset import (
    Port,
    file_text,
    foreign_filter,
    learned_to_forward,
    opened,
    parse_entry,
    parse_learned,
    rules,
)
from fake_host import fixture


def chain(table: str, name: str, priority: str, *lines: str) -> str:
    head = f"type filter hook input priority {priority}; policy accept;"
    rules = "".join(f"\t\t{line}\n" for line in (head, *lines))
    return f"table {table} {{\n\tchain {name} {{\n{rules}\t}}\n}}\n"


UFW = "table ip filter {\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy drop;\n\t}\n}\n"


@pytest.mark.parametrize(
    ("ruleset", "whose"),
    [
        pytest.param(UFW, "ip filter INPUT", id="policy"),
        pytest.param(
            chain("inet firewalld", "filter_INPUT", "filter + 10", "ct state established accept", "reject"),
            "inet firewalld filter_INPUT",
            id="rules",
        ),
        pytest.param(UFW.replace("policy drop", "policy accept"), None, id="empty"),
        pytest.param(UFW.replace("hook input", "hook forward"), None, id="forward"),
        pytest.param(
            chain("inet f2b-table", "f2b-chain", "filter - 1", "tcp dport 22 ip saddr @addr-set-sshd reject"),
            None,
            id="bans",
        ),
        pytest.param(
            chain("inet clinic", "input", "filter - 5", "tcp flags & (fin | syn) != syn accept", "tcp dport 2575 drop"),
            None,
            id="the ports of a system",
        ),
        pytest.param(
            chain("inet clinic", "input", "filter", "tcp dport { 22, 2575 } accept", "counter reject"),
            "inet clinic input",
            id="all but some ports",
        ),
        pytest.param(fixture("nft_ruleset", "debian-12"), None, id="podman on Debian 12"),
        pytest.param(fixture("nft_ruleset", "debian-13"), None, id="podman on Debian 13"),
    ],
)
def test_whose_firewall_it_is(ruleset: str, whose: str | None) -> None:
    assert foreign_filter(ruleset) == whose


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_nft_lists_the_rules_as_they_are_written(system: str) -> None:
    ports = [Port("tcp", number) for number in (22, 80, 445, 514, 5432, 8080, 8081, 8082, 8083)]
    ports += [
        Port("udp", 137),
        Port("tcp", 2575, "10.0.0.0/8"),
        Port("udp", 514, "10.1.2.3"),
    ]
    ports += [Port("tcp", 2575, "2001:db8::/32")]
    for forwards in (True, False):
        listed = fixture(f"nft_table_{'forwards' if forwards else 'alone'}", system)
        assert listed.split() == rules(ports, forwards, {}).split()


@pytest.mark.parametrize(
    ("entry", "port"),
    [
        ("tcp/443", Port("tcp", 443)),
        ("udp/514@10.0.0.0/8", Port("udp", 514, "10.0.0.0/8")),
        ("tcp/22@10.0.0.5/32", Port("tcp", 22, "10.0.0.5")),
        ("tcp/22@2001:db8::/32", Port("tcp", 22, "2001:db8::/32")),
        *((wrong, None) for wrong in ("443", "tcp/0", "tcp/65536", "tcp/x", "sctp/1", "tcp/1@", "tcp/1@10.0.0.1/8")),
        ("tcp/1@999.1.1.1", None),
        ("tcp/1;drop", None),
    ],
)
def test_what_a_site_may_declare(entry: str, port: Any) -> None:
    assert parse_entry(entry) == port


LOGIN = Port("tcp", 22, who="this login")
SSH, WEB, LAB = Port("tcp", 22, who="sshd"), Port("tcp", 443, who="nginx"), Port("tcp", 2575, "10.0.0.0/8")


@pytest.mark.parametrize(
    ("declared", "learned", "always", "ports"),
    [
        pytest.param([], [SSH], [], (SSH,), id="learned"),
        pytest.param([LAB], [Port("tcp", 2575)], [], (LAB,), id="sources narrow what was learned"),
        pytest.param([], [SSH], [LOGIN], (SSH,), id="named once"),
        pytest.param([], [WEB], [LOGIN], (Port("tcp", 22, who="this login"), WEB), id="login"),
    ],
)
def test_what_is_open(declared: Any, learned: Any, always: Any, ports: tuple[Port, ...]) -> None:
    assert opened(declared, learned, always) == ports


@pytest.mark.parametrize("forwards", [True, False])
def test_the_file_remembers_what_was_learned(forwards: bool) -> None:
    text = file_text(rules([SSH, WEB], forwards, {}), [WEB, SSH, Port("udp", 123)], forwards)
    assert parse_learned(text) == (SSH, WEB, Port("udp", 123))
    assert learned_to_forward(text) == forwards


def test_a_port_is_shown_with_its_source_and_with_who_listened() -> None:
    assert [str(port) for port in (SSH, LAB)] == ["tcp 22 (sshd)", "tcp 2575 from 10.0.0.0/8"]


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_nft_lists_ranges_and_protocols_as_they_are_written(system: str) -> None:
    entries = ["tcp/22", "tcp/80", "tcp/81", "tcp/50000-50100", "tcp/50050-50200", "udp/514", "udp/6000-6010@10.0.0.2"]
    entries += ["protocol/4", "protocol/vrrp", "protocol/esp@10.20.0.0/16", "protocol/gre@2001:db8::1", "protocol/200"]
    ports = opened([port for port in map(parse_entry, entries) if port is not None], (), ())
    names = {4: "ipencap", 47: "gre", 50: "esp", 112: "vrrp"}
    assert fixture("nft_table_protocols", system).split() == rules(ports, False, names).split()
