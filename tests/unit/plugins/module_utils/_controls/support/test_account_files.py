# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The four files of accounts, parsed: what each field means, and lines that no program can read."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_files import (
    LOCKED,
    NONE,
    SET,
    Password,
    UserGroup,
    read_accounts,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost


def host(**lines: str) -> FakeHost:
    made = FakeHost()
    for name in ("passwd", "shadow", "group", "gshadow"):
        made.add_file(f"/etc/{name}", lines.get(name, ""))
    return made


@pytest.mark.parametrize(
    ("field", "state", "scheme"),
    [
        ("", NONE, ""),
        ("x", LOCKED, ""),
        ("*", LOCKED, ""),
        ("!$y$j9T$salt$hash", LOCKED, ""),
        ("$y$j9T$salt$hash", SET, "y"),
        ("$6$salt$hash", SET, "6"),
        ("abJnggxhB/yWI", SET, ""),
    ],
)
def test_a_password_field_is_read_without_its_hash(field: str, state: str, scheme: str) -> None:
    accounts = read_accounts(host(shadow=f"alice:{field}:20000:0:90:7:30::\n"))
    assert accounts.passwords == {"alice": Password(state=state, scheme=scheme, changed=20000, longest=90, inactive=30)}


def test_days_that_are_not_set_are_none() -> None:
    password = read_accounts(host(shadow="alice:*:::::::\n")).passwords["alice"]
    assert (password.changed, password.longest, password.inactive) == (None, None, None)


def test_an_empty_field_in_passwd_counts_whatever_shadow_says() -> None:
    made = host(
        passwd="alice::1000:1000::/home/alice:\nbob:x:1001:1001::/home/bob:/usr/sbin/nologin\n",
        shadow="alice:*:1::::::\nbob:$y$a:1::::::\n",
    )
    accounts = read_accounts(made)
    alice, bob = accounts.accounts
    assert (accounts.password(alice).state, accounts.password(bob).state) == (NONE, SET)
    assert (alice.shell, alice.has_shell, bob.has_shell) == ("/bin/sh", True, False)


def test_people_are_those_in_the_range_of_login_defs_that_have_a_shell() -> None:
    lines = [f"user{uid}:x:{uid}:100::/home/user{uid}:/bin/sh" for uid in (999, 1000, 4000, 4001, 65534)]
    made = host(passwd="\n".join(lines) + "\n")
    assert [account.uid for account in read_accounts(made).people()] == [1000, 4000, 4001]
    made.add_file("/etc/login.defs", "UID_MIN\t1001\nUID_MAX 4000\n")
    assert [account.uid for account in read_accounts(made).people()] == [4000]


def test_the_first_line_of_a_name_counts_in_shadow() -> None:
    accounts = read_accounts(host(shadow="alice:*:1::::::\nalice::1::::::\n", gshadow="ward:!::\nward:$y$a::\n"))
    assert (accounts.passwords["alice"].state, accounts.group_passwords["ward"].state) == (LOCKED, LOCKED)


def test_groups_and_their_members() -> None:
    accounts = read_accounts(host(group="ward:x:50:alice,bob\nempty:x:51:\n"))
    assert accounts.groups == (UserGroup("ward", 50, ("alice", "bob")), UserGroup("empty", 51, ()))


def test_lines_that_no_program_can_read_are_named_by_file_and_number() -> None:
    made = host(passwd="root:x:0:0:root:/root:/bin/sh\nalice:x:one:1::/:/bin/sh\n+@ward\n", group="ward:x:50\n:x:1:\n")
    accounts = read_accounts(made)
    assert accounts.malformed == ("/etc/passwd:2", "/etc/group:1", "/etc/group:2")
    assert accounts.directory_lines == ("/etc/passwd",)
    assert [account.name for account in accounts.readable_accounts] == ["root"]


@pytest.mark.parametrize("character", "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\r", ids=ascii)
def test_what_a_user_writes_into_the_own_comment_hides_no_account(character: str) -> None:
    made = host(passwd=f"eve:x:0:1000:Eve{character}:/home/eve:/bin/sh\nroot:x:0:0:root:/root:/bin/sh\n")
    assert [(account.name, account.uid) for account in read_accounts(made).accounts] == [("eve", 0), ("root", 0)]


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("eve:x:+0:0::/root:/bin/sh", id="a number with its sign"),
        pytest.param("eve:x: 0:0::/root:/bin/sh", id="a blank before a number"),
        pytest.param("eve:x:\u00b2:0::/root:/bin/sh", id="a number of another script"),
        pytest.param("eve:x:0:0", id="fields left out"),
        pytest.param("eve:x:0:0::/root:/bin/sh:more", id="one field more"),
        pytest.param(" eve:x:0:0::/root:/bin/sh", id="a blank before the name"),
    ],
)
def test_who_asks_for_the_accounts_gets_all_of_them_or_the_line_that_cannot_be_read(line: str) -> None:
    accounts = read_accounts(host(passwd=f"root:x:0:0:root:/root:/bin/sh\n{line}\n", group="root:x:0:\n"))
    for ask in (lambda: accounts.accounts, accounts.people):
        with pytest.raises(ClinicalError, match="/etc/passwd:2: it is no line that all programs read alike"):
            ask()
    assert [group.name for group in accounts.groups] == ["root"]
    assert accounts.malformed == ("/etc/passwd:2",)


@pytest.mark.parametrize("line", ["# an old account", "", "  \t", " # eve:x:0:0::/:/bin/sh"])
def test_what_the_c_library_skips_hides_nothing(line: str) -> None:
    accounts = read_accounts(host(passwd=f"{line}\nroot:x:0:0:root:/root:/bin/sh\n"))
    assert [account.name for account in accounts.accounts] == ["root"]
    assert accounts.malformed == ("/etc/passwd:1",)
