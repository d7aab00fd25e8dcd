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
