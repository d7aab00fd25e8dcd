# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that costs the host a service is taken back by the host itself, and says what was lost."""

from __future__ import annotations

from typing import Any, Callable, Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import availability
from ansible_collections.healthops.clinical.plugins.module_utils._guard.exclusive import settled
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import ARMED
from dirty_host import dirty_host, request
from fake_host import FakeHost
from fake_programs import FakeUnit, systemctl
from fake_sockets import hear, held_by_kernel, hold_addresses, hush, listen, stray
from guarded import alarms, guarded_request

DAEMON = ["systemctl", "--no-ask-password", "daemon-reload"]
LOST = "tcp 2575 (engine.service)"


def server() -> FakeHost:
    """A dirty host with an interface engine."""
    host = dirty_host()
    host.units["engine.service"] = FakeUnit(active=True, since=1000.0)
    host.add_link("/etc/systemd/system/multi-user.target.wants/engine.service", "/lib/systemd/system/engine.service")
    listen(host, 2575, pid=40, unit="engine.service", program="java")
    return host


def struck(host: FakeHost, act: Callable[[FakeHost], object], times: int = 1) -> FakeHost:
    """Let something happen at the first daemon-reload of a run."""
    left = [times]

    def reload(_host: FakeHost, argv: Sequence[str]) -> CommandResult:
        rc, out, err = systemctl(host, list(argv[1:]))
        if left[0]:
            left[0] -= 1
            act(host)
        return CommandResult(tuple(argv), rc, out, err)

    host.answers[tuple(DAEMON)] = reload
    return host


def enforce(host: FakeHost, **more: Any) -> _baseline.Report:
    return _baseline.enforce(host, request("e1", "service", **more))


def test_what_worked_works() -> None:
    report = enforce(server())
    assert report.changed
    assert report.availability == {
        "compared": True,
        "before": 1,
        "lost": [],
        "appeared": [],
        "unreachable": [],
        "consented": ["cups.service"],
        "ended": [],
    }


def test_a_run_that_changes_nothing_looks_at_nothing() -> None:
    host = server()
    enforce(host)
    host.runs.clear()
    report = _baseline.enforce(host, request("e2", "service"))
    assert not report.changed
    assert report.availability["compared"] is False
    assert not [argv for argv in host.runs if "list-units" in argv]


def test_a_lost_socket_takes_the_run_back() -> None:
    host = struck(server(), lambda h: hush(h, 2575))
    before = host.state()
    del before["files"]["/proc/net/tcp"]
    report = enforce(host)
    after = host.state()
    del after["files"]["/proc/net/tcp"]
    assert after == before
    assert (report.changed, report.changes) == (False, [])
    assert report.availability["lost"] == [LOST]
    assert (report.guard["state"], report.guard["why"]) == ("reverted", f"it cost the host {LOST}")
    assert report.warnings == [f"The run was taken back, and yet this host still lacks {LOST}."]
    assert alarms(host) == []


def test_a_lost_unit_is_started_again() -> None:
    host = struck(server(), lambda h: setattr(h.units["engine.service"], "active", False))
    report = enforce(host)
    assert report.availability["lost"] == ["engine.service"]
    assert report.guard["state"] == "reverted"
    assert report.warnings == []
    assert host.units["engine.service"].active


def test_a_guarded_run_is_not_left_to_be_confirmed() -> None:
    host = server()

    def reload(_host: FakeHost, argv: Sequence[str]) -> CommandResult:
        rc, out, err = systemctl(host, list(argv[1:]))
        hush(host, 2575)
        return CommandResult(tuple(argv), rc, out, err)

    host.answers[("systemctl", "--no-ask-password", "reload", "ssh.service")] = reload
    report = _baseline.enforce(host, guarded_request())
    assert report.availability["lost"] == [LOST]
    assert report.guard["state"] == "reverted"
    assert alarms(host) == []


