# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sudo's Defaults: the last one counts, and one bound to a user does not excuse."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.sudo import (
    DROP_IN,
    parse_defaults,
    parse_listing,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.sudo_rules import parse_rules
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, fixture
from look import look, plan

PTY = {"default": "use_pty", "value": True}
WAIT = {"default": "passwd_timeout", "value": 5, "op": "up_to"}
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
        pytest.param("Defaults passwd_timeout=0\n", WAIT, "fail", "0", id="nought waits for ever"),
        pytest.param("Defaults passwd_timeout=3\n", WAIT, "pass", "3", id="waits a little"),
        pytest.param("Defaults passwd_timeout=2.5\n", WAIT, "pass", "2.5", id="a fraction"),
        pytest.param("Defaults !passwd_timeout\n", WAIT, "fail", "off", id="off waits for ever"),
        pytest.param("Defaults !timestamp_timeout\n", MINUTES, "pass", "off", id="off always asks"),
        pytest.param("Defaults timestamp_timeout=.5\n", MINUTES, "pass", ".5", id="half a minute"),
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
    made = FakeHost()
    made.programs -= {"cvtsudoers", "sudo"}
    assert look(made, "sudo", PTY).result == "notapplicable"


@pytest.mark.parametrize("settings", [PTY, {"rule": "asks"}])
def test_sudo_whose_rules_no_program_reads_is_an_error(settings: dict[str, Any]) -> None:
    made = host("Defaults use_pty\n")
    made.programs -= {"cvtsudoers", "sudo"}
    seen = look(made, "sudo", settings)
    assert (seen.result, seen.reason) == ("error", "cvtsudoers, which reads sudo's rules, is not on this host")


def test_what_sudo_does_not_take_is_an_error_for_that_setting() -> None:
    made = rules()
    refusal = '/etc/sudoers:1:23: value "0x3" is invalid for option "passwd_tries"\n'
    told = json.dumps({"Defaults": [{"Options": [{"passwd_tries": "0x3"}, {"use_pty": True}]}]})
    made.answers[("cvtsudoers", "-f", "json", "/etc/sudoers")] = CommandResult(("cvtsudoers",), 0, told, "")
    made.answers[("visudo", "--check", "--file=/etc/sudoers")] = CommandResult(("visudo",), 1, "", refusal)
    seen = look(made, "sudo", {"default": "passwd_tries", "value": 3, "op": "at_most"})
    assert (seen.result, seen.reason) == ("error", refusal.strip())
    assert look(made, "sudo", PTY).result == "pass"


def test_files_that_say_nothing_are_no_error() -> None:
    made = rules()
    made.answers[("cvtsudoers", "-f", "json", "/etc/sudoers")] = CommandResult(("cvtsudoers",), 0, "", "")
    assert look(made, "sudo", PTY).result == "fail"
    assert look(made, "sudo", {"rule": "asks"}).result == "pass"


DIRECTORY = "passwd: files sss\nsudoers: files [SUCCESS=continue] sss # of the hospital\n"
LISTING = """Matching Defaults entries for root on ehr01:
    env_reset, mail_badpass,
    secure_path=/usr/local/sbin\\:/usr/sbin\\:/sbin\\:/bin, !use_pty,
    timestamp_timeout=30

User root may run the following commands on ehr01:
    (ALL : ALL) ALL
"""


def test_rules_of_a_directory_are_an_error_and_its_defaults_count() -> None:
    made = host("Defaults use_pty\n")
    made.programs.add("sudo")
    made.add_file("/etc/nsswitch.conf", DIRECTORY)
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    made.answers[("sudo", "--list", "--other-user=root")] = CommandResult(("sudo",), 0, LISTING, "")
    seen = look(made, "sudo", {"rule": "no_exceptions"})
    assert (seen.result, "rules come from sss as well" in seen.reason) == ("error", True)
    assert (look(made, "sudo", PTY).before, look(made, "sudo", MINUTES).before) == ("off", "30")
    made.answers[("sudo", "--list", "--other-user=root")] = CommandResult(("sudo",), 1, "", "sudo: no valid sources")
    assert look(made, "sudo", PTY).reason == "sudo --list says: sudo: no valid sources"


def test_what_sudo_lists_as_defaults() -> None:
    assert parse_listing(LISTING) == {
        "env_reset": True,
        "mail_badpass": True,
        "secure_path": "/usr/local/sbin:/usr/sbin:/sbin:/bin",
        "use_pty": False,
        "timestamp_timeout": "30",
    }
    assert parse_listing("User root may run the following commands on ehr01:\n    (ALL) ALL\n") == {}


@pytest.mark.parametrize(
    "line",
    [
        "#includedir /etc/sudoers.d",
        "  @includedir\t/etc/sudoers.d/",
        '@includedir "/etc/sudoers.d"',
        "@includedir sudoers.d # of the site",
    ],
)
def test_our_drop_in_is_read_however_the_include_is_spelled(line: str) -> None:
    made = rules()
    made.add_file("/etc/sudoers", f"{line}\n")
    assert plan(made, "sudo", PTY).groups != ()


