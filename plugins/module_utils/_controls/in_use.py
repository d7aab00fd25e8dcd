# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a unit or a package on this host, so that nothing that somebody needs is stopped. Private to the collection.

In use is what runs, what listens or has clients, what something else that runs needs, and what the inventory declares
that this host is for. Consent names the unit, the package or the control.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from .._change.subjects.units import Unit, show
from .._host import sockets
from .._host.door import Host
from .._host.processes import Process, processes
from .._host.sockets import Listener

#: Where packages put their units, as they are spelled once /lib is a part of /usr.
UNIT_FOLDERS = ("/usr/lib/systemd/system/", "/etc/systemd/system/")
_MERGED = ("/bin/", "/sbin/", "/lib/")
_NEEDED_BY = ("Id", "RequiredBy", "RequisiteOf", "BoundBy", "WantedBy")
#: Where a service keeps its programs for itself; what serves everybody lies elsewhere.
_OWN_FOLDER = re.compile(r"/usr/(?:lib|libexec)/(?!systemd/|[^/]+-linux-)[^/]+/")
#: Units that group others; that one of them wants a unit says nothing about its use.
_GROUPING = (".target", ".slice")


@dataclass(frozen=True)
class Use:
    """One look at the host: what listens, by the unit that holds it, and which processes run which program."""

    listeners: Mapping[str, Sequence[Listener]]
    programs: Mapping[str, Sequence[Process]]


@dataclass
class _Now:
    """What the inventory keeps, and the newest look, once somebody asked for one."""

    host: Host | None = None
    keeps: Mapping[str, str] = field(default_factory=dict)
    use: Use | None = None


_now = _Now()


def begin(host: Host, keeps: Mapping[str, str]) -> None:
    """From here on a look is a new one. ``keeps`` are names of units, packages and modules, each with the reason."""
    _now.host, _now.keeps, _now.use = host, keeps, None


def look(host: Host) -> Use:
    """What listens and runs on this host; /proc is read once, and only where something asks."""
    if _now.host is not host:
        begin(host, {})
    if _now.use is None:
        found = sockets.with_owners(host, sockets.listeners(host))
        _now.use = Use(sockets.by_unit(found), _programs(host))
    return _now.use


def kept(host: Host, *names: str) -> str:
    """Why the inventory keeps one of these, or nothing."""
    keeps = _now.keeps if _now.host is host else {}
    return next((keeps[name] for name in names if name in keeps), "")


def consented(allow_stop: frozenset[str], *names: str) -> bool:
    """Whether somebody decided that this may go, by the name of the control or of what it is about."""
    return not allow_stop.isdisjoint(names)


def of_unit(host: Host, unit: Unit) -> str:
    """In what way a unit is in use, in words that say what would be cut; nothing where it is not."""
    reasons = _running(host, unit) if unit.running else []
    return "; ".join(filter(None, [*reasons, kept(host, unit.name)]))


def of_package(host: Host, package: str, allow_stop: frozenset[str]) -> str:
    """In what way a package is in use: by units that run, its own or others that run its programs, or by others."""
    own, running = units_of_package(host, package)
    units = [unit for unit in active(host, running) if unit.name not in allow_stop]
    reasons = [f"{unit.name} is in use: {'; '.join(_running(host, unit))}" for unit in units]
    loose = [] if running else [path for path in _files(host, package) if path in look(host).programs]
    reasons += [f"somebody runs {', '.join(loose)}"] if loose else []
    return "; ".join(filter(None, [*reasons, kept(host, package, *own)]))


def units_of_package(host: Host, package: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The units that a package brings; and with them those that run one of its programs, or one from beside them."""
    files = _files(host, package)
    programs = look(host).programs
    runs = [path for path in [*files, *_beside(files, programs)] if path in programs]
    users = (process.unit for path in runs for process in programs[path])
    own = _units(files)
    return own, tuple(dict.fromkeys([*own, *(unit for unit in users if unit.endswith(".service"))]))


def active(host: Host, names: Sequence[str]) -> list[Unit]:
    """Those units that run; templates, which never do, are left out."""
    plain = [name for name in names if "@." not in name]
    return [unit for unit in show(host, plain).values() if unit.running]


def needed_by(host: Host, name: str) -> tuple[str, ...]:
    """The units that run and would go down, or miss something, without this one."""
    done = host.run(["systemctl", "show", "--property", ",".join(_NEEDED_BY), "--", name])
    others = [one for one in _lists(done.out) if not _same(one, name)] if done.rc == 0 else []
    return tuple(unit.name for unit in active(host, others))


def _running(host: Host, unit: Unit) -> list[str]:
    needed = needed_by(host, unit.name)
    reasons = ["it runs", *_told_listening(look(host).listeners.get(unit.name, ()))]
    return [*reasons, *([f"{', '.join(needed)} needs it"] if needed else [])]


def _programs(host: Host) -> dict[str, list[Process]]:
    """Return the processes of each program that runs, by its path."""
    running: dict[str, list[Process]] = {}
    for process in processes(host):
        path = process.executable
        if path:
            running.setdefault(path, []).append(process)
    return running


def _told_listening(found: Sequence[Listener]) -> list[str]:
    if not found:
        return []
    clients = sum({one.port: one.clients for one in found}.values())
    network = [one for one in found if one.protocol != "unix"]
    told = f"it listens on {', '.join(sockets.describe_places(network or found))}"
    return [f"{told} ({clients} {'client' if clients == 1 else 'clients'})" if clients else told]


def _lists(block: str) -> list[str]:
    pairs = (line.partition("=") for line in block.strip().splitlines())
    words = [word for key, _equals, value in pairs if key != "Id" for word in value.split()]
    return [word for word in dict.fromkeys(words) if not word.endswith(_GROUPING)]


def _same(one: str, other: str) -> bool:
    """Whether it is the socket, timer or path of the same service."""
    return one.rpartition(".")[0] == other.rpartition(".")[0]


def _files(host: Host, package: str) -> list[str]:
    """A package's files as dpkg noted them."""
    found = host.glob(f"/var/lib/dpkg/info/{package}.list") or host.glob(f"/var/lib/dpkg/info/{package}:*.list")
    return [_merged(path) for path in host.read_text(found[0]).splitlines()] if found else []


def _beside(files: Sequence[str], programs: Mapping[str, Sequence[Process]]) -> list[str]:
    """Programs that run from a folder of their own in which the package has files too, as a part of their service."""
    folders = {found.group() for found in map(_OWN_FOLDER.match, files) if found}
    return [path for path in programs if (found := _OWN_FOLDER.match(path)) and found.group() in folders]


def _merged(path: str) -> str:
    return f"/usr{path}" if path.startswith(_MERGED) else path


def _units(files: Sequence[str]) -> tuple[str, ...]:
    names = (path.rpartition("/")[2] for path in files if path.startswith(UNIT_FOLDERS) and path.count("/") <= 5)
    return tuple(dict.fromkeys(name for name in names if name.endswith((".service", ".socket", ".timer", ".path"))))
