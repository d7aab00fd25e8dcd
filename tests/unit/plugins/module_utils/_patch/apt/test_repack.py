# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A package file out of what is installed."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import info, repack
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

LAB = PackageChange("lab", "all", "upgrade", "1:1.0", "1:1.1")
STATUS = """Package: lab
Status: install ok half-configured
Version: 1.0
Config-Version: 1.0
Conffiles:
 /etc/lab.conf 0123456789abcdef
 /etc/old.conf 0123456789abcdef obsolete
Description: of the laboratory
 and more of it
"""
DIVERSIONS = "/usr/bin/lab\n/usr/bin/lab.real\nother\n/usr/bin/own\n/usr/bin/own.real\nlab\n"


def test_what_dpkg_knows_becomes_the_control_file_of_a_package() -> None:
    assert repack.control_of(STATUS) == (
        "Package: lab\nVersion: 1.0\nDescription: of the laboratory\n and more of it\n"
    )


def test_files_that_another_package_has_put_aside_lie_elsewhere() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab.list", "/.\n/usr/bin/lab\n/usr/bin/own\n")
    host.add_file(repack.DIVERSIONS, DIVERSIONS)
    assert info.installed_files(host, LAB) == ("/.", "/usr/bin/lab", "/usr/bin/own")
    assert repack.diversions(host, LAB) == {"/usr/bin/lab": "/usr/bin/lab.real"}


def test_a_folder_that_is_a_link_on_this_host_is_a_folder_in_the_package() -> None:
    host = FakeHost()
    host.add_link("/lib", "usr/lib")
    host.add_link("/usr/lib/libz.so", "libz.so.1")
    paths = ["/.", "/lib", "/lib/systemd", "/usr/lib/libz.so"]
    assert repack.packed(host, paths) == ["/lib/systemd", "/usr/lib/libz.so"]