def test_a_service_that_comes_back_in_time_is_not_lost() -> None:
    host = struck(server(), lambda h: hush(h, 2575))
    sleep = host.sleep

    def wake(seconds: float) -> None:
        sleep(seconds)
        if host.uptime > 5005:
            listen(host, 2575, pid=40, unit="engine.service", program="java")

    host.sleep = wake  # type: ignore[method-assign]
    report = enforce(host)
    assert report.changed
    assert report.availability["lost"] == []


def test_the_next_run_tells_people() -> None:
    host = struck(server(), lambda h: hush(h, 2575))
    enforce(host)
    assert [warning for warning in settled(host, "e2") if LOST in warning]


def test_where_nobody_wants_it_nothing_is_compared() -> None:
    host = struck(server(), lambda h: hush(h, 2575))
    report = enforce(host, check_availability=False)
    assert report.changed
    assert report.availability["compared"] is False


def test_a_run_may_tell_first_what_listens() -> None:
    host = server()
    listen(host, 5432, pid=41, unit="postgresql@15-main.service", program="postgres", address="127.0.0.1")
    before = host.state()
    report = enforce(host, survey_only=True)
    probed = {"place": "tcp 2575", "told": LOST, "address": "", "port": 2575, "by_hand": False}
    assert report.listeners_to_probe == [probed]
    assert (report.changed, host.state(), host.operations) == (False, before, [])
    enforce(host)
    assert _baseline.enforce(host, request("e2", "service", survey_only=True)).listeners_to_probe is None


def test_a_guard_that_is_armed_has_all_its_time_after_the_comparison() -> None:
    host = server()
    report = _baseline.enforce(host, guarded_request())
    assert (report.guard["state"], report.guard["seconds_left"]) == (ARMED, 120)


def test_what_somebody_started_by_hand_is_probed_after_all_services() -> None:
    host = server()
    listen(host, 1024, pid=50, unit="session-3.scope", program="python3")
    listen(host, 1025, pid=51, unit="", program="python3")
    probed = enforce(host, survey_only=True).listeners_to_probe
    assert [(it["port"], it["by_hand"]) for it in probed or []] == [(2575, False), (1024, True), (1025, True)]


# --- what is no loss ---


def before_and_after(act: Callable[[FakeHost], object], *arguments: Any, **more: Any) -> tuple[str, ...]:
    host = FakeHost()
    listen(host, *arguments, **more)
    seen = availability.take_snapshot(host)
    act(host)
    return availability.compare(host, seen, ()).lost


@pytest.mark.parametrize(
    ("port", "unit", "more", "lost"),
    [
        pytest.param(80, "nginx.service", {}, True, id="a service"),
        pytest.param(514, "rsyslog.service", {"protocol": "udp"}, True, id="a service over UDP"),
        pytest.param(8080, "session-3.scope", {}, False, id="started by hand in a login"),
        pytest.param(8080, "run-r4711.scope", {}, False, id="started by hand for one command"),
        pytest.param(8080, "", {}, False, id="started by hand, and no unit holds it"),
        pytest.param(8080, "docker-4711.scope", {}, True, id="a container"),
        pytest.param(6010, "session-3.scope", {"address": "127.0.0.1"}, False, id="forwarded for a login"),
        pytest.param(43211, "rsyslog.service", {"protocol": "udp"}, False, id="a port of the moment"),
        pytest.param(43211, "engine.service", {}, True, id="a port of the moment that people connect to"),
    ],
)
def test_what_is_a_loss(port: int, unit: str, more: dict[str, Any], lost: bool) -> None:
    told = before_and_after(lambda host: hush(host, port), port, pid=9, unit=unit, program="x", **more)
    assert bool(told) == lost


