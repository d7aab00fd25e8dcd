# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files. Packing again, fetching and keeping run against a real dpkg in the scenario "patching"."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import files
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


def test_a_file_is_named_as_apt_names_it() -> None:
    assert files.file_name("lab", "1:1.0~rc1-1", "all") == "lab_1%3a1.0~rc1-1_all.deb"


def test_what_dpkg_knows_becomes_the_control_file_of_a_package() -> None:
    assert files.control_of(STATUS) == ("Package: lab\nVersion: 1.0\nDescription: of the laboratory\n and more of it\n")


def test_configuration_files_also_those_with_a_flag() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab.conffiles", "/etc/lab.conf\nremove-on-upgrade /etc/gone.conf\n")
    assert files.configuration(host, [LAB]) == ("/etc/lab.conf", "/etc/gone.conf")


def test_files_that_another_package_has_put_aside_lie_elsewhere() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab.list", "/.\n/usr/bin/lab\n/usr/bin/own\n")
    host.add_file(files.DIVERSIONS, DIVERSIONS)
    assert files.files(host, LAB) == ("/.", "/usr/bin/lab", "/usr/bin/own")
    assert files.diversions(host, LAB) == {"/usr/bin/lab": "/usr/bin/lab.real"}


def test_a_foreign_package_has_its_architecture_in_the_name_of_its_list() -> None:
    host = FakeHost()
    host.add_file("/var/lib/dpkg/info/lab:i386.list", "/usr/lib/lab\n")
    assert files.files(host, PackageChange("lab", "i386", "upgrade", "1", "2")) == ("/usr/lib/lab",)


def test_a_folder_that_is_a_link_on_this_host_is_a_folder_in_the_package() -> None:
    host = FakeHost()
    host.add_link("/lib", "usr/lib")
    host.add_link("/usr/lib/libz.so", "libz.so.1")
    paths = ["/.", "/lib", "/lib/systemd", "/usr/lib/libz.so"]
    assert files.packed(host, paths) == ["/lib/systemd", "/usr/lib/libz.so"]
