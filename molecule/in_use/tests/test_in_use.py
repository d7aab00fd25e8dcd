# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is in use stays and says why; what nobody learned is closed; what check mode foretold is what the run did."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import outside
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

LEARNED = ("tcp 22", "tcp 80", "tcp 445", "tcp 514", "tcp 5432", "tcp 8080", "udp 137", "udp 138", "protocol vrrp")


@pytest.fixture(name="results")
def fixture_results(host: Host) -> list[dict[str, Any]]:
    """The results of check, converge, idempotence and check, in this order."""
    folder = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"], "results")
    name = outside.name(host)
    paths = [folder / f"{name}-{n}-{kind}.json" for n, kind in enumerate(("check", "run", "run", "check"))]
    return [json.loads(path.read_text("utf-8")) for path in paths]


def finding(result: dict[str, Any], control: str) -> dict[str, Any]:
    (found,) = [one for one in result["findings"] if one["id"] == control]
    return dict(found)


def test_prediction_is_what_happens_and_then_nothing_is_left_to_do(results: list[dict[str, Any]]) -> None:
    assert results[0]["changes"] == results[1]["changes"]
    assert [result["changed"] for result in results] == [True, True, False, False]


@pytest.mark.parametrize(
    ("control", "words"),
    [
        ("package_nginx", "nginx.service is in use: it runs; it listens on tcp 80"),
        ("package_samba", "smbd.service is in use: it runs; it listens on tcp 445"),
    ],
)
def test_what_is_in_use_stays_and_says_why(results: list[dict[str, Any]], control: str, words: str) -> None:
    for result in results:
        found = finding(result, control)
        assert found["result"] == "fail"
        assert words in found["reason"]
        assert f"list {control.partition('_')[2]} in hardening_allow_stop" in found["reason"]


def test_nothing_was_lost(results: list[dict[str, Any]]) -> None:
    told = results[1]["availability"]
    assert told["compared"]
    assert told["before"] >= len(LEARNED)
    assert (told["lost"], told["unreachable"], told["consented"]) == ([], [], [])
    assert not results[2]["availability"]["compared"]  # where nothing is changed nothing is looked at


def test_the_learned_ports_are_shown_for_review(results: list[dict[str, Any]]) -> None:
    found = finding(results[1], "firewall_default_deny")
    assert found["result"] == "fixed"
    assert results[1]["guard"]["state"] == "confirmed"
    (change,) = [one for one in results[0]["changes"] if one["subject"].startswith("packet filter table")]
    for place in LEARNED:
        assert f"{place} (" in found["after"]
        assert f"open: {place} (" in change["after"]
    assert "open: udp 51820\n" in change["after"]  # the kernel's own has no name


def answers(host: Host, port: int) -> bool:
    try:
        socket.create_connection((outside.variables(host)["ansible_host"], port), timeout=5).close()
    except OSError:
        return False
    return True


def test_a_new_listener_is_closed_and_told(host: Host) -> None:
    start = "systemd-run --quiet --unit=newcomer nc -l -k 0.0.0.0 8099"
    assert outside.root(host, start).rc == 0
    try:
        inside = "timeout 60 sh -c 'until nc -z 127.0.0.1 8099; do sleep 0.2; done'"
        assert outside.root(host, inside).rc == 0
        assert not answers(host, 8099)
        assert answers(host, 80)
    finally:
        outside.root(host, "systemctl stop newcomer")


def test_the_kernel_refuses_and_the_boot_will_too(host: Host) -> None:
    rules = outside.root(host, "nft list chain inet healthops input").out
    assert "policy drop" in rules
    assert outside.root(host, "systemctl is-enabled healthops-firewall.service").out == "enabled"
    shown = outside.root(host, "systemctl show --property=ExecStart --value healthops-firewall.service").out
    assert "/etc/nftables-healthops.nft" in shown


def test_the_sites_own_rules_stay_as_they_were(host: Host) -> None:
    assert outside.root(host, "systemctl is-enabled nftables.service").out == "disabled"
    assert outside.root(host, "systemctl is-active nftables.service").out == "inactive"


def test_stopping_the_unit_takes_away_its_own_table_alone(host: Host) -> None:
    outside.root(host, "nft add table inet site_of_others")
    try:
        assert outside.root(host, "systemctl stop healthops-firewall").rc == 0
        tables = outside.root(host, "nft list tables").out
        assert "inet healthops" not in tables
        assert "inet site_of_others" in tables
        assert outside.root(host, "systemctl start healthops-firewall").rc == 0
        assert "policy drop" in outside.root(host, "nft list chain inet healthops input").out
    finally:
        outside.root(host, "nft delete table inet site_of_others; systemctl start healthops-firewall")


def test_containers_are_still_forwarded_for(host: Host) -> None:
    assert outside.root(host, "cat /proc/sys/net/ipv4/ip_forward").out == "1"
    assert "hook forward" not in outside.root(host, "nft list table inet healthops").out


def test_what_the_boot_loads_is_sound(host: Host) -> None:
    assert outside.root(host, "nft -c -f /etc/nftables-healthops.nft").rc == 0