def test_the_drop_in_is_checked_and_keeps_what_it_had() -> None:
    made = host()
    made.add_file(DROP_IN, "Defaults passwd_tries=3\n")
    (group,) = plan(made, "sudo", PTY, MINUTES).groups
    assert [argv[0] for argv in group.checks] == ["visudo"]
    assert group.steps[0].wanted is not None
    assert group.steps[0].wanted["mode"] == 0o440
    assert group.steps[0].after == "Defaults use_pty\nDefaults timestamp_timeout=15"


# --- rules, which are told and never changed ---

ALICE = {"User_List": [{"username": "alice"}], "Host_List": [{"hostname": "ALL"}]}
EVERYTHING = [{"command": "ALL"}]


def rules(*parts: Any, **aliases: Any) -> FakeHost:
    """A host whose cvtsudoers tells these parts of one rule for alice, who has a password."""
    made = host()
    made.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
    made.add_file("/etc/shadow", "alice:$y$x:20000:0:99999:7:::\nrobot:*:20000:0:99999:7:::\n")
    made.add_file("/etc/group", "ward:x:50:alice\n")
    told = {"User_Specs": [{**ALICE, "Cmnd_Specs": [{"Commands": EVERYTHING, **part}]} for part in parts], **aliases}
    answer = CommandResult(("cvtsudoers",), 0, json.dumps(told), "")
    made.answers[("cvtsudoers", "-f", "json", "/etc/sudoers")] = answer
    return made


FREE = {"Options": [{"authenticate": False}]}


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
@pytest.mark.parametrize("rule", ["asks", "no_exceptions", "programs_of_root"])
def test_what_the_rules_of_debian_and_of_an_automation_account_say(rule: str, system: str) -> None:
    made = rules()
    answer = CommandResult(("cvtsudoers",), 0, fixture("cvtsudoers", system), "")
    made.answers[("cvtsudoers", "-f", "json", "/etc/sudoers")] = answer
    assert [one.asks for one in parse_rules(answer.out)] == [True, True, False]
    assert look(made, "sudo", {"rule": rule}).result == "pass"


NOT_SH = {"Commands": [{"command": "ALL"}, {"command": "/bin/sh", "negated": True}]}
NO_SHELLS = {"Commands": [{"cmndalias": "SHELLS", "negated": True}]}
SHELLS = {"SHELLS": [{"command": "/bin/zsh"}]}


@pytest.mark.parametrize(
    ("made", "rule", "saw"),
    [
        pytest.param(rules(FREE), "asks", "alice may use sudo without the password", id="password not asked"),
        pytest.param(rules({}), "asks", "", id="asked"),
        pytest.param(rules(NOT_SH), "no_exceptions", "a rule for alice forbids /bin/sh", id="forbidden"),
        pytest.param(
            rules(NO_SHELLS, Command_Aliases=SHELLS),
            "no_exceptions",
            "a rule for alice forbids /bin/zsh",
            id="by alias",
        ),
    ],
)
def test_rules(made: FakeHost, rule: str, saw: str) -> None:
    found = plan(made, "sudo", {"rule": rule})
    assert found.groups == ()
    assert found.assessments[0].result == ("fail" if saw else "pass")
    assert saw in found.assessments[0].before
    assert bool(found.assessments[0].reason) == bool(saw)


def test_groups_and_exceptions_of_rules_that_do_not_ask() -> None:
    made = rules(FREE)
    told = json.dumps({"User_Specs": [{"User_List": [{"usergroup": "ward"}], "Cmnd_Specs": [FREE]}]})
    made.answers[("cvtsudoers", "-f", "json", "/etc/sudoers")] = CommandResult(("cvtsudoers",), 0, told, "")
    assert "alice may use sudo" in look(made, "sudo", {"rule": "asks"}).before
    assert look(made, "sudo", {"rule": "asks", "except": ["%ward"]}).result == "pass"
    assert look(made, "sudo", {"rule": "asks", "except": ["alice"]}).result == "pass"


def test_a_program_that_others_can_change_is_told() -> None:
    made = rules({"Commands": [{"command": "/opt/ehr/restart --all"}]})
    made.add_file("/opt/ehr/restart", "", mode=0o755)
    assert look(made, "sudo", {"rule": "programs_of_root"}).result == "pass"
    made.nodes["/opt/ehr/restart"].mode = 0o775
    assert "others can change /opt/ehr/restart" in look(made, "sudo", {"rule": "programs_of_root"}).reason


def test_settings_are_a_default_with_its_value_or_a_rule() -> None:
    sudo = KINDS["sudo"]
    assert sudo.validate({"rule": "asks"}) == sudo.validate(PTY) == []
    for wrong in ({}, {"default": "use_pty"}, {"rule": "asks", "value": 1}, {"rule": "asks", **PTY}):
        assert sudo.validate(wrong) == ["settings hold either default and value, or rule"], wrong
