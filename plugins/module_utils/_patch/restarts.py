# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services run what is no longer installed, and whether the host has to be restarted, and why. Private.

What a change will interrupt is foretold from what each process has mapped now. What it left behind is asked of
needrestart where that is installed, and read from /proc in any case.
"""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass
from typing import Collection, Dict, FrozenSet, Iterable, List, Mapping, Sequence, Set, Tuple

from .._errors import ClinicalError
from .._host.door import Host
from .._host.processes import processes, read_volatile
from .model import Change, Reboot

#: What runs until the host is restarted, whatever becomes of its files.
_LASTS = ("linux-image-*", "kernel", "kernel-core", "libc6", "glibc", "dbus", "dbus-*", "systemd")
#: Restarting these ends logins or the host itself; they count as a reason to restart the host.
_NEVER = ("dbus.service", "dbus-broker.service", "systemd-logind.service", "user@*", "getty@*", "serial-getty@*")
REQUIRED = ("/run/reboot-required", "/var/run/reboot-required")
_DELETED = " (deleted)"
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
_SECTIONS = {"Services to be restarted:": "due", "Service restarts being deferred:": "put_off"}
_SERVICE = re.compile(r"^ (?:systemctl restart |/etc/needrestart/restart\.d/)(?P<unit>\S+\.service)$")
_UNIT_FILE = re.compile(r"^(?:/usr)?/lib/systemd/system/([^/]+\.service)$")
_INIT = "init.scope"


@dataclass(frozen=True)
class Running:
    """What each unit has mapped, and which of that is no longer on disk; ``/usr`` at the beginning is left away."""

    mapped: Mapping[str, FrozenSet[str]]
    gone: Mapping[str, FrozenSet[str]]

    def services(self) -> Tuple[str, ...]:
        """The services that run something that is no longer installed."""
        return tuple(sorted(unit for unit in self.gone if unit.endswith(".service")))


def running(host: Host) -> Running:
    """One look at every process."""
    mapped: Dict[str, Set[str]] = {}
    gone: Dict[str, Set[str]] = {}
    for process in processes(host):
        here, away = _mapped(process.text("maps"))
        if not here and not away:  # a thread of the kernel
            continue
        here.update(word for word in process.text("cmdline").split("\0") if word.startswith("/"))
        unit = process.unit or (_INIT if process.pid == "1" else "")
        mapped.setdefault(unit, set()).update(map(_merged, here))
        if away:
            gone.setdefault(unit, set()).update(map(_merged, away))
    return Running(_frozen(mapped), _frozen(gone))


def _frozen(found: Mapping[str, Set[str]]) -> Dict[str, FrozenSet[str]]:
    return {unit: frozenset(paths) for unit, paths in found.items()}


def _mapped(maps: str) -> Tuple[Set[str], Set[str]]:
    """The files that are mapped to be executed, and those of them that are gone."""
    here, away = set(), set()
    for line in maps.splitlines():
        start = line.find("/")
        if start < 0 or "x" not in line.split(" ", 2)[1]:
            continue
        path = line[start:]
        if path.startswith(_PASSING):
            continue
        if path.endswith(_DELETED):
            away.add(path[: -len(_DELETED)])
        else:
            here.add(path)
    return here, away


def _merged(path: str) -> str:
    """/lib and /usr/lib are one folder."""
    return path[4:] if path.startswith("/usr/") else path


def interrupted(seen: Running, files: Iterable[str]) -> Tuple[str, ...]:
    """The services that run one of these files, or whose unit file is among them."""
    listed = tuple(files)
    names = frozenset(map(_merged, listed))
    own = {found[1] for found in map(_UNIT_FILE.match, listed) if found}
    units = [unit for unit, paths in seen.mapped.items() if unit.endswith(".service")]
    return tuple(sorted(unit for unit in units if unit in own or not names.isdisjoint(seen.mapped[unit])))


def lasts(name: str) -> bool:
    """Whether a package runs until the host is restarted."""
    return _fits(name, _LASTS)


def may_restart(unit: str) -> bool:
    return not _fits(unit, _NEVER)


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def reboot(host: Host, seen: Running, kernels: Sequence[str]) -> Reboot:
    """Whether what runs is older than what is installed where only a reboot helps."""
    why: List[str] = []
    release = read_volatile(host, "/proc/sys/kernel/osrelease").strip()
    if kernels and release != kernels[-1]:
        why.append(f"kernel {release} runs, {kernels[-1]} is installed")
    if _INIT in seen.gone:
        why.append(f"the first process runs what was replaced: {', '.join(sorted(seen.gone[_INIT])[:3])}")
    why += [f"{unit} runs what was replaced" for unit in seen.services() if not may_restart(unit)]
    for path in REQUIRED[:1]:
        if host.stat(path) is not None:
            names = " ".join(dict.fromkeys(read_volatile(host, f"{path}.pkgs").split()))
            why.append(f"packages asked for it: {names}" if names else f"{path} is there")
    return Reboot(bool(why), tuple(why))


@dataclass(frozen=True)
class Outdated:
    """The services that run old libraries: those that may be restarted for it, and those that the site lets nobody."""

    due: FrozenSet[str] = frozenset()
    put_off: FrozenSet[str] = frozenset()


def outdated(host: Host) -> Outdated:
    """By /proc, and by needrestart where that is installed: its ``override_rc`` says which a site restarts itself."""
    seen = frozenset(running(host).services())
    if host.which("needrestart") is None:
        cuts = frozenset(unit for unit in seen if _fits(unit, _CUTS))
        return Outdated(seen - cuts, cuts)
    # Its batch mode does not tell the two apart; a site may have chosen another interface than the plain one.
    argv = ["needrestart", "-m", "a", "-r", "l", "-l"]
    done = host.run(argv, timeout=120.0, env={"DEBIAN_FRONTEND": "noninteractive"})
    if done.rc != 0:
        raise ClinicalError("Asking needrestart", "which services run old libraries", done.err_line)
    told = parse_needrestart(done.out)
    return Outdated((seen | told.due) - told.put_off, told.put_off)


def parse_needrestart(text: str) -> Outdated:
    """The lines ``systemctl restart ssh.service`` below the headings."""
    found: Dict[str, Set[str]] = {"due": set(), "put_off": set()}
    section = ""
    for line in text.splitlines():
        service = _SERVICE.match(line)
        if service and section:
            found[section].add(service["unit"])
        elif not line.startswith(" "):
            section = _SECTIONS.get(line, "")
    return Outdated(frozenset(found["due"]), frozenset(found["put_off"]))


def in_order(units: Collection[str], order: Sequence[str]) -> Tuple[str, ...]:
    """The units as the site wants them restarted: by the first pattern that fits, then by name."""

    def rank(unit: str) -> Tuple[int, str]:
        fits = [number for number, pattern in enumerate(order) if fnmatch.fnmatchcase(unit, pattern)]
        return (fits[0] if fits else len(order), unit)

    return tuple(sorted(units, key=rank))


def foretold(seen: Running, change: Change, files: Iterable[str]) -> Tuple[Tuple[str, ...], bool]:
    """The services that a change restarts, and whether it takes a reboot to run it."""
    return interrupted(seen, files) if change.old else (), lasts(change.name)
