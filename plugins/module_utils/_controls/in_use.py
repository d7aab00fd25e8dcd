# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses a unit or a package on this host, so that nothing that somebody needs is stopped.

In use is what runs, what listens or has clients, what something else that runs needs, and what the inventory declares
that this host is for. Consent names the unit, the package or the control.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .._change.subjects.units import Unit, show
from .._host import sockets
from .._host.door import Host
from .._host.processes import Process
from .._host.sockets import Listener
from .._text.lines import split_lines
from .context import SurveyContext

#: Where packages put their units, as they are spelled once /lib is a part of /usr.
UNIT_FOLDERS = ("/usr/lib/systemd/system/", "/etc/systemd/system/")
_MERGED = ("/bin/", "/sbin/", "/lib/")
_NEEDED_BY = ("Id", "RequiredBy", "RequisiteOf", "BoundBy", "WantedBy")
#: Where a service keeps its programs for itself; what serves everybody lies elsewhere.
_OWN_FOLDER = re.compile(r"/usr/(?:lib|libexec)/(?!systemd/|[^/]+-linux-)[^/]+/")
#: Units that group others; that one of them wants a unit says nothing about its use.
_GROUPING = (".target", ".slice")


def use_of_unit(host: Host, unit: Unit, context: SurveyContext) -> str | None:
    """Return in what way a unit is in use, in words that say what would be cut; None where it is not."""
    reasons = _reasons_of_running(host, unit, context) if unit.running else []
    return _joined([*reasons, context.reason_to_keep(unit.name)])


def use_of_package(host: Host, package: str, context: SurveyContext) -> str | None:
    """Return in what way a package is in use: by units that run, its own or others that run its programs, or by others.

    None where nobody uses it. Units whose stopping a person has consented to do not count.
    """
    brought, users = units_of_package(host, package, context)
    reasons: list[str | None] = []
    for unit in active_units(host, users):
        if not context.has_consent(unit.name):
            reasons.append(f"{unit.name} is in use: {'; '.join(_reasons_of_running(host, unit, context))}")
    by_hand = [] if users else [path for path in _files(host, package) if path in context.use(host).programs]
    if by_hand:
        reasons.append(f"somebody runs {', '.join(by_hand)}")
    return _joined([*reasons, context.reason_to_keep(package, *brought)])


def units_of_package(host: Host, package: str, context: SurveyContext) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the units that a package brings; and with them those that run one of its programs, or one beside them."""
    files = _files(host, package)
    programs = context.use(host).programs
    running = [path for path in [*files, *_programs_beside(files, programs)] if path in programs]
    units = [process.unit for path in running for process in programs[path]]
    users = [unit for unit in units if unit.endswith(".service")]
    brought = _units_among(files)
    return brought, tuple(dict.fromkeys([*brought, *users]))


def active_units(host: Host, names: Sequence[str]) -> list[Unit]:
    """Return those units that run; templates, which never do, are not asked for."""
    plain = [name for name in names if "@." not in name]
    return [unit for unit in show(host, plain).values() if unit.running]


def needed_by(host: Host, name: str) -> tuple[str, ...]:
    """Return the units that run and would go down, or miss something, without the unit ``name``."""
    done = host.run(["systemctl", "show", "--property", ",".join(_NEEDED_BY), "--", name])
    units = parse_needed_by(done.out) if done.rc == 0 else []
    return tuple(unit.name for unit in active_units(host, [unit for unit in units if not _same_service(unit, name)]))


def parse_needed_by(block: str) -> list[str]:
    """Return the names in the lists of ``systemctl show`` (Property=value), without units that group others."""
    pairs = [line.partition("=") for line in split_lines(block.strip())]
    names = [name for key, _equals, value in pairs if key != "Id" for name in value.split()]
    return [name for name in dict.fromkeys(names) if not name.endswith(_GROUPING)]


def _joined(reasons: Sequence[str | None]) -> str | None:
    return "; ".join(reason for reason in reasons if reason) or None


def _reasons_of_running(host: Host, unit: Unit, context: SurveyContext) -> list[str]:
    """Return that a unit runs, where it listens and how many clients it has, and who needs it."""
    reasons = ["it runs"]
    listeners = context.use(host).listeners.get(unit.name, ())
    if listeners:
        reasons.append(_describe_listening(listeners))
    dependents = needed_by(host, unit.name)
    if dependents:
        reasons.append(f"{', '.join(dependents)} needs it")
    return reasons


def _describe_listening(listeners: Sequence[Listener]) -> str:
    clients = sum({listener.port: listener.clients for listener in listeners}.values())
    network = [listener for listener in listeners if listener.protocol != "unix"]
    places = f"it listens on {', '.join(sockets.describe_places(network or listeners))}"
    if not clients:
        return places
    return f"{places} (1 client)" if clients == 1 else f"{places} ({clients} clients)"


def _same_service(name: str, other: str) -> bool:
    """Return whether two units are the socket, timer or path of the same service."""
    return name.rpartition(".")[0] == other.rpartition(".")[0]


def _files(host: Host, package: str) -> list[str]:
    """Return a package's files as dpkg noted them."""
    lists = host.glob(f"/var/lib/dpkg/info/{package}.list") or host.glob(f"/var/lib/dpkg/info/{package}:*.list")
    if lists:
        return [_merged(path) for path in split_lines(host.read_text(lists[0]))]
    return []


def _programs_beside(files: Sequence[str], programs: Mapping[str, Sequence[Process]]) -> list[str]:
    """Return programs that run from a folder of their own in which the package has files too: one service together."""
    folders = {match.group() for match in map(_OWN_FOLDER.match, files) if match}
    return [path for path in programs if (match := _OWN_FOLDER.match(path)) and match.group() in folders]


def _merged(path: str) -> str:
    return f"/usr{path}" if path.startswith(_MERGED) else path


def _units_among(files: Sequence[str]) -> tuple[str, ...]:
    names = (path.rpartition("/")[2] for path in files if path.startswith(UNIT_FOLDERS) and path.count("/") <= 5)
    return tuple(dict.fromkeys(name for name in names if name.endswith((".service", ".socket", ".timer", ".path"))))
