# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few facts that decide whether a control concerns a host."""

from __future__ import annotations

from typing import List, Mapping

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host.facts import (
    container,
    container_engine,
    global_keys_belong_elsewhere,
    parse_os_release,
    read_facts,
    reason_not_applicable,
)
from fake_host import FakeHost, fixture


@pytest.mark.parametrize(("system", "version"), [("debian-12", "12"), ("debian-13", "13")])
def test_debian(system: str, version: str) -> None:
    made = FakeHost(system)
    made.add_file("/usr/lib/os-release", fixture("os_release", system))
    made.add_link("/etc/os-release", "../usr/lib/os-release")
    assert read_facts(made) == {
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
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"\n', "AlmaLinux", "RedHat"),
        ('ID="centos"\nID_LIKE="rhel fedora"\n', "CentOS", "RedHat"),
        ('ID="ol"\nID_LIKE="fedora"\n', "OracleLinux", "RedHat"),
        ("ID=alpine\n", "Alpine", "Alpine"),
        ("", "", ""),
    ],
)
def test_other_systems(text: str, distribution: str, family: str) -> None:
    made = FakeHost()
    made.add_file("/etc/os-release", text)
    seen = read_facts(made)
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


@pytest.mark.parametrize(
    ("distribution", "version", "wanted", "why"),
    [
        ("Debian", "12", {"Debian": ["12", "13"]}, ""),
        ("Debian", "11", {"Debian": ["12", "13"]}, "it is not for Debian 11"),
        ("Ubuntu", "24.04", {"Ubuntu": ["24.04"]}, ""),
        ("Ubuntu", "22.04", {"Debian": ["12"], "Ubuntu": ["24.04"]}, "it is not for Ubuntu 22.04"),
        ("RedHat", "9.4", {"RedHat": ["9"]}, ""),
        ("RedHat", "9", {"RedHat": ["9"]}, ""),
        ("RedHat", "90", {"RedHat": ["9"]}, "it is not for RedHat 90"),
        ("Rocky", "9.5", {"RedHat": ["9"]}, "it is not for Rocky 9.5"),
    ],
)
def test_a_version_is_named_by_itself_or_by_its_release(
    distribution: str, version: str, wanted: Mapping[str, List[str]], why: str
) -> None:
    seen = {"distribution": distribution, "version": version, "family": "any", "container": ""}
    assert reason_not_applicable(FakeHost(), seen, {"distributions": wanted}) == why


@pytest.mark.parametrize(
    ("path", "engine"),
    [
        ("/usr/bin/podman", "podman, /usr/bin/podman"),
        ("/run/docker.sock", "docker, /run/docker.sock"),
        ("/usr/local/bin/k3s", "kubelet, /usr/local/bin/k3s"),
        ("/run/containerd/containerd.sock", "containerd, /run/containerd/containerd.sock"),
        ("/usr/bin/docker-credential-helper", ""),
    ],
)
def test_a_host_that_runs_containers_is_known_by_its_engine(path: str, engine: str) -> None:
    made = FakeHost()
    made.add_file(path, "")
    assert container_engine(made) == engine
    why = reason_not_applicable(made, read_facts(made), {"unless_container_engine": True})
    assert why == (f"this host runs containers: {engine}" if engine else "")
    assert reason_not_applicable(made, read_facts(made), {}) == ""
