# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of sudo as cvtsudoers prints them, and what a check minds about each."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.account_files import (
    SET,
    Account,
    Accounts,
    Password,
    UserGroup,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.sudo_rules import (
    CHECKS,
    SudoRule,
    parse_rules,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Stat
from fake_host import fixture


def account(name: str, gid: int = 100) -> Account:
    return Account(name=name, mark=Password("locked"), uid=1000, gid=gid, home="/", shell="/bin/sh")  # noqa: S604


ACCOUNTS = Accounts(
    readable_accounts=(account("alice"), account("bob", gid=50), account("robot")),
    readable_passwords={"alice": Password(SET), "bob": Password(SET), "robot": Password("locked")},
    readable_groups=(UserGroup("ward", 50, ("alice", "robot")),),
)


def rule(**more: Any) -> SudoRule:
    return SudoRule(**{"people": ("alice",), "asks": True, "commands": ("ALL",), "forbidden": (), **more})


def found(check: str, of_rule: SudoRule, programs: dict[str, Stat | None] | None = None, *excepted: str) -> list[str]:
    return list(CHECKS[check][0](of_rule, ACCOUNTS, programs or {}, frozenset(excepted)))


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_the_rules_of_debian_and_of_an_automation_account(system: str) -> None:
    assert [(rule.people, rule.asks) for rule in parse_rules(fixture("cvtsudoers", system))][:2] == [
        (("root",), True),
        (("%sudo",), True),
    ]


def test_aliases_are_put_in_and_what_is_negated_twice_is_allowed() -> None:
    commands = [{"command": "/bin/ls"}, {"cmndalias": "SHELLS", "negated": True}]
    spec = {
        "User_List": [{"useralias": "STAFF"}, {"username": "eve", "negated": True}],
        "Cmnd_Specs": [{"Commands": commands}],
    }
    output = {
        "User_Specs": [spec],
        "User_Aliases": {"STAFF": [{"username": "alice"}, {"usergroup": "ward"}]},
        "Command_Aliases": {"SHELLS": [{"command": "/bin/sh"}, {"command": "/bin/rbash", "negated": True}]},
    }
    assert parse_rules(json.dumps(output)) == (
        SudoRule(
            people=("alice", "%ward", "!eve"),
            asks=True,
            commands=("/bin/ls", "/bin/rbash"),
            forbidden=("/bin/sh",),
        ),
    )


def test_an_alias_that_names_itself_ends() -> None:
    output = {
        "User_Specs": [{"User_List": [{"useralias": "A"}], "Cmnd_Specs": [{"Commands": [{"cmndalias": "C"}]}]}],
        "User_Aliases": {"A": [{"useralias": "A"}, {"username": "alice"}]},
        "Command_Aliases": {"C": [{"cmndalias": "C"}, {"command": "/bin/ls"}]},
    }
    (parsed,) = parse_rules(json.dumps(output))
    assert (set(parsed.people), set(parsed.commands)) == ({"alice"}, {"/bin/ls"})


def test_the_programs_that_a_rule_names() -> None:
    commands = ("ALL", "/opt/ehr/restart --all", "/usr/bin/*", "sudoedit /etc/hosts", " ")
    assert rule(commands=commands).paths == ("/opt/ehr/restart",)


@pytest.mark.parametrize(
    ("people", "excepted", "sentences"),
    [
        (("alice",), (), ["alice may use sudo without the password that they have"]),
        (("%ward",), (), ["alice, bob may use sudo without the password that they have"]),
        (("%ward",), ("bob",), ["alice may use sudo without the password that they have"]),
        (("%ward",), ("%ward",), []),
        (("robot", "root"), (), []),
        (("ALL",), (), ["everybody may use sudo without a password"]),
    ],
)
def test_who_has_a_password_gives_it(people: tuple[str, ...], excepted: tuple[str, ...], sentences: list[str]) -> None:
    assert found("asks", rule(people=people, asks=False), None, *excepted) == sentences
    assert found("asks", rule(people=people)) == []


def test_a_rule_that_forbids_is_told_with_the_program() -> None:
    assert found("no_exceptions", rule(forbidden=("/bin/sh -i",))) == ["a rule for alice forbids /bin/sh"]
    assert found("no_exceptions", rule()) == []


@pytest.mark.parametrize(("uid", "mode", "minded"), [(0, 0o755, False), (0, 0o775, True), (33, 0o755, True)])
def test_a_program_that_others_can_change(uid: int, mode: int, minded: bool) -> None:
    programs: dict[str, Stat | None] = {"/opt/ehr/restart": Stat("file", mode, uid, 0), "/opt/gone": None}
    sentences = found("programs_of_root", rule(commands=("/opt/ehr/restart", "/opt/gone")), programs)
    assert sentences == (["others can change /opt/ehr/restart, which alice may run as root"] if minded else [])


STRANGERS = {
    "User_Specs": [{"User_List": [{"usersid": "S-1-5-21"}], "Cmnd_Specs": [{"Commands": [{"command": "ALL"}]}]}]
}
NEW_COMMAND = {"User_Specs": [{"User_List": [{"username": "alice"}], "Cmnd_Specs": [{"Commands": [{"regex": "^/x"}]}]}]}
NO_ALIAS = {"User_Specs": [{"User_List": [{"useralias": "OPS"}], "Cmnd_Specs": [{"Commands": []}]}]}


@pytest.mark.parametrize(
    ("output", "words"),
    [
        (json.dumps(STRANGERS), '{"usersid": "S-1-5-21"}'),
        (json.dumps(NEW_COMMAND), '{"regex": "^/x"}'),
        (json.dumps(NO_ALIAS), "the alias OPS is defined nowhere"),
        ("cvtsudoers: out of memory", "what cvtsudoers prints of them is no JSON"),
    ],
)
def test_what_is_not_understood_is_an_error_with_its_words(output: str, words: str) -> None:
    with pytest.raises(ClinicalError, match=re.escape(words)):
        parse_rules(output)


def test_every_kind_of_people_that_sudoers_knows_is_read() -> None:
    kinds = [
        {"username": "bob"},
        {"userid": 1001},
        {"usergroup": "ops"},
        {"usergid": 50},
        {"netgroup": "wards"},
        {"nonunixgroup": "ad"},
        {"nonunixgid": 55},
    ]
    output = json.dumps({"User_Specs": [{"User_List": kinds, "Cmnd_Specs": [{"Commands": [{"command": "ALL"}]}]}]})
    assert parse_rules(output)[0].people == ("bob", "#1001", "%ops", "%#50", "+wards", "%:ad", "%:#55")


@pytest.mark.parametrize(
    ("people", "sentence"),
    [
        (("#1000",), "alice, bob may use sudo without the password that they have"),
        (("%#50",), "alice, bob may use sudo without the password that they have"),
        (("%ward", "!bob"), "alice may use sudo without the password that they have"),
        (("+wards",), "+wards, whose members no file of this host names, may use sudo without a password"),
        (("%:ad",), "%:ad, whose members no file of this host names, may use sudo without a password"),
        (("ALL", "!alice"), "everybody may use sudo without a password"),
    ],
)
def test_people_by_number_and_those_of_elsewhere(people: tuple[str, ...], sentence: str) -> None:
    assert found("asks", rule(people=people, asks=False)) == [sentence]


def test_an_alias_in_an_alias_is_followed_to_the_end() -> None:
    aliases = {f"A{n}": [{"useralias": f"A{n + 1}"}] for n in range(20)} | {"A20": [{"username": "alice"}]}
    output = {
        "User_Specs": [{"User_List": [{"useralias": "A0"}], "Cmnd_Specs": [{"Commands": []}]}],
        "User_Aliases": aliases,
    }
    assert parse_rules(json.dumps(output))[0].people == ("alice",)
