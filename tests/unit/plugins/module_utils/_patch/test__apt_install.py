# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that apt is given, the policy that holds back restarts, and the marks."""

from __future__ import annotations

from typing import Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host import Completed
from ansible_collections.healthops.clinical.plugins.module_utils._patch import _apt_install as work
from ansible_collections.healthops.clinical.plugins.module_utils._patch import _unit
from ansible_collections.healthops.clinical.plugins.module_utils._patch._manager import Kept
from ansible_collections.healthops.clinical.plugins.module_utils._patch._model import Change
from fake_host import FakeHost

UP = Change("lab", "all", "upgrade", "1", "2")
COMES = Change("new", "all", "install", "", "2")
GOES = Change("old", "amd64", "remove", "1", "")


class UnitHost(FakeHost):
    """A host that only notes what it should run as a unit."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> Completed:
        self.runs.append(tuple(argv))
        return Completed(tuple(argv), 0, "amd64\n", "")


def given(host: UnitHost) -> tuple[str, ...]:
    (argv,) = [argv for argv in host.runs if argv[0] == "systemd-run"]
    return argv[argv.index("--") + 1 :]


def test_nothing_but_the_set_can_come_and_nothing_can_go() -> None:
    host = UnitHost()
    work.install(host, "/cache/run", ["lab=2", "new=2"], [UP, COMES], "/log", 7)
    words = given(host)
    assert words[-3:] == ("install", "lab=2", "new=2")
    assert {"--no-download", "APT::Get::Remove=false", "Dir::Cache::archives=/cache/run/"} <= set(words)
    assert {"DPkg::Lock::Timeout=7", "Dpkg::Options::=--force-confold"} <= set(words)


def test_what_is_to_go_is_named() -> None:
    host = UnitHost()
    work.install(host, "/cache/run", ["lab=2"], [UP, GOES], "/log", 7)
    assert given(host)[-2:] == ("lab=2", "old:amd64-")
    assert "APT::Get::Remove=false" not in given(host)


def test_going_back_installs_the_kept_files_and_removes_what_came() -> None:
    host = UnitHost()
    work.put_back(host, [UP, COMES], [Kept("lab", "all", "1", "/kept/lab.deb", "mirror")], "/log", 7)
    assert given(host)[-2:] == ("/kept/lab.deb", "new-")
    assert "--allow-downgrades" in given(host)


def test_apt_is_quiet_and_needrestart_waits() -> None:
    host = UnitHost()
    work.install(host, "/cache/run", ["lab=2"], [UP], "/log", 7)
    (argv,) = host.runs
    assert {"--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=NEEDRESTART_SUSPEND=healthops"} <= set(argv)
    assert f"--unit={_unit.UNIT}" in argv


def test_a_policy_of_the_site_is_asked_as_well_and_comes_back() -> None:
    host = FakeHost()
    host.add_file(work.POLICY, "#!/bin/sh\nexit 104\n", 0o755)
    work.suspend(host, False)
    assert work.ASIDE in host.text(work.POLICY)
    host.add_file(work.ASKED_FOR, "ssh restart\nlab.service stop\nssh restart\n")
    assert work.resume(host) == (("ssh.service", "restart"), ("lab.service", "stop"))
    assert host.text(work.POLICY) == "#!/bin/sh\nexit 104\n"
    assert host.stat(work.ASIDE) is None


def test_a_policy_of_the_site_that_is_a_link_is_a_link_afterwards() -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    host.add_link(work.POLICY, "/etc/alternatives/policy-rc.d")
    work.suspend(host, False)
    work.suspend(host, True)
    work.resume(host)
    assert host.nodes[work.POLICY].target == "/etc/alternatives/policy-rc.d"
    assert host.stat(work.ASIDE) is None


def test_a_policy_that_a_cut_run_left_is_ours_and_not_the_sites() -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    work.suspend(host, False)
    host.add_file(work.ASKED_FOR, "ssh restart\n")
    work.suspend(host, True)
    assert host.stat(work.ASIDE) is None
    assert work.resume(host) == (("ssh.service", "restart"),)
    assert host.stat(work.POLICY) is None


def test_the_policy_says_yes_where_no_run_is_at_work() -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    work.suspend(host, False)
    assert f"systemctl is-active --quiet {_unit.UNIT} || exit 0" in host.text(work.POLICY)


def test_what_a_run_brought_counts_as_automatic_and_all_else_is_as_it_was() -> None:
    host = UnitHost()
    host.add_file(work.MARKS, "changed by apt")
    work.set_marks(host, "before\n\n", [UP, COMES])
    assert host.text(work.MARKS) == "before\n\nPackage: new\nArchitecture: amd64\nAuto-Installed: 1\n\n"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Reading\nE: Could not get lock\nE: Unable\n", "E: Could not get lock\nE: Unable"),
        ("dpkg: error of lab (--configure):\n sub failed\n", "dpkg: error of lab (--configure): sub failed"),
        (
            "Waiting for cache lock: Could not get lock /l. It is held by process 7 (a b)...\nE: Unable to acquire\n",
            "Could not get lock /l. It is held by process 7 (a b)\nE: Unable to acquire",
        ),
        ("one\ntwo\nthree\nfour\n", "two\nthree\nfour"),
    ],
)
def test_what_went_wrong_in_its_own_words(said: str, told: str) -> None:
    assert _unit.complaint(said) == told
