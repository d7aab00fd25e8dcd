# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What packages' scripts may start while a run changes packages, asked as they ask it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import start_policy
from ansible_collections.healthops.clinical.plugins.module_utils._change.start_policy import ASIDE, POLICY
from fake_host import FakeHost

SITE = "#!/bin/sh\nexit 104\n"


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_dir("/usr/sbin")
    return made


def asked(folder: Path, text: str, environment: dict[str, str], *argv: str) -> int:
    policy = folder / "policy"
    policy.write_text(text.replace(ASIDE, str(folder / "aside")))
    policy.chmod(0o755)
    return subprocess.run([str(policy), *argv], env={"PATH": "/usr/bin:/bin", **environment}, check=False).returncode


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        pytest.param(["orthanc.service", "start"], 101, id="unit"),
        pytest.param(["--quiet", "orthanc", "start", "2"], 101, id="init script"),
        pytest.param(["orthanc.timer", "start"], 0, id="another kind"),
        pytest.param(["--quiet", "ssh", "restart"], 0, id="another"),
        pytest.param(["--list"], 0, id="no service"),
    ],
)
@pytest.mark.parametrize("units", [["nginx.service", "orthanc.service"], ["orthanc.service"]])
def test_the_units_that_wait_are_not_started_and_others_are(
    host: FakeHost, tmp_path: Path, units: list[str], argv: list[str], code: int
) -> None:
    with start_policy.waiting(host, units) as environment:
        assert asked(tmp_path, host.text(POLICY), environment, *argv) == code
        # Whoever did not come out of this run may start what it likes.
        assert asked(tmp_path, host.text(POLICY), {}, *argv) == 0


@pytest.mark.parametrize("link", [False, True])
def test_a_policy_of_the_site_is_asked_as_well_and_comes_back(host: FakeHost, tmp_path: Path, link: bool) -> None:
    if link:
        host.add_link(POLICY, "/etc/alternatives/policy-rc.d")
    else:
        host.add_file(POLICY, SITE, 0o750)
    before = host.state()
    (tmp_path / "aside").write_text(SITE)
    (tmp_path / "aside").chmod(0o755)
    with start_policy.waiting(host, ["orthanc.service"]) as environment:
        assert asked(tmp_path, host.text(POLICY), environment, "orthanc", "start") == 101
        assert asked(tmp_path, host.text(POLICY), environment, "ssh", "start") == 104
    assert host.state() == before


def test_it_goes_also_where_the_package_manager_fails(host: FakeHost) -> None:
    before = host.state()
    with pytest.raises(OSError, match="apt"), start_policy.waiting(host, ["orthanc.service"]):
        raise OSError("apt")
    assert host.state() == before


def test_nothing_that_waits_needs_no_policy(host: FakeHost) -> None:
    with start_policy.waiting(host, []) as environment:
        assert (environment, POLICY in host.nodes) == ({}, False)


def test_what_a_cut_run_left_behind_is_known_from_the_policies_of_others(host: FakeHost) -> None:
    start_policy.lay(host, f"{start_policy.MARK}restarts while a patch run installs\n")
    assert not start_policy.is_left_behind(host)
    with start_policy.waiting(host, ["orthanc.service"]):
        assert start_policy.is_left_behind(host)
    assert POLICY not in host.nodes
