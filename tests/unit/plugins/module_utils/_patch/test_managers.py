# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which package manager a host has."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt.manager import Apt
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.manager import Dnf
from ansible_collections.healthops.clinical.plugins.module_utils._patch.managers import manager_of
from dnf_host import NOW, DnfHost
from fake_host import FakeHost


@pytest.mark.parametrize(
    ("host", "name", "kind"),
    [
        pytest.param(FakeHost("debian-12"), "auto", Apt, id="Debian"),
        pytest.param(DnfHost(), "auto", Dnf, id="Rocky Linux"),
        pytest.param(FakeHost("debian-12"), "dnf", Dnf, id="dnf by name"),
        pytest.param(DnfHost(), "apt", Apt, id="apt by name"),
    ],
)
def test_the_manager_is_that_of_the_family_unless_it_is_named(host: FakeHost, name: str, kind: type[object]) -> None:
    assert manager_of(host, NOW, name).__class__ is kind


def test_another_family_and_another_name_are_refused() -> None:
    host = FakeHost()
    host.add_file("/etc/os-release", "ID=plan9\n")
    with pytest.raises(ClinicalError, match="no package manager of this family is known"):
        manager_of(host, NOW)
    with pytest.raises(ClinicalError, match="the package manager zypper is not known"):
        manager_of(FakeHost(), NOW, "zypper")


def test_a_host_without_an_os_release_is_told_so() -> None:
    host = FakeHost()
    host.remove("/etc/os-release")
    with pytest.raises(ClinicalError, match="Patching this host: no package manager"):
        manager_of(host, NOW)
