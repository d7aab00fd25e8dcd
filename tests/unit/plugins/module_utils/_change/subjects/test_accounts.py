# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One field of one account at a time."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.accounts import AccountField
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost

SHADOW = "root:*:19000:0:99999:7:::\nbackup:$y$old:19000:0:99999:7:::\n"


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nbackup:x:34:34::/var/backups:/bin/sh\n")
    made.add_file("/etc/shadow", SHADOW, mode=0o640, gid=42)
    return made


def test_taking_a_field_back_never_takes_a_new_password_back(host: FakeHost) -> None:
    field = AccountField("longest days of backup")
    before = field.capture(host)
    field.put(host, {"value": "90"})
    host.nodes["/etc/shadow"].content = host.nodes["/etc/shadow"].content.replace(b"$y$old", b"$y$new")
    field.put(host, before)
    assert host.text("/etc/shadow") == SHADOW.replace("$y$old", "$y$new")
    assert (host.nodes["/etc/shadow"].mode, host.nodes["/etc/shadow"].gid) == (0o640, 42)


def test_it_is_written_under_the_lock_of_the_account_files_and_only_where_it_differs(host: FakeHost) -> None:
    field = AccountField("shell of backup")
    field.put(host, {"value": "/bin/sh"})
    assert (host.locked, host.operations) == (1, [])
    field.put(host, {"value": "/usr/sbin/nologin"})
    assert host.locked == 2
    assert field.capture(host) == {"value": "/usr/sbin/nologin"}


def test_an_account_that_is_gone_is_left_alone(host: FakeHost) -> None:
    field = AccountField("shell of alice")
    assert field.capture(host) == {"value": None}
    field.put(host, {"value": "/bin/sh"})
    assert host.operations == []


def test_of_two_lines_of_a_name_the_first_counts_and_bytes_that_are_no_text_survive(host: FakeHost) -> None:
    host.add_file("/etc/passwd", b"backup:x:34:34:\xe4:/:/bin/sh\nbackup:x:35:35::/:/bin/dash\n")
    AccountField("shell of backup").put(host, {"value": "/bin/false"})
    lines = host.nodes["/etc/passwd"].content
    assert lines == b"backup:x:34:34:\xe4:/:/bin/false\nbackup:x:35:35::/:/bin/dash\n"


@pytest.mark.parametrize("name", ["home of backup", "shell", "shell of "])
def test_there_are_no_other_fields(host: FakeHost, name: str) -> None:
    with pytest.raises(ClinicalError, match="there is no such field"):
        AccountField(name).capture(host)


def test_a_short_line_is_told_and_breaks_nothing(host: FakeHost) -> None:
    host.add_file("/etc/passwd", "root:x:0:0:root:/root:/bin/bash\nbackup:x:34\n")
    field = AccountField("shell of backup")
    assert field.capture(host) == {"value": None}
    with pytest.raises(ClinicalError, match="the line of backup has 3 fields only"):
        field.put(host, {"value": "/bin/sh"})


def test_no_password_is_shown() -> None:
    way = AccountField("password of backup").way_back({"value": "$y$a"}, {"value": "!$y$a"}, {"value": "$y$c"})
    assert [conflict.describe() for conflict in way.conflicts] == ["before: a password; set: locked; now: a password"]
    way = AccountField("shell of backup").way_back({"value": "/a"}, {"value": "/b"}, {"value": "/c"})
    assert [conflict.describe() for conflict in way.conflicts] == ["before: /a; set: /b; now: /c"]


def test_an_account_that_is_gone_stays_gone() -> None:
    gone = {"value": None}
    assert AccountField("shell of backup").way_back({"value": "/a"}, {"value": "/b"}, gone).goal == gone


def test_an_account_that_came_with_a_package_goes_with_it_and_not_before() -> None:
    field = AccountField("shell of backup")
    assert field.astray({"value": "/bin/sh"}, {"value": None}) == []
    assert field.astray({"value": "/bin/sh"}, {"value": "/bin/false"}) == ["account shell of backup"]
