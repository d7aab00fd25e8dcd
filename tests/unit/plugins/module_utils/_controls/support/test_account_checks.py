# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of accounts: what each finds, which of it is mended, and whom it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_checks import (
    FILE_CHECKS,
    NOTICE,
    AccountsView,
    Violation,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_files import read_accounts
from fake_host import FakeHost

TODAY = 20000
ROOT = "root:x:0:0:root:/root:/bin/bash\n"
ALICE = "alice:x:1000:1000::/home/alice:/bin/bash\n"
SHADOW = "root:*:1::::::\nalice:$y$x:19990:0:90:7:30::\n"
GROUP = "root:x:0:\nalice:x:1000:\nward:x:50:alice\n"


def violations(check: str, protected: str = "", **more: Any) -> list[Violation]:
    host = FakeHost()
    for name, text in (("passwd", ROOT + ALICE), ("shadow", SHADOW), ("group", GROUP), ("gshadow", "")):
        host.add_file(f"/etc/{name}", more.pop(name, text))
    view = AccountsView(
        control="c1",
        settings={"value": 90, "groups": ["ward"], "except": more.pop("excepted", ())},
        files=read_accounts(host),
        protected=frozenset(protected.split()),
        today=TODAY,
        **more,
    )
    return list(FILE_CHECKS[check][0](view))


@pytest.mark.parametrize("check", FILE_CHECKS)
def test_a_host_in_order_has_no_violation(check: str) -> None:
    assert violations(check) == []


TWICE = ALICE + "bob:x:1000:1000::/home/alice:/bin/sh\n"


@pytest.mark.parametrize(
    ("check", "files", "what"),
    [
        ("passwords_shadowed", {"passwd": "alice:$y$x:1000:1000::/:/bin/sh\n"}, "password of alice is in /etc/passwd"),
        ("passwords_hashed_well", {"shadow": "alice:$1$x:1::::::\n"}, "alice's password is stored with an old hash"),
        ("passwords_changed_in_past", {"shadow": f"alice:$y$x:{TODAY + 2}::::::\n"}, "in the future"),
        ("shell_less_are_locked", {"passwd": "alice:x:1000:1000::/:/bin/false\n"}, "no shell, but a password"),
        ("uid_zero", {"passwd": ROOT + "toor:x:0:0::/:/bin/sh\n"}, "toor has root's number 0"),
        ("gid_zero", {"passwd": ROOT + "alice:x:1000:0::/:/bin/sh\n"}, "the group of alice is root's"),
        ("group_zero", {"group": "root:x:0:\nwheel:x:0:\n"}, "group wheel has root's number 0"),
        ("unique_uids", {"passwd": TWICE}, "alice, bob share the number 1000"),
        ("unique_users", {"passwd": ALICE + ALICE}, "alice stands in /etc/passwd more than once"),
        ("unique_gids", {"group": "a:x:7:\nb:x:7:\n"}, "a, b share the number 7"),
        ("unique_groups", {"group": "a:x:7:\na:x:8:\n"}, "a stands in /etc/group more than once"),
        ("unique_homes", {"passwd": TWICE}, "alice, bob share the home /home/alice"),
        ("groups_exist", {"group": "root:x:0:\n"}, "group 1000 of alice is not there"),
        ("shadow_group", {"group": "shadow:x:42:alice\n"}, "alice can read every password's hash"),
        ("well_formed", {"passwd": ROOT + "alice:x:1000\n"}, "/etc/passwd:2 is no line that programs can read"),
        ("no_directory_lines", {"passwd": ROOT + "+@ward\n"}, "/etc/passwd takes in accounts of a directory"),
    ],
)
def test_what_only_people_can_mend_comes_with_advice(check: str, files: dict[str, str], what: str) -> None:
    (violation,) = violations(check, **files)
    assert what in violation.what
    assert violation.step is None
    assert violation.advice


@pytest.mark.parametrize(
    ("check", "files", "subjects"),
    [
        ("passwords_set", {"shadow": "alice::1::::::\n"}, ["password of alice"]),
        ("passwords_set", {"passwd": "alice::1000:1000::/:/bin/sh\n"}, ["password mark of alice"]),
        (
            "passwords_set",
            {"passwd": "alice::1000:1000::/:/bin/sh\n", "shadow": "alice::1::::::\n"},
            ["password mark of alice", "password of alice"],
        ),
        ("group_passwords", {"gshadow": "ward:$y$x::\n"}, ["group password of ward"]),
        ("system_shells", {"passwd": "backup:x:34:34::/:/bin/sh\n"}, ["shell of backup"]),
        ("password_longest", {"shadow": "alice:$y$x:19990:0:99999:7:::\n"}, ["longest days of alice"]),
        ("password_inactive", {"shadow": "alice:$y$x:19990:0:90:7:::\n"}, ["inactive days of alice"]),
    ],
)
def test_what_is_safe_to_mend_is_a_step(check: str, files: dict[str, str], subjects: list[str]) -> None:
    steps = [violation.step for violation in violations(check, **files)]
    assert [step and (step.subject.name, step.controls) for step in steps] == [(name, ("c1",)) for name in subjects]


@pytest.mark.parametrize("way", [{"protected": "backup"}, {"excepted": ["backup"]}])
def test_who_is_protected_or_excepted_keeps_the_shell(way: dict[str, Any]) -> None:
    assert violations("system_shells", passwd="backup:x:34:34::/:/bin/sh\n", **way) == []


def test_a_protected_account_is_told_and_never_locked() -> None:
    (violation,) = violations("passwords_set", protected="alice", shadow="alice::1::::::\n")
    assert (violation.step, violation.advice) == (None, "a person has to set a password for it")


@pytest.mark.parametrize(
    ("more", "advice"),
    [
        ({"shadow": "backup:$y$x:1::::::\n"}, "backup has a password"),
        ({"keyed": frozenset({"backup"})}, "backup has keys for SSH"),
        ({"busy": frozenset({"backup"})}, "backup runs programs now"),
    ],
)
def test_an_account_of_the_system_that_somebody_uses_stays(more: dict[str, Any], advice: str) -> None:
    (violation,) = violations("system_shells", passwd="backup:x:34:34::/:/bin/sh\n", **more)
    assert violation.step is None
    assert violation.advice.startswith(f"{advice}, so it stays")


@pytest.mark.parametrize(("changed", "mends"), [(TODAY - 90 + NOTICE, True), (TODAY - 90 + NOTICE - 1, False)])
def test_nobodys_password_expires_within_the_notice(changed: int, mends: bool) -> None:
    (violation,) = violations("password_longest", shadow=f"alice:$y$x:{changed}:0:99999:7:::\n")
    assert (violation.step is not None) == mends
    assert violation.what == "alice's password lasts for ever"


def test_who_is_in_no_named_group_never_ages() -> None:
    shadow = "alice:$y$x:19990:0:99999:7:::\n"
    assert violations("password_longest", shadow=shadow, group="alice:x:1000:\nward:x:50:\n") == []
    assert len(violations("password_longest", shadow=shadow, group="ward:x:1000:\n")) == 1
