# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""PAM where authselect rules it. The answers are made after its manual; none was captured on a real system yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._controls.model import Control
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost

SELECTED = "/etc/authselect/authselect.conf"
KNOWN = "with-faillock\nwith-pwhistory\nwithout-nullok\n"
LOCKOUT, HISTORY, NO_EMPTY = {"feature": "lockout"}, {"feature": "history", "value": 5}, {"feature": "no_empty"}


def words(made: FakeHost) -> list[str]:
    return (made.read(SELECTED) or b"").decode().split()


def current(made: FakeHost, argv: Sequence[str]) -> CommandResult:
    found = words(made)
    return CommandResult(tuple(argv), 0 if found else 2, " ".join(found) + "\n", "")


def switch(made: FakeHost, argv: Sequence[str]) -> CommandResult:
    _authselect, verb, feature = argv
    rest = [word for word in words(made) if word != feature]
    kept = [*rest, feature] if verb == "enable-feature" else rest
    made.change(" ".join(argv), lambda: made.add_file(SELECTED, "\n".join(kept) + "\n"))
    return CommandResult(tuple(argv), 0, "", "")


def host(selected: str = "minimal", known: str = KNOWN) -> FakeHost:
    """Enterprise Linux, as far as PAM is concerned."""
    made = FakeHost()
    made.add_file("/etc/os-release", 'ID="rhel"\nID_LIKE="fedora"\nVERSION_ID="9.4"\n')
    made.programs = {*made.programs, "authselect"} - {"pam-auth-update"}
    made.add_dir("/var/lib/authselect")
    made.add_file(SELECTED, selected.replace(" ", "\n") + "\n" if selected else "")
    made.answers["authselect", "current", "--raw"] = current
    for profile in ("minimal", "winbind"):
        made.answers["authselect", "list-features", profile] = CommandResult((), 0, known, "")
    made.answers["authselect", "check"] = CommandResult((), 0, "Current configuration is valid.\n", "")
    for feature in KNOWN.split():
        for verb in ("enable-feature", "disable-feature"):
            made.answers["authselect", verb, feature] = switch
    return made


def request(run: str, *settings: dict[str, Any], protected: Sequence[str] = ()) -> _baseline.BaselineRequest:
    controls = tuple(Control(f"c{n}", "pam", of_control) for n, of_control in enumerate(settings, 1))
    return _baseline.BaselineRequest(run, controls, break_glass_users=tuple(protected))


def results(report: _baseline.Report) -> list[tuple[str, str]]:
    return [(finding["result"], finding["reason"]) for finding in report.findings]


def test_features_are_enabled_and_taken_back_to_the_byte() -> None:
    made = host()
    untouched = made.state()
    wishes = (LOCKOUT, HISTORY, NO_EMPTY)
    audit = _baseline.audit(made, request("a1", *wishes))
    assert made.state() == untouched
    report = _baseline.enforce(made, request("e1", *wishes))
    assert results(report) == [("fixed", "")] * 3
    assert report.changes == audit.changes
    assert words(made) == ["minimal", "with-faillock", "with-pwhistory", "without-nullok"]
    again = _baseline.enforce(made, request("e2", *wishes))
    assert (again.changed, results(again)) == (False, [("pass", "")] * 3)
    _baseline.revert(made, request("r1"), "e1", False)
    assert made.state() == untouched


def test_a_break_glass_account_is_not_exposed_to_locking() -> None:
    made = host()
    ((result, reason),) = results(_baseline.enforce(made, request("e1", LOCKOUT, protected=["root", "nightmanager"])))
    assert result == "fail"
    assert "cannot leave out nightmanager" in reason
    assert words(made) == ["minimal"]


@pytest.mark.parametrize(
    ("path", "selected", "check", "why"),
    [
        pytest.param("/etc/sssd/sssd.conf", "minimal", 0, "from a directory (/etc/sssd/sssd.conf)", id="sssd"),
        pytest.param("/etc/ipa/default.conf", "minimal", 0, "from a directory (/etc/ipa", id="ipa"),
        pytest.param("/etc/none", "winbind", 0, "from a directory (winbind)", id="winbind"),
        pytest.param("/etc/none", "minimal", 3, "somebody edited", id="edited"),
    ],
)
def test_it_is_left_alone_where_somebody_else_rules(path: str, selected: str, check: int, why: str) -> None:
    made = host(selected)
    made.add_file(path, "")
    made.answers["authselect", "check"] = CommandResult((), check, "", "not valid")
    ((result, reason),) = results(_baseline.enforce(made, request("e1", NO_EMPTY)))
    assert result == "fail"
    assert why in reason
    assert words(made) == [selected]


@pytest.mark.parametrize(
    ("selected", "known", "settings", "why"),
    [
        pytest.param("", KNOWN, LOCKOUT, "by no tool that is known here", id="not configured"),
        pytest.param("minimal", "with-faillock\n", HISTORY, "the profile minimal has no feature", id="old authselect"),
        pytest.param("minimal", KNOWN, {"feature": "umask"}, "the profile minimal has no feature", id="no such thing"),
    ],
)
def test_it_does_not_concern_every_host(selected: str, known: str, settings: dict[str, Any], why: str) -> None:
    ((result, reason),) = results(_baseline.audit(host(selected, known), request("a1", settings)))
    assert result == "notapplicable"
    assert why in reason


@pytest.mark.parametrize(("text", "result"), [("", "pass"), ("remember = 5\n", "pass"), ("remember=3\n", "fail")])
def test_how_many_passwords_are_remembered_is_read(text: str, result: str) -> None:
    made = host("minimal with-pwhistory")
    made.add_file("/etc/security/pwhistory.conf", text)
    ((found, reason),) = results(_baseline.enforce(made, request("e1", HISTORY)))
    assert found == result
    assert ("set remember in" in reason) == (result == "fail")


def test_a_feature_that_cannot_be_enabled_is_an_error_and_put_back() -> None:
    made = host()
    argv = ("authselect", "enable-feature", "with-faillock")
    made.answers[argv] = CommandResult(argv, 1, "", "[error] Unable to enable feature\n")
    before = made.state()
    ((result, reason),) = results(_baseline.enforce(made, request("e1", LOCKOUT)))
    assert result == "error"
    assert "Unable to enable" in reason
    assert made.state() == before
