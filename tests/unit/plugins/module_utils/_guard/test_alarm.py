# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes off on the host itself: laid out before it is needed, and nothing left of it afterwards."""

from __future__ import annotations

import os
import sys

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost


@pytest.fixture
def host() -> FakeHost:
    return FakeHost()


def test_the_reverter_is_isolated_from_what_is_installed_beside_python() -> None:
    assert alarm.command() == (os.path.realpath(sys.executable), "-I", "-S", alarm.REVERTER)


def test_prepared_it_starts_by_itself_at_the_next_boot_and_is_roots_alone(host: FakeHost) -> None:
    assert not alarm.is_prepared(host)
    alarm.prepare(host)
    assert alarm.is_prepared(host)
    assert host.runs[0] == (*alarm.command(), "--ready")
    assert host.nodes[alarm.BOOT_LINK].target == alarm.BOOT_UNIT
    unit = host.text(alarm.BOOT_UNIT)
    assert f"ExecStart={' '.join(alarm.command())} --boot" in unit
    assert "Before=sysinit.target systemd-sysctl.service network-pre.target" in unit
    assert [host.nodes[path].mode for path in (alarm.FOLDER, alarm.REVERTER, alarm.BALLAST)] == [0o700, 0o600, 0o600]
    assert len(host.nodes[alarm.BALLAST].content) == alarm.BALLAST_SIZE


def test_a_reverter_that_cannot_start_is_found_before_it_is_needed(host: FakeHost) -> None:
    argv = (*alarm.command(), "--ready")
    host.answers[argv] = CommandResult(argv, 1, "", "zipimport.ZipImportError\n")
    with pytest.raises(ClinicalError, match=r"Trying the reverter of .*: zipimport\.ZipImportError"):
        alarm.prepare(host)
    assert alarm.BOOT_UNIT not in host.nodes


def test_the_timer_goes_off_by_the_monotonic_clock_and_again_until_it_has_succeeded(host: FakeHost) -> None:
    alarm.set_off_in(host, 120)
    (argv,) = host.runs
    assert {"--on-active=120s", f"--timer-property=OnUnitInactiveSec={alarm.AGAIN_AFTER}s"} <= set(argv)
    assert argv[-4:] == alarm.command()
    assert host.units[alarm.TIMER].active


def test_a_timer_that_cannot_be_armed_is_told(host: FakeHost) -> None:
    alarm.set_off_in(host, 120)
    with pytest.raises(ClinicalError, match=rf"Arming the timer {alarm.TIMER}: Failed to start transient timer unit"):
        alarm.set_off_in(host, 120)


def test_without_systemd_a_process_of_its_own_waits(host: FakeHost) -> None:
    del host.nodes["/run/systemd/system"]
    assert not alarm.survives_reboot(host)
    alarm.prepare(host)
    alarm.set_off_in(host, 120)
    assert host.spawned == [(*alarm.command(), "--wait")]
    assert alarm.BOOT_UNIT not in host.nodes


def test_cleared_nothing_of_it_is_left_and_clearing_again_is_harmless(host: FakeHost) -> None:
    host.add_dir(alarm.STATE)
    before = set(host.nodes)
    alarm.prepare(host)
    alarm.set_off_in(host, 120)
    alarm.clear(host)
    assert set(host.nodes) == before
    assert alarm.TIMER not in host.units
    operations = list(host.operations)
    alarm.clear(host)
    assert host.operations == operations


def test_what_others_start_early_in_the_boot_stays(host: FakeHost) -> None:
    theirs = f"{alarm.WANTS}/theirs.service"
    host.add_link(theirs, "/etc/systemd/system/theirs.service")
    alarm.prepare(host)
    alarm.clear(host)
    assert theirs in host.nodes


def test_nothing_of_it_stays_in_the_memory_of_systemd(host: FakeHost) -> None:
    alarm.prepare(host)
    alarm.clear(host)
    assert host.operations[-1] != "remove " + alarm.BOOT_UNIT
    assert "systemctl daemon-reload" in host.operations
    reloads = host.operations.count("systemctl daemon-reload")
    alarm.clear(host)
    assert host.operations.count("systemctl daemon-reload") == reloads
