# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restarts that were held back: which are done, in which order, and which are not."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.availability import Snapshot
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import services
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import ServiceRequest
from fake_host import FakeHost
from fake_programs import FakeUnit

NOTHING = Snapshot()


def ran(host: FakeHost) -> list[str]:
    """What systemctl was told to do, without the questions."""
    verbs = ("restart", "start", "stop", "daemon-reload")
    return [" ".join(argv[2:]) for argv in host.runs if argv[0] == "systemctl" and argv[2] in verbs]


def test_what_packages_asked_for_is_done_in_the_order_of_the_site() -> None:
    host = FakeHost()
    host.units = {name: FakeUnit(active=True) for name in ("a.service", "z.service")}
    asked = [ServiceRequest("a.service", "restart"), ServiceRequest("z.service", "try-restart")]
    settled = services.settle(host, asked, services.NOW, ["z*"], NOTHING)
    assert settled.restarted == ("z.service", "a.service")
    assert ran(host) == ["daemon-reload", "restart z.service", "restart a.service"]


def test_what_nobody_ran_is_not_begun_by_an_update() -> None:
    host = FakeHost()
    host.units = {"off.service": FakeUnit(active=False)}
    settled = services.settle(host, [ServiceRequest("off.service", "restart")], services.NOW, [], NOTHING)
    assert (settled.restarted, ran(host)) == ((), ["daemon-reload"])


def test_what_is_new_and_enabled_begins() -> None:
    host = FakeHost()
    host.units = {"new.service": FakeUnit(active=False)}
    host.add_file("/etc/systemd/system/multi-user.target.wants/new.service")
    assert services.settle(host, [ServiceRequest("new.service", "start")], services.NOW, [], NOTHING).restarted == (
        "new.service",
    )


def test_what_went_with_its_package_is_stopped() -> None:
    host = FakeHost()
    services.settle(host, [ServiceRequest("gone.service", "stop")], services.NOW, [], NOTHING)
    assert ran(host) == ["daemon-reload", "stop gone.service"]


@pytest.mark.parametrize("unit", ["dbus.service", "systemd-logind.service", "user@1000.service"])
def test_what_would_end_logins_is_left_to_a_reboot(unit: str) -> None:
    host = FakeHost()
    host.units = {unit: FakeUnit(active=True)}
    assert services.settle(host, [ServiceRequest(unit, "restart")], services.NOW, [], NOTHING).restarted == ()


def test_who_wants_to_be_asked_is_told_and_nothing_is_done() -> None:
    host = FakeHost()
    host.units = {"a.service": FakeUnit(active=True)}
    settled = services.settle(host, [ServiceRequest("a.service", "restart")], services.ASK, [], NOTHING)
    assert (settled.restarted, settled.to_restart, ran(host)) == ((), ("a.service",), ["daemon-reload"])


def test_what_the_policy_of_the_site_forbids_is_told_and_not_done() -> None:
    """An imaging archive, say, that only its own drain may restart."""
    host = FakeHost()
    host.units = {"orthanc.service": FakeUnit(active=True), "a.service": FakeUnit(active=True)}
    asked = [ServiceRequest("orthanc.service", "restart", refused=True), ServiceRequest("a.service", "restart")]
    settled = services.settle(host, asked, services.NOW, [], NOTHING)
    assert (settled.restarted, settled.to_restart) == (("a.service",), ("orthanc.service",))
    assert ran(host) == ["daemon-reload", "restart a.service"]


def test_what_needrestart_puts_off_is_restarted_only_where_its_package_asks_for_it() -> None:
    host = FakeHost()
    host.units = {name: FakeUnit(active=True) for name in ("docker.service", "haproxy.service")}
    host.programs.add("needrestart")
    said = "Service restarts being deferred:\n systemctl restart docker.service\n systemctl restart haproxy.service\n"
    host.answers[("needrestart", "-m", "a", "-r", "l", "-l")] = CommandResult((), 0, said, "")
    settled = services.settle(host, [ServiceRequest("haproxy.service", "restart")], services.NOW, [], NOTHING)
    assert (settled.restarted, settled.to_restart) == (("haproxy.service",), ("docker.service",))
