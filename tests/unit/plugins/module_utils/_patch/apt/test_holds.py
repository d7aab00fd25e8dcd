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


def marked(*names: str, arch: str = "amd64", automatic: str = "1") -> str:
    return "".join(f"Package: {name}\nArchitecture: {arch}\nAuto-Installed: {automatic}\n\n" for name in names)


def test_what_a_run_brought_counts_as_automatic_and_what_it_changed_is_as_it_was() -> None:
    host = apt_host()
    was_automatic = PackageChange("was", "amd64", "upgrade", "1", "2")
    gone = PackageChange("gone", "all", "remove", "1", "")
    host.add_file(holds.MARKS, marked("lab") + marked("was", automatic="0"))
    for verb, names in (("auto", ["new", "lib:i386", "was:amd64"]), ("manual", ["lab"])):
        host.answers[("apt-mark", verb, *names)] = CommandResult((), 0, "", "")
    packages = [change.key for change in (UP, COMES, FOREIGN, was_automatic)]
    holds.set_marks(host, packages, marked("was", "gone"), [UP, COMES, FOREIGN, was_automatic, gone])
    assert [argv for argv in host.runs if argv[0] == "apt-mark"] == [
        ("apt-mark", "auto", "new", "lib:i386", "was:amd64"),
        ("apt-mark", "manual", "lab"),
    ]


def test_marks_that_others_set_since_stay() -> None:
    """What a person marked as wanted since would otherwise be removed by the next autoremove."""
    host = apt_host()
    host.add_file(holds.MARKS, marked("theirs"))
    holds.set_marks(host, ["lab", "wanted", "theirs"], marked("wanted"), [UP])
    assert [argv for argv in host.runs if argv[0] == "apt-mark"] == []
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
