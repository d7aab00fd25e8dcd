# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everybody does their work: before the strict tier, after it, and after it was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import outside
import people
import pytest

if TYPE_CHECKING:
    from testinfra.host import Host


def test_a_service_leaves_files_with_a_key_that_can_do_nothing_else(host: Host) -> None:
    outside.root(host, "rm -f /srv/hl7/result.hl7")
    done = people.sftp(host, "hl7drop", "put /etc/hostname result.hl7\nls\n")
    assert done.returncode == 0, done.stderr
    assert outside.root(host, "stat --format %U /srv/hl7/result.hl7").out == "hl7drop"
    assert "uid=" not in people.with_key(host, "hl7drop", "id").stdout  # its key opens no shell


def test_a_service_runs_its_unit(host: Host) -> None:
    assert outside.root(host, "rm -f /srv/reports/by-unit; systemctl start reports.service").rc == 0
    assert outside.root(host, "stat --format %U /srv/reports/by-unit").out == "reports"


def test_a_service_runs_its_scheduled_job(host: Host) -> None:
    """cron begins a job once a minute."""
    outside.root(host, "rm -f /srv/reports/by-cron")
    waiting = "timeout 150 sh -c 'until test -s /srv/reports/by-cron; do sleep 1; done'"
    assert outside.root(host, waiting).rc == 0
    assert outside.root(host, "stat --format %U /srv/reports/by-cron").out == "reports"


def test_automation_logs_in_with_its_key_and_becomes_root_without_a_password(host: Host) -> None:
    assert people.with_key(host, "automation", "sudo -n id -u").stdout == "0\n"


def test_the_account_for_emergencies_gets_in_over_ssh_and_becomes_root(host: Host) -> None:
    password = people.PASSWORDS["night"]
    done = people.with_password(host, "night", password, f"echo {password} | sudo -S -p '' id -u")
    assert done.stdout == "0\n", done.stderr


@pytest.mark.parametrize("name", ["night", "alice", "root"])
def test_people_get_in_at_the_console(host: Host, name: str) -> None:
    answer = people.at_the_console(host, name, people.PASSWORDS[name])
    assert (answer.rc, answer.out) == (0, name)


def test_people_get_in_over_ssh(host: Host) -> None:
    assert people.with_password(host, "alice", people.PASSWORDS["alice"]).stdout == "alice\n"


def test_a_wrong_password_opens_nothing(host: Host) -> None:
    assert people.with_password(host, "alice", people.WRONG).returncode != 0
    assert people.at_the_console(host, "alice", people.WRONG).rc != 0
    assert people.with_password(host, "alice", people.PASSWORDS["alice"]).returncode == 0
