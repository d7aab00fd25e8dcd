# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM's stacks and profiles as text: rules, what a person edited, what comes from a directory."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.pam import STACKS
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.pam_profiles import (
    FIRST,
    LAST,
    PamRule,
    directory,
    edited,
    faillock,
    history,
    parse,
    profile,
    umask,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import fixture

SYSTEMS = ("debian-12", "debian-13")


@pytest.mark.parametrize("system", SYSTEMS)
def test_stacks_that_a_person_edited_are_told_from_those_that_were_not(system: str) -> None:
    names = {stack: stack.replace("-", "_") for stack in STACKS}
    live = {stack: fixture(f"pam_common_{name}", system) for stack, name in names.items()}
    saved = {stack: fixture(f"pam_saved_{name}", system) for stack, name in names.items()}
    assert edited(live, saved) == (None, False)
    option = {**live, "auth": live["auth"].replace(" nullok", " nullok debug")}
    assert edited(option, saved) == (None, False)
    added = live["auth"].replace("auth\trequisite\t\t\tpam_deny.so", "")
    mark = '# here are the per-package modules (the "Primary" block)\n'
    line = "auth sufficient pam_vendor_token.so\n"
    foreign = {**live, "auth": live["auth"].replace(mark, mark + line)}
    assert (
        "'auth sufficient pam_vendor_token.so' in /etc/pam.d/common-auth comes from no profile"
        in (edited(foreign, saved)[0])
    )
    assert edited({**live, "auth": added}, saved) == (None, False)
    assert "has lost the marks" in edited({**live, "auth": "auth required pam_unix.so\n"}, saved)[0]


def test_a_rule_has_a_type_a_control_a_module_and_options() -> None:
    text = "# a comment\nauth\t[success=1 default=ignore]\t/lib/security/pam_unix.so nullok\n"
    text += "-session optional pam_x.so\n@include a\n"
    assert parse(text) == [
        PamRule("auth", "[success=1 default=ignore]", "pam_unix.so", ("nullok",)),
        PamRule("session", "optional", "pam_x.so", ()),
    ]


def test_a_profile_is_written_as_pam_auth_update_reads_it() -> None:
    block = ("Password", "Primary", ["requisite\tpam_x.so use_authtok"], ["requisite\tpam_x.so"])
    assert profile("X", 7, block, more="Session-Interactive-Only: yes\n") == (
        "Name: X\nDefault: no\nPriority: 7\nSession-Interactive-Only: yes\n"
        "Password-Type: Primary\nPassword:\n\trequisite\tpam_x.so use_authtok\n"
        "Password-Initial:\n\trequisite\tpam_x.so\n"
    )


@pytest.mark.parametrize("protected", [(), ("emergency", "night")])
def test_accounts_that_must_get_in_jump_over_both_halves_of_the_lock(protected: tuple[str, ...]) -> None:
    texts = faillock(protected)
    jumps = [text.count("pam_succeed_if.so quiet user in emergency:night\n") for text in (texts[FIRST], texts[LAST])]
    assert jumps == ([1, 1] if protected else [0, 0])
    assert "requisite\tpam_faillock.so preauth" in texts[FIRST]
    assert "[default=die]\tpam_faillock.so authfail" in texts[LAST]


def test_former_passwords_and_the_mask() -> None:
    ((_name, text),) = history(24).items()
    assert "remember=24 enforce_for_root use_authtok\n" in text
    ((_name, text),) = umask().items()
    assert "Session-Interactive-Only: yes\n" in text


@pytest.mark.parametrize(
    ("enabled", "nsswitch", "joined"),
    [
        (frozenset({"unix", "sss"}), "passwd: files\n", "the PAM profile sss"),
        (frozenset({"unix"}), "passwd: files winbind # of the domain\n", "winbind in /etc/nsswitch.conf"),
        (frozenset({"unix"}), "passwd: files # not sss\nhosts: nis\n", None),
    ],
)
def test_a_directory_shows_in_a_profile_or_in_nsswitch(
    enabled: frozenset[str], nsswitch: str, joined: str | None
) -> None:
    assert directory(enabled, nsswitch) == joined


@pytest.mark.parametrize(
    "line",
    [
        "auth required pam_wheel.so use_uid group=sudo # of the site",
        "Auth\tREQUIRED /lib/security/pam_wheel.so  use_uid group=sudo",
        "auth required \\\n  pam_wheel.so use_uid \\\n group=sudo",
        "-auth required pam_wheel.so use_uid group=sudo#x",
    ],
)
def test_a_rule_is_read_however_it_is_spelled(line: str) -> None:
    (rule,) = parse(f"# auth required pam_deny.so\n{line}\n@include common-auth\n")
    assert rule == PamRule(type="auth", control="required", module="pam_wheel.so", options=("use_uid", "group=sudo"))


def test_a_stack_of_which_pam_takes_nothing_is_an_error_with_its_path() -> None:
    with pytest.raises(ClinicalError, match=r"/etc/pam\.d/common-auth: its last line ends in a backslash"):
        parse("auth required pam_unix.so \\\n", "/etc/pam.d/common-auth")
