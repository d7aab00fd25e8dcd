# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells of itself, so that the control node can choose its advisories."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ansible_collections.healthops.clinical.plugins.module_utils._patch import plan
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import versions
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import InstalledPackage
from fake_host import FakeHost, fixture


def test_a_host_tells_its_release_and_the_earliest_version_of_each_source() -> None:
    installed = [
        InstalledPackage("linux-image-6.1.0-40-amd64", "amd64", "6.1.153-1", "linux", "6.1.153-1"),
        InstalledPackage("linux-image-6.1.0-9-amd64", "amd64", "6.1.27-1", "linux", "6.1.27-1"),
        InstalledPackage("linux-libc-dev", "amd64", "6.1.158-1", "linux", "6.1.158-1"),
        InstalledPackage("libssl3", "amd64", "3.0.15-1~deb12u1", "openssl", "3.0.15-1~deb12u1"),
    ]
    manager: Any = SimpleNamespace(
        installed=lambda: {package.name: package for package in installed},
        brings=versions.brings,
        cves=lambda refresh: (),
    )
    host = FakeHost("debian-12")
    host.add_file("/etc/os-release", fixture("os_release", "debian-12"))
    assert plan.rating_inputs(host, manager, refresh=True) == {
        "codename": "bookworm",
        "sources": {"linux": "6.1.27-1", "openssl": "3.0.15-1~deb12u1"},
        "cves": [],
    }
