# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM: judged by its stacks, set through profiles, and left alone where somebody else rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.pam import STACKS, PamProfiles
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.pam_profiles import parse
from fake_host import FakeHost, fixture
from look import look, plan

SYSTEMS = ("debian-12", "debian-13")
EVERY = (
    {"feature": "lockout"},
    {"feature": "history", "value": 24},
    {"feature": "umask"},
    {"feature": "no_empty"},
    {"feature": "hash", "value": "YESCRYPT"},
    {"feature": "su_group", "value": "adm"},
)
LOCKOUT, QUALITY = {"feature": "lockout"}, {"feature": "quality"}


def host(system: str = "debian-12") -> FakeHost:
    """PAM as Debian installs it."""
    made = FakeHost(system)
    for name in ("unix", "systemd"):
        made.add_file(f"/usr/share/pam-configs/{name}", fixture(f"pam_profile_{name}", system))
    for stack in STACKS:
        name = stack.replace("-", "_")
        made.add_file(f"/etc/pam.d/common-{stack}", fixture(f"pam_common_{name}", system))
        made.add_file(f"/var/lib/pam/{stack}", fixture(f"pam_saved_{name}", system))
    made.add_file("/etc/pam.d/su", fixture("pam_su", system))
    made.add_file("/etc/nsswitch.conf", "passwd:         files systemd\n")
    return made


def controls(*settings: Any) -> tuple[Control, ...]:
    return tuple(Control(f"c{n}", "pam", of_control) for n, of_control in enumerate(settings, 1))


def enforce(made: FakeHost, *settings: Any, protected: Sequence[str] = (), run: str = "r1") -> list[str]:
    wanted = _baseline.BaselineRequest(run, controls(*settings), break_glass_users=tuple(protected))
    report = _baseline.enforce(made, wanted)
    return [finding["result"] for finding in report.findings]


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_debian_installs(system: str) -> None:
    found = [look(host(system), "pam", settings).result for settings in EVERY]
    umask = "fail" if system == "debian-12" else "pass"  # Debian 13 has it in its template
    assert found == ["fail", "fail", umask, "fail", "pass", "fail"]


@pytest.mark.parametrize("system", SYSTEMS)
def test_all_of_it_is_one_call_of_pam_auth_update_and_comes_back_to_the_byte(system: str) -> None:
    made = host(system)
    before = made.state()
    assert set(enforce(made, *EVERY)) <= {"fixed", "pass"}
    calls = [argv for argv in made.runs if argv[0] == "pam-auth-update"]
    assert len(calls) == 1
    assert calls[0][1:3] == ("--package", "--enable")
    auth = [(rule.control, rule.module, rule.options) for rule in parse(made.text("/etc/pam.d/common-auth"))]
    assert auth[0] == ("requisite", "pam_faillock.so", ("preauth",))
    assert auth[1][:2] == ("[success=2 default=ignore]", "pam_unix.so")
    assert "nullok" not in auth[1][2]
    assert auth[2] == ("[default=die]", "pam_faillock.so", ("authfail",))
    assert "even_deny_root" not in made.text("/etc/pam.d/common-auth")
    _baseline.revert(made, _baseline.BaselineRequest("r2"), "r1", check=False)
    assert made.state() == before


def test_break_glass_accounts_and_root_are_never_locked() -> None:
    made = host()
    assert enforce(made, LOCKOUT, protected=["root", "emergency", "night"]) == ["fixed"]
    auth = parse(made.text("/etc/pam.d/common-auth"))
    assert [rule.module for rule in auth][:5] == [
        "pam_succeed_if.so",
        "pam_faillock.so",
        "pam_unix.so",
        "pam_succeed_if.so",
        "pam_faillock.so",
    ]
    assert auth[0].control == auth[3].control == "[success=1 default=ignore]"
    assert auth[0].options == auth[3].options == ("quiet", "user", "in", "emergency:night")
    # Somebody new must get in: without the name the control fails, and is made true again.
    assert look(made, "pam", LOCKOUT).result == "pass"
    assert enforce(made, LOCKOUT, protected=["emergency", "new"], run="r2") == ["fixed"]
    assert "user in emergency:new" in made.text("/etc/pam.d/common-auth")


