# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dpkg keeps of an installed package."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import info
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

LAB = PackageChange("lab", "all", "upgrade", "1:1.0", "1:1.1")


def test_configuration_files_also_those_with_a_flag() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab.conffiles", "/etc/lab.conf\nremove-on-upgrade /etc/gone.conf\n")
    assert info.configuration(host, [LAB]) == ("/etc/lab.conf", "/etc/gone.conf")


def test_a_foreign_package_has_its_architecture_in_the_name_of_its_list() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab:i386.list", "/usr/lib/lab\n")
    assert info.installed_files(host, PackageChange("lab", "i386", "upgrade", "1", "2")) == ("/usr/lib/lab",)
