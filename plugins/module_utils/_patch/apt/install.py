# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt at work: one transaction of exactly the set, with the restarts of services held back. Private.

It runs as a unit of its own, so that it ends in order when the connection, or the process that waits for it, is lost.
A package's scripts ask /usr/sbin/policy-rc.d before they start, stop or restart a service; ours says no as long as that
unit runs, and notes what was asked for and whether the site's own policy lets it. Where it is left behind it says what
the site says.
"""

from __future__ import annotations

import posixpath
from typing import List, Sequence, Tuple

from ..._change.subjects.units import has_systemd
from ..._errors import ClinicalError
from ..._host.door import CommandResult, Host
from ..manager import Asked, Kept
from ..model import INSTALL, REMOVE, Change
from ..unit import UNIT, as_unit
from .files import make

POLICY = "/usr/sbin/policy-rc.d"
#: A policy of the site's own is put aside under this name, and is asked as well: what it forbids stays forbidden.
ASIDE = "/usr/sbin/policy-rc.d.healthops-aside"
ASKED_FOR = "/run/healthops/patch-restarts"
MARKS = "/var/lib/apt/extended_states"
_MARK = "# healthops.clinical: holds back restarts while a patch run installs"
_FORBIDDEN = 101
_POLICY = f"""#!/bin/sh
{_MARK}
said=0
[ ! -x {ASIDE} ] || {ASIDE} "$@" || said=$?
systemctl is-active --quiet {UNIT} && [ -d /run/healthops ] || exit $said
while [ "${{1#-}}" != "$1" ]; do shift; done
printf '%s %s %s\\n' "$1" "$2" "$said" >> {ASKED_FOR}
exit {_FORBIDDEN}
"""
_ENVIRONMENT = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "healthops",
    "APT_LISTCHANGES_FRONTEND": "none",
    "APT_LISTBUGS_FRONTEND": "none",
    "UCF_FORCE_CONFFOLD": "1",
}
_APT = (
    *("apt-get", "-y", "-q"),
    *("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"),
    *("-o", "Dpkg::Use-Pty=0", "-o", "APT::Sandbox::User=root", "--no-download"),
    # The set names all that comes and goes; whatever the site has set, nothing else may.
    *("--no-install-recommends", "-o", "APT::Get::AutomaticRemove=false"),
)
_DPKG = ("dpkg", "--force-confdef", "--force-confold")


def install(
    host: Host, folder: str, words: Sequence[str], changes: Sequence[Change], log: str, wait: int
) -> CommandResult:
    """Out of ``folder`` alone: what does not lie there cannot come, and nothing goes that is not in the set."""
    gone = [f"{change.key}-" for change in changes if change.change == REMOVE]
    options = [*_lock(wait), *_nothing_goes(not gone), "--allow-downgrades", "-o", f"Dir::Cache::archives={folder}/"]
    return as_unit(host, [*_APT, *options, "install", *words, *gone], log, _ENVIRONMENT)


def _lock(wait: int) -> List[str]:
    return ["-o", f"DPkg::Lock::Timeout={wait}"]


def _nothing_goes(so: bool) -> List[str]:
    return ["-o", "APT::Get::Remove=false"] if so else []


def put_back(host: Host, changes: Sequence[Change], kept: Sequence[Kept], log: str, wait: int) -> CommandResult:
    """The kept files over what is installed; what the run brought goes again.

    apt takes a version that a mirror has as well from its archives, so these are where the kept files are.
    """
    gone = [f"{change.key}-" for change in changes if change.change == INSTALL]
    options = [*_lock(wait), *_nothing_goes(not gone), "--allow-downgrades", "--allow-change-held-packages"]
    for folder in sorted({posixpath.dirname(one.path) for one in kept}):
        make(host, folder)
        options += ["-o", f"Dir::Cache::archives={folder}/"]
    argv = [*_APT, *options, "install", *(one.path for one in kept), *gone]
    return as_unit(host, argv, log, _ENVIRONMENT)


def repair(host: Host, log: str) -> CommandResult:
    """What dpkg was cut in: first what it has unpacked, then what it waits for."""
    return as_unit(host, [*_DPKG, "--configure", "-a"], log, _ENVIRONMENT)


# --- restarts held back ---


def suspend(host: Host, again: bool) -> None:
    """From here on no script of a package starts, stops or restarts a service."""
    if not has_systemd(host):
        return
    host.mkdir("/run/healthops", 0o700, 0, 0)
    if not again:
        host.remove(ASKED_FOR)
    if host.stat(POLICY) is not None and not _ours(host):
        _move(host, POLICY, ASIDE)
    host.write(POLICY, _POLICY.encode(), 0o755, 0, 0, {})


def resume(host: Host) -> Tuple[Asked, ...]:
    """Take our policy away; everything that was asked for meanwhile, each once."""
    if host.stat(ASIDE) is not None:
        _move(host, ASIDE, POLICY)
        host.remove(ASIDE)
    elif _ours(host):
        host.remove(POLICY)
    lines = host.read_text(ASKED_FOR).splitlines()
    return tuple(dict.fromkeys(_asked(line) for line in lines if line.count(" ") == 2))


def _ours(host: Host) -> bool:
    found = host.stat(POLICY)
    return found is not None and found.kind == "file" and _MARK.encode() in (host.read(POLICY) or b"")


def _move(host: Host, path: str, other: str) -> None:
    """The site's own policy under the other name; it may be a link."""
    found = host.stat(path)
    if found is not None and found.kind == "link":
        host.symlink(other, found.target)
    elif found is not None:
        host.write(other, host.read(path) or b"", found.mode, found.uid, found.gid, {})


def _asked(line: str) -> Asked:
    name, action, said = line.split(" ")
    return Asked(name if "." in name else f"{name}.service", action, said == str(_FORBIDDEN))


# --- holds and marks ---


def set_hold(host: Host, names: Sequence[str], held: bool) -> None:
    if not names:
        return
    done = host.run(["apt-mark", "hold" if held else "unhold", *names], timeout=300.0)
    if done.rc != 0:
        raise ClinicalError("Holding" if held else "No longer holding", ", ".join(names), done.err_line)


def marks(host: Host) -> str:
    return host.read_text(MARKS)


def set_marks(host: Host, text: str, changes: Sequence[Change]) -> None:
    """apt notes a package for every architecture under the host's own."""
    brought = [change for change in changes if change.change == INSTALL]
    native = host.run(["dpkg", "--print-architecture"]).out.strip() if brought else ""
    for change in brought:
        arch = native if change.arch == "all" else change.arch
        text += f"Package: {change.name}\nArchitecture: {arch}\nAuto-Installed: 1\n\n"
    if marks(host) != text:
        host.write(MARKS, text.encode(), 0o644, 0, 0, {})
