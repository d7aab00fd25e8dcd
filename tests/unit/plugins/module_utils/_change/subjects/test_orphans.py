# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever gets the number of an account that went finds nothing of it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.orphans import (
    GROUP,
    PASSWD,
    hand_over,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

STAYS, GOES = "alice:x:1000:1000::/:/bin/sh\n", "_aide:x:106:112::/:/bin/false\n"


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file(PASSWD, STAYS)
    made.add_file(GROUP, "alice:x:1000:\n")
    made.add_file("/var/log/aide/aide.log", "log\n", mode=0o640, uid=106, gid=4)
    made.add_dir("/var/lib/aide/empty")
    for path in ("/var/log/aide", "/var/lib/aide", "/var/lib/aide/empty"):
        made.nodes[path].uid = 106
    made.add_file("/var/lib/alice/x", "x", uid=1000, gid=112)
    return made


def test_what_an_account_left_is_roots_and_empty_folders_go(host: FakeHost) -> None:
    hand_over(host, PASSWD, STAYS + GOES)
    log, folder = host.nodes["/var/log/aide/aide.log"], host.nodes["/var/log/aide"]
    assert (log.uid, log.gid, log.mode, log.content, folder.uid) == (0, 4, 0o640, b"log\n", 0)
    assert "/var/lib/aide" not in host.nodes
    assert host.nodes["/var/lib/alice/x"].uid == 1000


def test_what_a_group_left_keeps_its_owner(host: FakeHost) -> None:
    hand_over(host, GROUP, "alice:x:1000:\n_aide:x:112:\n")
    node = host.nodes["/var/lib/alice/x"]
    assert (node.uid, node.gid) == (1000, 0)


def test_root_inherits_no_rights_to_lend(host: FakeHost) -> None:
    host.nodes["/var/log/aide/aide.log"].mode = 0o6755
    hand_over(host, PASSWD, STAYS + GOES)
    assert host.nodes["/var/log/aide/aide.log"].mode == 0o755


@pytest.mark.parametrize("before", [STAYS, "", "short:x\nodd:x:y:z\n", "_aide2:x:1000:1000::/:/bin/sh\n"])
def test_where_no_number_went_nothing_is_looked_for(host: FakeHost, before: str) -> None:
    hand_over(host, PASSWD, before)
    assert host.runs == []


def test_a_search_that_fails_is_told(host: FakeHost) -> None:
    argv = ("find", "/etc", "/var", "/run", "-xdev", "-depth", "(", "-uid", "106", ")")
    host.answers[argv] = CommandResult(argv, 1, "", "find: Input/output error")
    with pytest.raises(ClinicalError, match="Input/output error"):
        hand_over(host, PASSWD, STAYS + GOES)
