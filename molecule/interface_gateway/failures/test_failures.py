# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Four senders send in order, and again what is not acknowledged, while their engine is killed, stopped or drained.

Whatever was acknowledged is counted afterwards in the engines' stores, by its control id and the digest of its content.
"""

from __future__ import annotations

import base64
import datetime
from typing import TYPE_CHECKING

import clinic
from clinic import LAB, LATE, Count, Ward, everywhere

if TYPE_CHECKING:
    from testinfra.host import Host

BOTH = ["engine-a", "engine-b"]
#: Of the route, in seconds; see the inventory.
INTERVAL = 2


def counts(wards: list[Ward], soon: bool = False) -> list[Count]:
    return [ward.finish(soon) for ward in wards]


def test_an_engine_that_is_killed_loses_nothing() -> None:
    wards = everywhere(LAB, BOTH)
    for acked in (10, 40, 70):
        for ward in wards:
            ward.wait_for(acked)
            ward.kill("engine-a")
    for count in counts(wards):
        assert (count.acked, count.lost, count.out_of_order) == (600, 0, 0), count
    assert all(sender.connections > 1 for ward in wards for sender in ward.senders)


def test_one_that_acknowledges_first_does() -> None:
    """The negative control: if this loses nothing, the tests beside it prove nothing."""
    wards = everywhere(LATE, ["engine-late"])
    for acked in (10, 50):
        for ward in wards:
            ward.wait_for(acked)
            ward.kill("engine-late")
    for count in counts(wards):
        assert count.acked == 600
        assert count.lost > 0, count


def test_a_graceful_stop_loses_and_repeats_nothing() -> None:
    wards = everywhere(LAB, BOTH)
    for acked in (10, 40, 70):
        for ward in wards:
            ward.wait_for(acked)
            clinic.root(ward.engine_host, "systemctl restart engine-a")
    for count in counts(wards):
        assert (count.acked, count.lost, count.duplicates, count.out_of_order) == (600, 0, 0, 0), count


def test_a_drained_restart_loses_and_repeats_nothing() -> None:
    """The engine says DRAINING, finishes what is at work and closes; the role drains it, and puts it back."""
    wards = everywhere(LAB, BOTH, count=100_000)
    clinic.playbook("drained_restart.yml")
    for count in counts(wards, soon=True):
        assert count.acked > 100
        assert (count.lost, count.duplicates, count.out_of_order) == (0, 0, 0), count
    assert all(sender.connections > 1 for ward in wards for sender in ward.senders)
    assert {clinic.states(ward.gateway)["lab_engines/engine-a"] for ward in wards} == {"UP"}


def test_shutting_what_is_left_loses_nothing() -> None:
    """The engine does not help, and HAProxy was reloaded, so that the sessions belong to a worker of before."""
    wards = everywhere(LAB, BOTH, count=100_000)
    for ward in wards:
        ward.wait_for(20)
        clinic.root(ward.gateway, "systemctl reload haproxy")
    clinic.playbook("shut_after_the_wait.yml")
    for count in counts(wards, soon=True):
        assert count.acked > 100
        assert (count.lost, count.out_of_order) == (0, 0), count
    assert {sender.connections for ward in wards for sender in ward.senders} == {2}


def test_an_engine_that_hangs_is_out_of_service_within_three_intervals(host: Host) -> None:
    ward = Ward(host, LAB, BOTH).begin()
    ward.wait_for(20)
    ward.signal("engine-a", "STOP")
    began = datetime.datetime.now(tz=datetime.timezone.utc)
    try:
        ward.wait_for(140)  # through the other engine
    finally:
        ward.signal("engine-a", "CONT")
    count = ward.finish()
    assert (count.acked, count.lost) == (600, 0), count
    # In HAProxy's own words and by its own clock, which is this machine's; a second more where that has other work.
    search = "grep 'Server lab_engines/engine-a is DOWN, reason: Layer7 timeout' /var/log/haproxy.log | tail -n 1"
    line = clinic.root(ward.gateway, search)
    took = datetime.datetime.fromisoformat(line.split()[0]) - began
    assert datetime.timedelta(0) < took <= datetime.timedelta(seconds=3 * INTERVAL + 1), line


def found(host: Host, *words: str) -> str:
    """Where one of these words stands on the gateway. They go there encoded, or sudo's own log would have them."""
    encoded = base64.b64encode("\n".join(words).encode()).decode()
    places = "/var/log /var/lib/haproxy /etc/haproxy"
    files = host.run(f"echo {encoded} | base64 -d | grep -rlF -f /dev/stdin {places}").stdout
    return str(files + host.run(f'journalctl | grep -F -e "$(echo {encoded} | base64 -d)"').stdout)


def test_the_gateway_knows_nothing_of_a_patient(host: Host) -> None:
    """After all that was sent and refused above. What it does log would be found."""
    assert "/var/log/haproxy.log" in found(host, "lab_engines/engine-a")
    assert found(host, clinic.MRN, clinic.PATIENT, "2951-2") == ""


def test_the_system_is_whole_afterwards(host: Host) -> None:
    clinic.wait_until_up(clinic.variables(host)["inventory_hostname"], BOTH)
    assert host.check_output("systemctl is-system-running") == "running"
