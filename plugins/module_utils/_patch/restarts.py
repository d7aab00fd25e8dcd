# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services run what is no longer installed, and whether the host has to be restarted, and why.

What a change will interrupt is foretold from what each process has mapped now. What it left behind is asked of
needrestart where that is installed, and read from /proc in any case.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from .._errors import ClinicalError
from .._host.door import Host
from .._host.processes import DELETED, processes, read_volatile
from .._text.lines import split_lines
from .model import PackageChange, Reboot

#: What runs until the host is restarted, whatever becomes of its files.
_UNTIL_REBOOT = ("linux-image-*", "kernel", "kernel-core", "libc6", "glibc", "dbus", "dbus-*", "systemd")
#: Restarting these ends logins or the host itself; they count as a reason to restart the host.
_NEVER = ("dbus.service", "dbus-broker.service", "systemd-logind.service", "user@*", "getty@*", "serial-getty@*")
#: Where packages of Debian ask for a reboot; their names are beside it, in a file that ends in ``.pkgs``.
REBOOT_REQUIRED = "/run/reboot-required"
#: Files that programs delete by themselves while they use them.
_PASSING = (
    "/dev/",
    "/memfd:",
    "/run/",
    "/tmp/",
    "/var/tmp/",
    "/SYSV",
    "/i915",
    "/drm",
    "/[aio]",
    "/var/lib/",
    "/home/",
)
#: What cuts the network, or ends what runs inside, where needrestart with its own list of these is not installed.
_CUTS = (
    *("networking.service", "systemd-networkd.service", "NetworkManager.service", "wpa_supplicant*", "ifup@*"),
    *("bird*", "frr*", "openvpn*", "wg-quick@*", "tinc*", "strongswan*", "ipsec.service"),
    *("docker*", "containerd*", "libvirt*", "virtlogd*", "virtlockd*", "lxc*", "systemd-nspawn@*"),
)
_SECTIONS = {"Services to be restarted:": "due", "Service restarts being deferred:": "deferred"}
_SERVICE = re.compile(r"^ (?:systemctl restart |/etc/needrestart/restart\.d/)(?P<unit>\S+\.service)$")
_UNIT_FILE = re.compile(r"^(?:/usr)?/lib/systemd/system/([^/]+\.service)$")
_INIT = "init.scope"


@dataclass(frozen=True)
class MappedFiles:
    """What each unit has mapped, and which of that is no longer on disk; ``/usr`` at the beginning is left away."""

    mapped: Mapping[str, frozenset[str]]
    deleted: Mapping[str, frozenset[str]]

    def services(self) -> tuple[str, ...]:
        """Return the services that run something that is no longer installed, sorted."""
        return tuple(sorted(unit for unit in self.deleted if unit.endswith(".service")))


def read_mapped_files(host: Host) -> MappedFiles:
    """Return what every process has mapped, by its unit."""
    mapped: dict[str, set[str]] = {}
    deleted: dict[str, set[str]] = {}
    for process in processes(host):
        present, removed = _mapped(process.text("maps"))
        if not present and not removed:  # a thread of the kernel
            continue
        present.update(argument for argument in process.text("cmdline").split("\0") if argument.startswith("/"))
        unit = process.unit or (_INIT if process.pid == "1" else "")
        mapped.setdefault(unit, set()).update(map(_merged, present))
        if removed:
            deleted.setdefault(unit, set()).update(map(_merged, removed))
    return MappedFiles(_frozen(mapped), _frozen(deleted))