@pytest.mark.parametrize(
    ("noted", "nsswitch", "told"),
    [
        ("sss", "passwd: files", "the PAM profile sss"),
        ("winbind", "passwd: files", "the PAM profile winbind"),
        ("krb5", "passwd: files", "the PAM profile krb5"),
        ("", "passwd: files sss  # the ward's domain", "sss in /etc/nsswitch.conf"),
        ("", "passwd: compat winbind", "winbind in /etc/nsswitch.conf"),
    ],
)
def test_a_host_of_a_directory_is_left_as_it_is(noted: str, nsswitch: str, told: str) -> None:
    made = host()
    if noted:
        line = "[success=end default=ignore]\tpam_sss.so use_first_pass\n"
        made.add_file("/var/lib/pam/auth", made.text("/var/lib/pam/auth") + f"Module: {noted}\n{line}")
    made.add_file("/etc/nsswitch.conf", nsswitch + "\n")
    found = plan(made, "pam", LOCKOUT, {"feature": "no_empty"})
    assert found.groups == ()
    assert [one.result for one in found.assessments] == ["fail", "fail"]
    assert all(told in one.reason and one.after == one.before for one in found.assessments)


def test_an_edited_stack_is_not_enforced_and_told() -> None:
    made = host()
    made.add_file("/etc/pam.d/common-auth", "auth required pam_unix.so\n")
    found = plan(made, "pam", LOCKOUT)
    assert found.groups == ()
    assert "has lost the marks of pam-auth-update" in found.assessments[0].reason


def test_quality_is_the_profile_of_its_package_and_planned_before_that_is_there() -> None:
    made = host()
    (group,) = plan(made, "pam", QUALITY).groups
    assert [step.subject.name for step in group.steps if step.before] == ["pwquality"]
    made.add_file("/usr/share/pam-configs/pwquality", fixture("pam_profile_pwquality", "debian-12"))
    assert enforce(made, QUALITY) == ["fixed"]
    rules = [(rule.module, rule.options) for rule in parse(made.text("/etc/pam.d/common-password"))]
    assert rules[0] == ("pam_pwquality.so", ("retry=3",))
    assert "use_authtok" in rules[1][1]


def test_a_refusal_of_pam_auth_update_is_an_error_and_put_back() -> None:
    made = host()
    before = made.state()
    made.programs.discard("pam-auth-update")
    made.programs.add("pam-auth-update")

    def refuse(host: FakeHost, argv: Sequence[str]) -> Any:
        from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult

        return CommandResult(
            tuple(argv), 0, "", "\npam-auth-update: Local modifications to /etc/pam.d/common-*, not updating.\n"
        )

    names = ("healthops-faillock-first", "healthops-faillock-last")
    made.answers[("pam-auth-update", "--package", "--enable", *names)] = refuse
    assert enforce(made, LOCKOUT) == ["error"]
    assert made.state() == before


def test_more_former_passwords_than_asked_are_fine_and_fewer_are_not() -> None:
    made = host()
    assert enforce(made, {"feature": "history", "value": 10}) == ["fixed"]
    assert look(made, "pam", {"feature": "history", "value": 5}).result == "pass"
    assert look(made, "pam", {"feature": "history", "value": 24}).before == "only 10 former passwords are remembered"
    assert enforce(made, {"feature": "history", "value": 24}, run="r2") == ["fixed"]


def test_su_is_not_closed_where_the_group_is_not_there_or_root_does_not_pass_first() -> None:
    made = host()
    missing = look(made, "pam", {"feature": "su_group", "value": "wheel"})
    assert (missing.result, "there is no group wheel" in missing.reason) == ("fail", True)
    made.add_file("/etc/pam.d/su", "@include common-auth\n")
    assert "does not let root pass first" in look(made, "pam", EVERY[-1]).reason


def test_other_options_of_pam_unix_are_kept() -> None:
    made = host()
    changed = made.text("/etc/pam.d/common-password").replace("obscure yescrypt", "obscure minlen=9 md5")
    made.add_file("/etc/pam.d/common-password", changed)
    assert look(made, "pam", {"feature": "hash", "value": "SHA512"}).before == "new passwords are hashed with md5"
    assert enforce(made, {"feature": "hash", "value": "SHA512"}) == ["fixed"]
    assert "pam_unix.so obscure minlen=9 sha512\n" in made.text("/etc/pam.d/common-password")
    assert PamProfiles("unix").capture(made)["hash"] == "sha512"


def test_without_pam_auth_update_nothing_applies() -> None:
    made = host()
    made.programs.discard("pam-auth-update")
    assert {one.result for one in plan(made, "pam", *EVERY).assessments} == {"notapplicable"}
    assert KINDS["pam"].claims(LOCKOUT) == ("pam lockout",)
