# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few facts that decide whether a control concerns a host."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls._facts import (
    container,
    facts,
    global_keys_belong_elsewhere,
    parse_os_release,
)
from fake_host import FakeHost, fixture


@pytest.mark.parametrize(("system", "version"), [("debian-12", "12"), ("debian-13", "13")])
def test_debian(system: str, version: str) -> None:
    made = FakeHost(system)
    made.add_file("/usr/lib/os-release", fixture("os_release", system))
    made.add_link("/etc/os-release", "../usr/lib/os-release")
    assert facts(made) == {
        "distribution": "Debian",
        "version": version,
        "family": "Debian",
        "kernel": "6.1.0-30-amd64",
        "container": "",
    }


@pytest.mark.parametrize(
    ("text", "distribution", "family"),
    [
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', "Ubuntu", "Debian"),
        ('ID="rhel"\nID_LIKE="fedora"\n', "RedHat", "RedHat"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "Rocky", "RedHat"),
        ("ID=alpine\n", "Alpine", "Alpine"),
        ("", "", ""),
    ],
)
def test_other_systems(text: str, distribution: str, family: str) -> None:
    made = FakeHost()
    made.add_file("/etc/os-release", text)
    seen = facts(made)
    assert (seen["distribution"], seen["family"]) == (distribution, family)


def test_os_release_is_quoted_like_a_shell() -> None:
    assert parse_os_release("A=b\nC='d e'\n# F=g\nH=\"i j\"\n") == {"A": "b", "C": "d e", "H": "i j"}


@pytest.mark.parametrize(
    ("path", "text", "engine"),
    [
        ("/run/systemd/container", "lxc\n", "lxc"),
        ("/run/.containerenv", "", "podman"),
        ("/.dockerenv", "", "docker"),
        ("/etc/none", "", ""),
    ],
)
def test_containers(path: str, text: str, engine: str) -> None:
    made = FakeHost()
    made.add_file(path, text)
    assert container(made) == engine
    assert global_keys_belong_elsewhere(made) == bool(engine)
    made.add_file("/proc/self/uid_map", "         0     100000      65536\n")
    assert not global_keys_belong_elsewhere(made)
