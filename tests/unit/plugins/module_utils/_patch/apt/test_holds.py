# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds and marks as dpkg and apt have them."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

UP = PackageChange("lab", "all", "upgrade", "1", "2")
COMES = PackageChange("new", "all", "install", "", "2")
FOREIGN = PackageChange("lib", "i386", "install", "", "2")


def apt_host() -> FakeHost:
    host = FakeHost()
    host.programs |= {"apt-mark", "dpkg"}
    host.answers[("dpkg", "--print-architecture")] = CommandResult((), 0, "amd64\n", "")
    return host


def test_what_a_run_brought_counts_as_automatic_and_all_else_is_as_it_was() -> None:
    host = apt_host()
    host.add_file(holds.MARKS, "changed by apt")
    holds.set_marks(host, "before\n\n", [UP, COMES, FOREIGN])
    assert host.text(holds.MARKS) == (
        "before\n\nPackage: new\nArchitecture: amd64\nAuto-Installed: 1\n\n"
        "Package: lib\nArchitecture: i386\nAuto-Installed: 1\n\n"
    )


def test_marks_that_are_right_are_not_written() -> None:
    host = apt_host()
    host.add_file(holds.MARKS, "before\n\n")
    holds.set_marks(host, holds.marks(host), [UP])
    assert host.operations == []


@pytest.mark.parametrize(("held", "verb", "doing"), [(True, "hold", "Holding"), (False, "unhold", "No longer holding")])
def test_a_hold_is_set_by_apt_mark_and_a_failure_is_raised(held: bool, verb: str, doing: str) -> None:
    host = apt_host()
    host.answers[("apt-mark", verb, "a", "b")] = CommandResult((), 0, "", "")
    holds.set_hold(host, ["a", "b"], held)
    holds.set_hold(host, [], held)
    assert host.runs == [("apt-mark", verb, "a", "b")]
    host.answers[("apt-mark", verb, "c")] = CommandResult((), 100, "", "E: Unable to locate package c\n")
    with pytest.raises(ClinicalError, match=f"{doing} c: E: Unable to locate"):
        holds.set_hold(host, ["c"], held)
