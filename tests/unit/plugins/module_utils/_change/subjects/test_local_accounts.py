# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts and groups of a system come by the programs that know how, and go again."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.local_accounts import (
    LocalAccount,
    LocalGroup,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

WANTED = {
    "there": True,
    "group": "relay",
    "groups": [],
    "home": "/nonexistent",
    "shell": "/bin/false",
    "comment": "TURN",
}


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/bash\n")
    made.add_file("/etc/group", "root:x:0:\n")
    return made


def test_an_account_is_made_changed_and_taken_away(host: FakeHost) -> None:
    group, account = LocalGroup("relay"), LocalAccount("relay")
    before = group.capture(host), account.capture(host)
    group.put(host, {"there": True})
    account.put(host, WANTED)
    assert account.capture(host) == WANTED
    account.put(host, {**WANTED, "shell": "/bin/sh"})
    assert account.capture(host)["shell"] == "/bin/sh"
    account.put(host, before[1])
    group.put(host, before[0])
    assert (group.capture(host), account.capture(host)) == before


def test_what_is_as_wanted_runs_no_program(host: FakeHost) -> None:
    LocalGroup("root").put(host, {"there": True})
    LocalAccount("nobody-here").put(host, {"there": False})
    assert host.runs == []


def test_a_program_that_refuses_is_told(host: FakeHost) -> None:
    argv = ("groupdel", "root")
    host.answers[argv] = CommandResult(argv, 8, "", "groupdel: cannot remove the primary group of user 'root'\n")
    with pytest.raises(ClinicalError, match="cannot remove the primary group"):
        LocalGroup("root").put(host, {"there": False})