def test_what_somebody_started_by_hand_is_told_and_takes_nothing_back() -> None:
    host = server()
    listen(host, 8080, pid=50, unit="session-3.scope", program="python3")
    report = enforce(struck(host, lambda h: hush(h, 8080)))
    assert report.changed
    assert (report.availability["lost"], report.availability["ended"]) == ([], ["tcp 8080 (session-3.scope)"])
    (warning,) = [warning for warning in report.warnings if "8080" in warning]
    assert "started by hand what does not listen any more: tcp 8080 (session-3.scope). No unit" in warning


@pytest.mark.parametrize(("uid", "lost"), [(0, ("tcp 2049",)), (1001, ())])
def test_an_account_whose_program_is_gone_before_it_is_seen_is_not_the_kernel(uid: int, lost: Sequence[str]) -> None:
    host = FakeHost()
    stray(host, 2049, uid)
    before = availability.take_snapshot(host)
    hush(host, 2049)
    compared = availability.compare(host, before, ())
    assert (compared.lost, compared.ended) == (lost, () if lost else ("tcp 2049",))


def test_what_nobody_holds_and_is_gone_at_the_second_look_was_never_there() -> None:
    host = FakeHost()
    stray(host, 2049)
    first = availability.sockets.listeners(host)
    hush(host, 2049)
    assert availability.sockets.lasting(host, first) == []


def test_without_systemd_no_unit_says_what_was_to_stay() -> None:
    host = FakeHost()
    del host.nodes["/run/systemd/system"]
    listen(host, 8080, pid=9, unit="", program="java")
    before = availability.take_snapshot(host)
    hush(host, 8080)
    assert availability.compare(host, before, ()).lost == ("tcp 8080 (java)",)


def test_a_socket_of_the_kernel_is_a_loss_wherever_it_was() -> None:
    host = FakeHost()
    held_by_kernel(host, 51820)
    seen = availability.take_snapshot(host)
    hush(host, 51820)
    assert availability.compare(host, seen, ()).lost == ("udp 51820",)


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (("10.77.0.5",), ()),
        (("10.77.0.5", "10.77.0.100"), ("the other holder of address 10.77.0.100",)),
        ((), ("address 10.77.0.5",)),
    ],
)
def test_a_floating_address_keeps_its_one_holder(now: Sequence[str], lost: Sequence[str]) -> None:
    host = FakeHost()
    hear(host, 112, pid=9, unit="keepalived.service", program="keepalived")
    hold_addresses(host, "10.77.0.5")
    seen = availability.take_snapshot(host)
    hold_addresses(host, *now)
    assert availability.compare(host, seen, ()).lost == lost


def test_an_address_of_a_host_that_shares_none_may_change() -> None:
    host = FakeHost()
    hold_addresses(host, "10.77.0.5")
    seen = availability.take_snapshot(host)
    hold_addresses(host, "10.77.0.6")
    assert availability.compare(host, seen, ()).lost == ()


def test_a_port_of_the_moment_may_move() -> None:
    def move(host: FakeHost) -> None:
        hush(host, 43211)
        listen(host, 43212, pid=9, unit="rpc-statd.service", program="rpc.statd")

    assert before_and_after(move, 43211, pid=9, unit="rpc-statd.service", program="rpc.statd") == ()


@pytest.mark.parametrize(
    ("name", "enabled", "lost"),
    [
        ("engine.service", True, True),
        ("systemd-hostnamed.service", False, False),
        ("user@1000.service", True, False),
        ("healthops-boot-look.service", True, False),
        ("ssh@0-10.0.0.1:22-10.0.0.2:5000.service", True, False),
    ],
)
def test_a_unit_that_ended(name: str, enabled: bool, lost: bool) -> None:
    host = FakeHost()
    host.units[name] = FakeUnit(active=True)
    if enabled:
        host.add_link(f"/etc/systemd/system/multi-user.target.wants/{name}", f"/lib/systemd/system/{name}")
    seen = availability.take_snapshot(host)
    host.units[name].active = False
    assert bool(availability.compare(host, seen, ()).lost) == lost
