# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that apt is given, the policy that holds back restarts, and the marks."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.start_policy import ASIDE, POLICY
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import unit
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import install as work
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage, ServiceRequest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

UP = PackageChange("lab", "all", "upgrade", "1", "2")
COMES = PackageChange("new", "all", "install", "", "2")
GOES = PackageChange("old", "amd64", "remove", "1", "")


class UnitHost(FakeHost):
    """A host that only notes what it should run as a unit."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        self.runs.append(tuple(argv))
        return CommandResult(tuple(argv), 0, "amd64\n", "")


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
    work.put_back(host, [UP, COMES], [KeptPackage("lab", "all", "1", "/kept/lab.deb", "mirror")], "/log", 7)
    assert given(host)[-2:] == ("/kept/lab.deb", "new-")
    assert "--allow-downgrades" in given(host)


def test_apt_is_quiet_and_needrestart_waits() -> None:
    host = UnitHost()
    work.install(host, "/cache/run", ["lab=2"], [UP], "/log", 7)
    (argv,) = host.runs
    assert {"--setenv=DEBIAN_FRONTEND=noninteractive", "--setenv=NEEDRESTART_SUSPEND=healthops"} <= set(argv)
    assert f"--unit={unit.UNIT}" in argv


def test_a_policy_of_the_site_is_asked_as_well_and_comes_back() -> None:
    host = FakeHost()
    host.add_file(POLICY, "#!/bin/sh\nexit 104\n", 0o755)
    work.suspend(host, False)
    assert ASIDE in host.text(POLICY)
    host.add_file(work.REQUESTS, "ssh restart 0\nlab.service stop 104\northanc restart 101\nssh restart 0\n")
    assert work.resume(host) == (
        ServiceRequest("ssh.service", "restart"),
        ServiceRequest("lab.service", "stop"),
        ServiceRequest("orthanc.service", "restart", refused=True),
    )
    assert host.text(POLICY) == "#!/bin/sh\nexit 104\n"
    assert host.stat(ASIDE) is None


def test_a_policy_of_the_site_that_is_a_link_is_a_link_afterwards() -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    host.add_link(POLICY, "/etc/alternatives/policy-rc.d")
    work.suspend(host, False)
    work.suspend(host, True)
    work.resume(host)
    assert host.nodes[POLICY].target == "/etc/alternatives/policy-rc.d"
    assert host.stat(ASIDE) is None


def test_a_policy_that_a_cut_run_left_is_ours_and_not_the_sites() -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    work.suspend(host, False)
    host.add_file(work.REQUESTS, "ssh restart 0\n")
    work.suspend(host, True)
    assert host.stat(ASIDE) is None
    assert work.resume(host) == (ServiceRequest("ssh.service", "restart"),)
    assert host.stat(POLICY) is None


@pytest.mark.parametrize("site", [None, 0, 101, 104])
@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_the_policy_as_invoke_rc_d_asks_it(tmp_path: Path, site: int | None, active: bool, options: list[str]) -> None:
    host = FakeHost()
    host.add_dir("/usr/sbin")
    work.suspend(host, False)
    text = host.text(POLICY)
    for place, own in ((ASIDE, "aside"), (work.REQUESTS, "asked"), ("/run/healthops", "")):
        text = text.replace(place, str(tmp_path / own))
    for name, content in (("policy", text), ("systemctl", f"#!/bin/sh\nexit {0 if active else 3}\n")):
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o755)
    if site is not None:
        (tmp_path / "aside").write_text(f"#!/bin/sh\nexit {site}\n")
        (tmp_path / "aside").chmod(0o755)
    argv = [str(tmp_path / "policy"), *options, "ssh", "restart", "2"]
    done = subprocess.run(argv, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=False)
    noted = (tmp_path / "asked").read_text() if (tmp_path / "asked").exists() else ""
    if active:
        assert (done.returncode, noted) == (101, f"ssh restart {site or 0}\n")
    else:
        assert (done.returncode, noted) == (site or 0, "")
