# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other clients judge the same peers, and the engines show what the probes left in them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

PKI = "/etc/probes"
CLIENT = f"+tls {PKI}/client.key {PKI}/client.pem +cf {PKI}/ca.pem"
ROGUE = f"+tls {PKI}/rogue-client.key {PKI}/rogue-client.pem +cf {PKI}/ca.pem"


def address(host: Host) -> str:
    return str(host.ansible.get_variables()["ansible_host"])


@pytest.mark.parametrize(
    ("options", "port", "accepted"),
    [
        pytest.param(f"-aet HEALTHPROBE -aec CLINARCH {CLIENT}", 2762, True, id="orthanc"),
        pytest.param(f"-aet HEALTHPROBE -aec OTHER {CLIENT}", 2762, False, id="called-title"),
        pytest.param(f"-aet STRANGER -aec CLINARCH {CLIENT}", 2762, False, id="calling-title"),
        pytest.param(f"-aet HEALTHPROBE -aec CLINARCH {ROGUE}", 2762, False, id="rogue"),
        pytest.param("-aet HEALTHPROBE -aec CLINARCH", 2762, False, id="plain"),
        pytest.param("-aec STORESCP", 11112, True, id="dcmtk"),
        pytest.param("-aec STORESCP", 11113, False, id="dcmtk-refuses"),
    ],
)
def test_echoscu_agrees(host: Host, options: str, port: int, accepted: bool) -> None:
    assert host.run(f"echoscu {options} {address(host)} {port}").succeeded == accepted


def test_an_ordinary_sender_is_acknowledged(host: Host) -> None:
    message = "MSH|^~\\&|LAB|H|EHR|H|20261125||ADT^A01|M77|T|2.5\\rPID|1||NOBODY\\r"
    sent = host.run(f"printf '{message}' > /tmp/message && mllp_send --loose -p 2575 -f /tmp/message {address(host)}")
    assert "MSA|AA|M77" in sent.stdout


def kept(host: Host, engine: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.file(f"/var/lib/probes/{engine}.jsonl").content_string.splitlines()]


@pytest.mark.parametrize("engine", ["plain", "draining", "tls"])
def test_a_probe_is_kept_like_a_message_and_has_no_patient(host: Host, engine: str) -> None:
    """That is the cost that the module's documentation speaks of."""
    probes = [message for message in kept(host, engine) if message["id"] != "M77"]
    assert probes
    assert {message["type"] for message in probes} == {"NMD^N02^NMD_N02"}
    assert {tuple(message["segments"]) for message in probes} == {("MSH", "NCK")}
    assert len({message["id"] for message in probes}) == len(probes)


def test_an_engine_that_was_not_recognised_got_nothing(host: Host) -> None:
    assert kept(host, "expired") == kept(host, "rogue") == []
