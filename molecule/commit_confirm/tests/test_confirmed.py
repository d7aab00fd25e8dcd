# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a change that was confirmed nothing is left armed: nothing that could take it back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host

JOURNAL = "/var/lib/healthops/journal"


def test_change_is_in_force(host: Host) -> None:
    assert "maxauthtries 4" in host.check_output("sshd -T").splitlines()


def test_guard_was_confirmed(host: Host) -> None:
    """The record says so, and it is the guard of a run that changed something."""
    records = host.check_output(f"cat {JOURNAL}/*/guard").splitlines()
    assert records
    assert not [line for line in records if '"armed"' in line]
    assert '"confirmed"' in records[-1]


def test_no_unit_is_left(host: Host) -> None:
    assert host.check_output("systemctl list-units --plain --no-legend 'healthops-guard*'") == ""
    # It exits with 1 where there is nothing to list.
    assert host.run("systemctl list-unit-files --plain --no-legend 'healthops-guard*'").stdout == ""


def test_no_file_is_left(host: Host) -> None:
    assert (
        host.check_output("find /etc/systemd /run/systemd /var/lib/healthops -name '*guard*' -not -path '*/journal/*'")
        == ""
    )


def test_no_process_is_left(host: Host) -> None:
    assert host.run("pgrep --full 'revert[.]pyz'").rc == 1


def test_wants_of_the_boot_are_what_the_image_brought(host: Host) -> None:
    wanted = host.check_output("ls /etc/systemd/system/sysinit.target.wants").split()
    assert "unbind-etc.service" in wanted
    assert not [name for name in wanted if name.startswith("healthops")]


def test_the_next_boot_is_looked_at(host: Host) -> None:
    """Its program starts, and systemd takes its unit and starts it at boot."""
    folder = "/var/lib/healthops/boot-look"
    assert host.check_output(f"python3 -I -S {folder}/look.pyz") == "There is nothing to look at."
    assert host.check_output("systemctl is-enabled healthops-boot-look.service") == "enabled"
    host.check_output("systemd-analyze verify healthops-boot-look.service")
    assert host.check_output(f"ls {folder}").split() == ["look.pyz", "record"]
