# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that run what is gone, and reasons to restart the host."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import restarts
from fake_host import FakeHost, fixture

LINE = "7f48b04ae000-7f48b04af000 {rights} 00000000 00:01 22872                      {path}\n"


def process(host: FakeHost, pid: int, unit: str, *paths: str, rights: str = "r-xp") -> None:
    host.add_file(f"/proc/{pid}/maps", "".join(LINE.format(path=path, rights=rights) for path in paths))
    host.add_file(f"/proc/{pid}/cgroup", f"0::/system.slice/{unit}\n")
    host.add_file(f"/proc/{pid}/cmdline", "/usr/bin/python3\0/usr/bin/lab\0")


def test_a_service_with_a_library_that_was_replaced() -> None:
    host = FakeHost()
    process(host, 10, "old.service", "/usr/lib/libz.so.1 (deleted)", "/usr/lib/libc.so.6")
    process(host, 11, "new.service", "/usr/lib/libz.so.1")
    process(host, 12, "passing.service", "/memfd:x (deleted)", "/dev/zero (deleted)", "/tmp/x (deleted)")
    process(host, 13, "data.service", "/usr/share/data (deleted)", rights="r--p")
    assert restarts.read_mapped_files(host).services() == ("old.service",)


def test_what_a_change_will_restart_is_foretold_also_where_lib_is_a_link() -> None:
    host = FakeHost()
    process(host, 10, "a.service", "/usr/lib/x86_64-linux-gnu/libz.so.1")
    process(host, 11, "b.service", "/usr/lib/other")
    seen = restarts.read_mapped_files(host)
    assert restarts.interrupted_services(seen, ["/lib/x86_64-linux-gnu/libz.so.1"]) == ("a.service",)
    assert restarts.interrupted_services(seen, ["/usr/bin/lab"]) == (
        "a.service",
        "b.service",
    )  # the script that they run
    assert restarts.interrupted_services(seen, ["/lib/systemd/system/b.service"]) == ("b.service",)


@pytest.mark.parametrize(
    ("name", "needs_reboot"),
    [("linux-image-6.1.0-41-amd64", True), ("libc6", True), ("dbus", True), ("systemd", True), ("libsystemd0", False)],
)
def test_what_takes_a_reboot(name: str, needs_reboot: bool) -> None:
    assert restarts.needs_reboot(name) is needs_reboot


def test_the_kernel_that_runs_is_compared_with_the_newest_that_is_installed() -> None:
    host = FakeHost()  # 6.1.0-30-amd64 runs
    seen = restarts.read_mapped_files(host)
    assert not restarts.assess_reboot(host, seen, ()).needed
    assert not restarts.assess_reboot(host, seen, ("6.1.0-30-amd64",)).needed
    newer = restarts.assess_reboot(host, seen, ("6.1.0-30-amd64", "6.1.0-41-amd64"))
    assert newer.why == ("kernel 6.1.0-30-amd64 runs, 6.1.0-41-amd64 is installed",)


def test_packages_that_ask_for_a_reboot_are_named() -> None:
    host = FakeHost()
    host.add_file("/run/reboot-required", "*** System restart required ***\n")
    host.add_file("/run/reboot-required.pkgs", "libc6\nlibc6\ndbus\n")
    assert restarts.assess_reboot(host, restarts.read_mapped_files(host), ()).why == (
        "packages asked for it: libc6 dbus",
    )


def test_what_cannot_be_restarted_alone_is_a_reason_as_well() -> None:
    host = FakeHost()
    process(host, 1, "", "/usr/lib/systemd/systemd (deleted)")
    host.add_file("/proc/1/cgroup", "0::/init.scope\n")
    process(host, 10, "dbus.service", "/usr/bin/dbus-daemon (deleted)")
    why = restarts.assess_reboot(host, restarts.read_mapped_files(host), ()).why
    assert "the first process runs what was replaced" in why[0]
    assert why[1] == "dbus.service runs what was replaced"


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_needrestart_says_what_the_site_restarts_itself(system: str) -> None:
    host = FakeHost()
    host.programs.add("needrestart")
    host.answers[("needrestart", "-m", "a", "-r", "l", "-l")] = CommandResult((), 0, fixture("needrestart", system), "")
    found = restarts.outdated(host)
    assert {"lab-daemon.service", "rsyslog.service", "ssh.service"} <= found.due
    assert {"nginx.service", "systemd-logind.service", "unattended-upgrades.service"} <= found.deferred
    assert not found.due & found.deferred
    assert ("dbus.service" in found.deferred) == (system == "debian-12")  # it is restarted by a file of its own
    assert all(unit.endswith(".service") for unit in found.due | found.deferred)


def test_what_needrestart_says_goes_before_what_is_seen() -> None:
    host = FakeHost()
    process(host, 7, "nginx.service", "/usr/lib/libz.so.1 (deleted)")
    assert restarts.outdated(host) == restarts.OutdatedServices(frozenset({"nginx.service"}))
    host.programs.add("needrestart")
    said = "Service restarts being deferred:\n systemctl restart nginx.service\n"
    host.answers[("needrestart", "-m", "a", "-r", "l", "-l")] = CommandResult((), 0, said, "")
    assert restarts.outdated(host) == restarts.OutdatedServices(frozenset(), frozenset({"nginx.service"}))


@pytest.mark.parametrize("unit", ["docker.service", "NetworkManager.service", "openvpn@site.service"])
def test_without_needrestart_what_cuts_others_is_left_to_the_site(unit: str) -> None:
    host = FakeHost()
    process(host, 7, unit, "/usr/lib/libz.so.1 (deleted)")
    assert restarts.outdated(host) == restarts.OutdatedServices(frozenset(), frozenset({unit}))


def test_services_are_restarted_in_the_order_of_the_site() -> None:
    units = ["a.service", "mirth.service", "postgresql@15-main.service", "z.service"]
    assert restarts.in_order(units, ["postgresql*", "mirth*"]) == (
        *("postgresql@15-main.service", "mirth.service", "a.service", "z.service"),
    )
