# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few facts about a host that decide whether a control concerns it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._errors import ClinicalError
from .._text.lines import split_lines
from .._text.quoting import shell_words
from .door import Host

OS_RELEASE = "/etc/os-release"
#: By these a control finds out whether it concerns a host.
_NAMING = ("ID", "ID_LIKE", "VERSION_ID")
_INITIAL_NAMESPACE = "0 0 4294967295"
_FAMILIES = {"debian": "Debian", "ubuntu": "Debian", "rhel": "RedHat", "fedora": "RedHat", "centos": "RedHat"}
#: Where the engines that run containers have their programs, their data or, while they run, their sockets.
_ENGINES = {
    "podman": ("/usr/bin/podman", "/usr/local/bin/podman", "/var/lib/containers", "/run/podman/podman.sock"),
    "docker": (
        "/usr/bin/dockerd",
        "/usr/sbin/dockerd",
        "/usr/local/bin/dockerd",
        "/var/snap/docker",
        "/run/docker.sock",
    ),
    "kubelet": ("/usr/bin/kubelet", "/usr/local/bin/kubelet", "/usr/local/bin/k3s", "/var/lib/kubelet"),
    "containerd": ("/usr/bin/containerd", "/usr/local/bin/containerd", "/run/containerd/containerd.sock"),
    "cri-o": ("/usr/bin/crio", "/usr/sbin/crio", "/usr/local/bin/crio", "/run/crio/crio.sock"),
    "incus": ("/var/lib/incus", "/var/lib/lxd", "/var/snap/lxd", "/usr/bin/lxc-start"),
}
_SPELLED = {"almalinux": "AlmaLinux", "centos": "CentOS", "ol": "OracleLinux", "rhel": "RedHat"}


def read_facts(host: Host) -> dict[str, str]:
    """Return distribution, version, family, kernel, container (the engine's name, or nothing on a whole machine)."""
    release = os_release(host)
    name = release.get("ID", "")
    similar = [name, *release.get("ID_LIKE", "").split()]
    return {
        "distribution": _SPELLED.get(name, name.capitalize()),
        "version": release.get("VERSION_ID", ""),
        "family": next((_FAMILIES[like] for like in similar if like in _FAMILIES), name.capitalize()),
        "kernel": host.read_text("/proc/sys/kernel/osrelease").strip(),
        "container": container(host),
    }


def os_release(host: Host) -> dict[str, str]:
    """Return the settings of os-release(5), the one place where a system says which it is."""
    return parse_os_release(host.read_text(host.resolve(OS_RELEASE)))


def parse_os_release(text: str) -> dict[str, str]:
    """Return the settings of a text as os-release(5) has it: KEY=value with shell quoting.

    A line with another quoting is none, as for systemd. Raises ClinicalError where it should have named the system.
    """
    settings: dict[str, str] = {}
    for number, line in enumerate(split_lines(text), 1):
        key, equals, value = line.partition("=")
        if not equals or line.startswith("#"):
            continue
        parts = shell_words(value)
        if parts is not None:
            settings[key] = " ".join(parts)
        elif key in _NAMING:
            advice = f"Mend the quotes: without {key} it is not known which controls concern this host."
            reason = "it is no setting as os-release(5) has it"
            raise ClinicalError("Reading", f"{OS_RELEASE}:{number}", reason, advice)
    return settings


def container(host: Host) -> str:
    """Return the engine that runs this container, as systemd noted it; empty on a machine of its own."""
    noted = host.read_text("/run/systemd/container").strip()
    if noted:
        return noted
    marks = {"/run/.containerenv": "podman", "/.dockerenv": "docker"}
    return next((engine for path, engine in marks.items() if host.stat(path) is not None), "")


def global_keys_belong_elsewhere(host: Host) -> bool:
    """Return True for a container whose root is the machine's root.

    There the kernel would obey, and change the machine. In a user namespace of its own the kernel itself refuses.
    """
    if not container(host):
        return False
    mapping = host.read_text("/proc/self/uid_map")
    return " ".join(mapping.split()) == _INITIAL_NAMESPACE


def reason_not_applicable(host: Host, facts: Mapping[str, str], applies: Mapping[str, Any]) -> str:
    """Return the reason why a control does not concern this host, for people; empty when it does.

    ``facts`` are those of ``read_facts``, ``applies`` is what the catalogue says of the control.
    """
    families: Sequence[str] = applies.get("families", ())
    if families and facts["family"] not in families:
        return f"it is for {', '.join(families)}, this host is {facts['family']}"
    versions: Mapping[str, Sequence[str]] = applies.get("distributions", {})
    if versions and not is_release(facts["version"], versions.get(facts["distribution"], ())):
        return f"it is not for {facts['distribution']} {facts['version']}"
    if "container" in applies and bool(facts["container"]) != applies["container"]:
        if facts["container"]:
            return "it is for whole machines only"
        return "it is for containers only"
    missing = [path for path in applies.get("requires_path", ()) if host.stat(path) is None]
    if missing:
        return f"{missing[0]} is not on this host"
    present = [path for path in applies.get("unless_path", ()) if host.stat(path) is not None]
    if present:
        return f"{present[0]} is on this host"
    engine = container_engine(host) if applies.get("unless_container_engine") else ""
    if engine:
        return f"this host runs containers: {engine}"
    return ""


def container_engine(host: Host) -> str:
    """Return an engine that runs containers here, and where it was seen; empty where there is none."""
    for engine, paths in _ENGINES.items():
        for path in paths:
            if host.stat(path) is not None:
                return f"{engine}, {path}"
    return ""


def is_release(version: str, wanted: Sequence[str]) -> bool:
    """Check whether a version is one of those wanted, by itself or by the release that it is a part of: 9.4 is a 9."""
    return any(f"{version}.".startswith(f"{name}.") for name in wanted)
