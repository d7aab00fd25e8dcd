# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's package manager behind what patching asks: lists that cannot be read, kernels, and what is installed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import observe as look
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.manager import Apt
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from apt_host import AptHost
from fake_host import FakeHost

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("rc", "said", "told"),
    [
        (0, "", ()),
        (0, "W: Failed to fetch http://m/InRelease\n", ("Failed to fetch http://m/InRelease",)),
        (100, "E: The repository 'http://m x' is not signed.\n", ("The repository 'http://m x' is not signed.",)),
        (0, "W: Key is stored in legacy trusted.gpg keyring\n", ()),
    ],
    ids=["all is well", "not reached", "not signed", "a remark"],
)
def test_a_list_that_could_not_be_read_anew_is_told(rc: int, said: str, told: tuple[str, ...]) -> None:
    host = AptHost()
    host.says[("apt-get", "update")] = CommandResult((), rc, "", said)
    assert Apt(host, NOW, 1, check=False).refresh() == told


def test_the_kernels_in_their_order() -> None:
    host = AptHost()
    packages = look.installed(host)
    assert Apt(host, NOW, 1, check=False).kernels(packages) == ("6.90.0-1-lab-amd64",)


class NotingHost(FakeHost):
    """A host that only notes what it should run."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        self.runs.append(tuple(argv))
        return CommandResult(tuple(argv), 0, "", "")


def test_what_goes_is_not_among_what_apt_is_told_to_install() -> None:
    host = NotingHost()
    comes = PackageChange("lab", "all", "upgrade", "1", "2")
    foreign = PackageChange("lib", "i386", "install", "", "2")
    goes = PackageChange("old", "amd64", "remove", "1", "")
    Apt(host, NOW, 7, check=False).install("/cache/run", [comes, foreign, goes], "/var/lib/healthops/log")
    (argv,) = [argv for argv in host.runs if argv[0] == "systemd-run"]
    assert argv[-3:] == ("lab=2", "lib:i386=2", "old:amd64-")
    assert "DPkg::Lock::Timeout=7" in argv


def test_apt_names_no_cves_of_its_own() -> None:
    assert Apt(FakeHost(), NOW, 7, check=False).cves(refresh=True) == ()
