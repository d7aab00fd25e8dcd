# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may plan jobs: a list, on which everybody is who has some today."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl
from fake_host import FakeHost
from look import look


def enforced(host: FakeHost, tool: str, *users: str) -> None:
    control = Control("one", "cron", {"tool": tool, "users": list(users)})
    report = _baseline.enforce(host, _baseline.BaselineRequest("e1", (control,)))
    assert [finding["result"] for finding in report.findings] == ["fixed"]


def test_a_service_account_with_a_job_is_not_cut_off() -> None:
    host = FakeHost()
    host.add_file("/var/spool/cron/crontabs/mirth", "0 2 * * * export\n", mode=0o600)
    enforced(host, "cron", "backup")
    assert host.text("/etc/cron.allow") == "root\nbackup\nmirth\n"
    node = host.nodes["/etc/cron.allow"]
    assert (node.mode, node.uid, node.gid) == (0o640, 0, 0)
    assert node.xattrs == {acl.ATTRIBUTE: acl.read_by_group(101)}  # the program has no other rights than that group's


def test_whoever_has_a_job_for_at_is_on_its_list() -> None:
    host = FakeHost()
    host.add_file("/var/spool/cron/atjobs/a00001019d2c3c", "", uid=1000)
    host.add_file("/var/spool/cron/atjobs/.SEQ", "1")
    enforced(host, "at")
    assert host.text("/etc/at.allow") == "root\nalice\n"
    node = host.nodes["/etc/at.allow"]
    assert (node.mode, node.gid, node.xattrs) == (0o640, 0, {})  # it reads the list as root


def test_a_list_that_is_there_keeps_its_names() -> None:
    host = FakeHost()
    host.add_file("/etc/cron.allow", "root\nnight\n", mode=0o644)
    enforced(host, "cron", "backup")
    assert host.text("/etc/cron.allow") == "root\nnight\nbackup\n"
    node = host.nodes["/etc/cron.allow"]
    assert (node.mode, node.gid) == (0o640, 0)
    assert node.xattrs == {acl.ATTRIBUTE: acl.read_by_group(101)}


def test_a_list_of_the_programs_group_stays_so() -> None:
    host = FakeHost()
    host.add_file("/etc/cron.allow", "root\n", mode=0o644, gid=101)
    enforced(host, "cron")
    node = host.nodes["/etc/cron.allow"]
    assert (node.mode, node.gid, node.xattrs) == (0o640, 101, {})


@pytest.mark.parametrize(
    ("mode", "gid", "fine"), [(0o640, 101, True), (0o600, 0, True), (0o640, 33, False), (0o660, 101, False)]
)
def test_owner_and_mode(mode: int, gid: int, fine: bool) -> None:
    host = FakeHost()
    host.add_file("/etc/cron.allow", "root\n", mode=mode, gid=gid)
    assert (look(host, "cron", {"tool": "cron"}).result == "pass") == fine


def test_a_link_is_not_followed() -> None:
    host = FakeHost()
    host.add_link("/etc/cron.allow", "/home/alice/list")
    assert look(host, "cron", {"tool": "cron"}).result == "error"


def test_without_the_program_it_does_not_apply() -> None:
    host = FakeHost()
    host.programs -= {"at"}
    assert look(host, "cron", {"tool": "at"}).reason == "at is not on this host"


def test_a_name_is_a_line_as_for_crontab() -> None:
    host = FakeHost()
    host.add_file("/etc/cron.allow", "root\nbackup mirth\n", mode=0o640)
    assert look(host, "cron", {"tool": "cron", "users": ["mirth"]}).result == "fail"
    enforced(host, "cron", "mirth")
    assert host.text("/etc/cron.allow") == "root\nbackup mirth\nmirth\n"
