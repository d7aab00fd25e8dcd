# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages: one transaction, and nothing that could not be undone."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost
from fake_programs import FakePackage
from look import look, plan, subjects

ABSENT = {"name": "telnet", "state": "absent"}
PRESENT = {"name": "debsums", "state": "present"}


def host() -> FakeHost:
    made = FakeHost()
    made.mirror.update(
        {
            "telnet": FakePackage("0.17"),
            "debsums": FakePackage("3.0", depends=("libdpkg-perl",)),
            "libdpkg-perl": FakePackage("1.21"),
            "clinic-viewer": FakePackage("9", depends=("telnet",)),
        }
    )
    made.packages["telnet"] = "0.17"
    return made


@pytest.mark.parametrize("settings", [{"name": "debsums", "state": "absent"}, {"name": "telnet", "state": "present"}])
def test_as_wanted(settings: dict[str, str]) -> None:
    planned = plan(host(), "package", settings)
    assert (planned.assessments[0].result, planned.groups) == ("pass", ())


def test_one_transaction_for_all_with_what_comes_along() -> None:
    planned = plan(host(), "package", ABSENT, PRESENT)
    assert [a.after for a in planned.assessments] == ["absent", "3.0"]
    assert subjects(planned.groups)[-1] == "packages debsums libdpkg-perl telnet"
    assert len(planned.groups) == 1


def test_a_removal_that_takes_others_along_is_refused() -> None:
    made = host()
    made.packages["clinic-viewer"] = "9"
    planned = plan(made, "package", ABSENT)
    assert planned.assessments[0].reason == "apt would also remove clinic-viewer"
    assert planned.groups == ()


def test_a_removal_that_could_not_be_undone_is_refused() -> None:
    made = host()
    made.mirror["telnet"].fetchable = False
    seen = look(made, "package", ABSENT)
    assert seen.reason == "telnet 0.17 cannot be fetched, so its removal could not be undone"
    made.add_file("/var/lib/healthops/packages/telnet_0.17_amd64.deb")
    assert look(made, "package", ABSENT).reason == ""


def test_a_package_that_no_mirror_has() -> None:
    planned = plan(host(), "package", {"name": "nosuchpackage"}, ABSENT)
    assert planned.assessments[0].reason == "E: Unable to locate package nosuchpackage"
    assert subjects(planned.groups)[-1] == "packages telnet"


@pytest.mark.parametrize("settings", [ABSENT, {"name": "telnet"}], ids=["to go", "to stay"])
def test_a_package_that_is_installed_in_part_is_an_error_whatever_is_wanted(settings: dict[str, str]) -> None:
    made = host()
    made.unfinished["telnet"] = "half-configured"
    planned = plan(made, "package", settings)
    (assessment,) = planned.assessments
    assert (assessment.result, planned.groups) == ("error", ())
    assert "telnet is half-configured: dpkg did not end with it. Look at dpkg --audit" in assessment.reason


def test_on_a_broken_dpkg_what_needs_packages_is_an_error_and_all_else_is_judged() -> None:
    made = host()
    made.packages["vendor-viewer"] = "1"
    made.unfinished["vendor-viewer"] = "half-installed"
    planned = plan(made, "package", PRESENT, {"name": "telnet"}, {"name": "nis", "state": "absent"})
    assert [assessment.result for assessment in planned.assessments] == ["error", "pass", "pass"]
    assert "no package can come or go: vendor-viewer is half-installed." in planned.assessments[0].reason
    assert planned.groups == ()


def test_where_nothing_has_to_change_nobody_asks_for_all_packages() -> None:
    made = host()
    plan(made, "package", {"name": "telnet"})
    assert [argv[0] for argv in made.runs] == ["dpkg-query"]


def test_no_package_manager_that_is_known() -> None:
    made = host()
    made.programs.discard("dpkg-query")
    assert look(made, "package", ABSENT).result == "notapplicable"


@pytest.mark.parametrize(("settings", "result"), [(ABSENT, "fail"), ({"name": "telnet"}, "pass")])
def test_with_rpm_packages_are_judged_and_not_changed(settings: dict[str, str], result: str) -> None:
    made = host()
    made.programs = {*made.programs, "rpm"} - {"dpkg-query"}
    argv = ("rpm", "--query", "--queryformat", "%{NAME}\\n", "telnet")
    made.answers[argv] = CommandResult(argv, 0, "telnet\n", "")
    planned = plan(made, "package", settings)
    (assessment,) = planned.assessments
    assert (assessment.result, assessment.before, assessment.after) == (result, "installed", "installed")
    assert ("do it with dnf" in assessment.reason) == (result == "fail")
    assert planned.groups == ()
