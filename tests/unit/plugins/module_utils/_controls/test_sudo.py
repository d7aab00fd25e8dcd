# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo's Defaults: the last one counts, and one bound to a user does not excuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.sudo import DROP_IN, parse_defaults
from fake_host import FakeHost, fixture
from look import look, plan

PTY = {"default": "use_pty", "value": True}
MINUTES = {"default": "timestamp_timeout", "value": 15, "op": "at_most"}


def host(defaults: str = "", include: bool = True) -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/sudoers", defaults + ("@includedir /etc/sudoers.d\n" if include else ""))
    made.add_dir("/etc/sudoers.d")
    return made


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_what_cvtsudoers_says(system: str) -> None:
    defaults, bound = parse_defaults(fixture("cvtsudoers", system))
    assert defaults == {
        "env_reset": True,
        "mail_badpass": True,
        "secure_path": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "use_pty": True,
    }
    assert bound == ()


def test_the_last_unbound_entry_counts() -> None:
    told = {
        "Defaults": [
            {"Options": [{"use_pty": True}, {"passwd_tries": 3}]},
            {"Binding": [{"username": "alice"}], "Options": [{"use_pty": False}]},
            {"Options": [{"passwd_tries": 2}]},
        ]
    }
    assert parse_defaults(json.dumps(told)) == ({"use_pty": True, "passwd_tries": 2}, (("use_pty", False),))
    assert parse_defaults("{}") == ({}, ())


@pytest.mark.parametrize(
    ("lines", "settings", "result", "before"),
    [
        pytest.param("", PTY, "fail", "not set", id="not set"),
        pytest.param("Defaults use_pty\n", PTY, "pass", "on", id="on"),
        pytest.param("Defaults use_pty\nDefaults !use_pty\n", PTY, "fail", "off", id="off at last"),
        pytest.param("Defaults use_pty\nDefaults:alice !use_pty\n", PTY, "fail", "off for some", id="off for a user"),
        pytest.param("Defaults use_pty\nDefaults:alice use_pty\n", PTY, "pass", "on", id="on for a user too"),
        pytest.param("Defaults timestamp_timeout=5\n", MINUTES, "pass", "5", id="less"),
        pytest.param("Defaults timestamp_timeout=16\n", MINUTES, "fail", "16", id="more"),
        pytest.param("Defaults timestamp_timeout=-1\n", MINUTES, "fail", "-1", id="for ever"),
        pytest.param("Defaults timestamp_timeout=0\n", MINUTES, "pass", "0", id="always asks"),
    ],
)
def test_verdicts(lines: str, settings: dict[str, Any], result: str, before: str) -> None:
    seen = look(host(lines), "sudo", settings)
    assert (seen.result, seen.before) == (result, before)


def test_an_entry_bound_to_a_user_is_told_and_left_alone() -> None:
    made = host("Defaults use_pty\nDefaults:alice !use_pty\n")
    assert "bound to a user, host or command" in look(made, "sudo", PTY).reason
    assert plan(made, "sudo", PTY).groups == ()


def test_without_the_include_nothing_is_written() -> None:
    made = host(include=False)
    assert "does not include /etc/sudoers.d" in look(made, "sudo", PTY).reason
    assert plan(made, "sudo", PTY).groups == ()


def test_broken_sudoers_is_an_error_and_no_sudo_is_not_applicable() -> None:
    assert look(host("Defaults ~\n"), "sudo", PTY).result == "error"
    made = host()
    made.programs.discard("cvtsudoers")
    assert look(made, "sudo", PTY).result == "notapplicable"


def test_the_drop_in_is_checked_and_keeps_what_it_had() -> None:
    made = host()
    made.add_file(DROP_IN, "Defaults passwd_tries=3\n")
    (group,) = plan(made, "sudo", PTY, MINUTES).groups
    assert [argv[0] for argv in group.checks] == ["visudo"]
    assert group.steps[0].wanted is not None
    assert group.steps[0].wanted["mode"] == 0o440
    assert group.steps[0].after == "Defaults use_pty\nDefaults timestamp_timeout=15"