def _frozen(paths_by_unit: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {unit: frozenset(paths) for unit, paths in paths_by_unit.items()}


def _mapped(maps: str) -> tuple[set[str], set[str]]:
    """Return the files in the text of ``/proc/<pid>/maps`` that are executable: those on disk, and deleted ones."""
    present, removed = set(), set()
    for line in split_lines(maps):
        start = line.find("/")
        if start < 0 or "x" not in line.partition(" ")[2][:4]:
            continue
        path = line[start:]
        if path.startswith(_PASSING):
            continue
        if path.endswith(DELETED):
            removed.add(path[: -len(DELETED)])
        else:
            present.add(path)
    return present, removed


def _merged(path: str) -> str:
    """Return the path without ``/usr`` at its beginning: /lib and /usr/lib are one folder."""
    return path[len("/usr") :] if path.startswith("/usr/") else path


def interrupted_services(processes: MappedFiles, files: Iterable[str]) -> tuple[str, ...]:
    """Return the services that run one of these files, or whose unit file is among them, sorted."""
    paths = tuple(files)
    names = frozenset(map(_merged, paths))
    changed = {match[1] for match in map(_UNIT_FILE.match, paths) if match}
    units = [unit for unit, paths in processes.mapped.items() if unit.endswith(".service")]
    return tuple(sorted(unit for unit in units if unit in changed or not names.isdisjoint(processes.mapped[unit])))


def needs_reboot(name: str) -> bool:
    """Return whether a package of this name runs until the host is restarted, whatever becomes of its files."""
    return _fits(name, _UNTIL_REBOOT)


def may_restart(unit: str) -> bool:
    """Return whether restarting this unit ends neither logins nor the host itself."""
    return not _fits(unit, _NEVER)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def assess_reboot(host: Host, processes: MappedFiles, kernels: Sequence[str]) -> Reboot:
    """Return whether what runs is older than what is installed where only a reboot helps, and why.

    ``kernels`` are the releases of the installed kernels, oldest first.
    """
    why: list[str] = []
    release = read_volatile(host, "/proc/sys/kernel/osrelease").strip()
    if kernels and release != kernels[-1]:
        why.append(f"kernel {release} runs, {kernels[-1]} is installed")
    if _INIT in processes.deleted:
        why.append(f"the first process runs what was replaced: {', '.join(sorted(processes.deleted[_INIT])[:3])}")
    why += [f"{unit} runs what was replaced" for unit in processes.services() if not may_restart(unit)]
    if host.stat(REBOOT_REQUIRED) is not None:
        names = " ".join(dict.fromkeys(read_volatile(host, f"{REBOOT_REQUIRED}.pkgs").split()))
        why.append(f"packages asked for it: {names}" if names else f"{REBOOT_REQUIRED} is there")
    return Reboot(bool(why), tuple(why))


@dataclass(frozen=True)
class OutdatedServices:
    """The services that run old libraries: those that may be restarted for it, and those that the site lets nobody."""

    due: frozenset[str] = frozenset()
    deferred: frozenset[str] = frozenset()


def outdated(host: Host) -> OutdatedServices:
    """Return the services that run old libraries, by /proc and, where that is installed, by needrestart.

    What the ``override_rc`` of needrestart leaves to the site is deferred. Raises ClinicalError where it fails.
    """
    running = frozenset(read_mapped_files(host).services())
    if host.which("needrestart") is None:
        cutting = frozenset(unit for unit in running if _fits(unit, _CUTS))
        return OutdatedServices(running - cutting, cutting)
    # Its batch mode does not tell the two apart; a site may have chosen another interface than the plain one.
    argv = ["needrestart", "-m", "a", "-r", "l", "-l"]
    done = host.run(argv, timeout=120.0, env={"DEBIAN_FRONTEND": "noninteractive"})
    if done.rc != 0:
        raise ClinicalError("Asking needrestart", "which services run old libraries", done.err_line)
    reported = parse_needrestart(done.out)
    return OutdatedServices((running | reported.due) - reported.deferred, reported.deferred)


def parse_needrestart(text: str) -> OutdatedServices:
    """Return the services in lines ``systemctl restart ssh.service`` below the headings of ``needrestart -r l``."""
    units: dict[str, set[str]] = {"due": set(), "deferred": set()}
    section = ""
    for line in split_lines(text):
        service = _SERVICE.match(line)
        if service and section:
            units[section].add(service["unit"])
        elif not line.startswith(" "):
            section = _SECTIONS.get(line, "")
    return OutdatedServices(frozenset(units["due"]), frozenset(units["deferred"]))


def in_order(units: Collection[str], order: Sequence[str]) -> tuple[str, ...]:
    """Return the units as the site wants them restarted: by the first pattern that fits, then by name."""

    def rank(unit: str) -> tuple[int, str]:
        positions = [number for number, pattern in enumerate(order) if fnmatch.fnmatchcase(unit, pattern)]
        return (next(iter(positions), len(order)), unit)

    return tuple(sorted(units, key=rank))


def predict_interruptions(
    processes: MappedFiles, change: PackageChange, files: Iterable[str]
) -> tuple[tuple[str, ...], bool]:
    """Return the services that a change restarts, and whether it takes a reboot to run it.

    ``files`` are those of the installed version.
    """
    services = interrupted_services(processes, files) if change.old else ()
    return services, needs_reboot(change.name)
