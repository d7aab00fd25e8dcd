# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt at work: one transaction of exactly the set, with the restarts of services held back. Private.

It runs as a unit of its own, so that it ends in order when the connection, or the process that waits for it, is lost.
A package's scripts ask /usr/sbin/policy-rc.d before they start, stop or restart a service; ours says no as long as that
unit runs, and notes what was asked for. Where it is left behind it says yes to everything.
"""

from __future__ import annotations

from typing import Sequence, Tuple

from .._errors import ClinicalError
from .._host import Completed, Host
from .._subjects.units import has_systemd
from ._manager import Kept
from ._model import INSTALL, REMOVE, Change
from ._unit import UNIT, as_unit

POLICY = "/usr/sbin/policy-rc.d"
#: A policy of the site's own is put aside under this name, and is asked as well.
ASIDE = "/usr/sbin/policy-rc.d.healthops-aside"
ASKED_FOR = "/run/healthops/patch-restarts"
MARKS = "/var/lib/apt/extended_states"
_MARK = "# healthops.clinical: holds back restarts while a patch run installs"
_POLICY = f"""#!/bin/sh
{_MARK}
systemctl is-active --quiet {UNIT} || exit 0
[ -d /run/healthops ] || exit 0
printf '%s %s\\n' "$1" "$2" >> {ASKED_FOR}
exit 101
"""
#: Ours first, and then what the site says.
_POLICY_OVER = f"""#!/bin/sh
{_MARK}
if systemctl is-active --quiet {UNIT} && [ -d /run/healthops ]; then
  printf '%s %s\\n' "$1" "$2" >> {ASKED_FOR}
  exit 101
fi
exec {ASIDE} "$@"
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
)
_DPKG = ("dpkg", "--force-confdef", "--force-confold")


def install(host: Host, folder: str, words: Sequence[str], changes: Sequence[Change], log: str, wait: int) -> Completed:
    """Out of ``folder`` alone: what does not lie there cannot come, and nothing goes that is not in the set."""
    going = [change for change in changes if change.change == REMOVE]
    remove = [] if going else ["-o", "APT::Get::Remove=false"]
    gone = [f"{change.key}-" for change in going]
    lock = ["-o", f"DPkg::Lock::Timeout={wait}"]
    argv = [
        *_APT,
        *lock,
        "--allow-downgrades",
        *remove,
        "-o",
        f"Dir::Cache::archives={folder}/",
        "install",
        *words,
        *gone,
    ]
    return as_unit(host, argv, log, _ENVIRONMENT)


def put_back(host: Host, changes: Sequence[Change], kept: Sequence[Kept], log: str, wait: int) -> Completed:
    """The kept files over what is installed; what the run brought goes again."""
    paths = [one.path for one in kept]
    gone = [f"{change.key}-" for change in changes if change.change == INSTALL]
    remove = [] if gone else ["-o", "APT::Get::Remove=false"]
    lock = ["-o", f"DPkg::Lock::Timeout={wait}"]
    argv = [*_APT, *lock, "--allow-downgrades", "--allow-change-held-packages", *remove, "install", *paths, *gone]
    return as_unit(host, argv, log, _ENVIRONMENT)


def repair(host: Host, log: str) -> Completed:
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
    content = host.read(POLICY) if host.stat(POLICY) is not None else None
    theirs = content is not None and _MARK.encode() not in content
    if theirs and content is not None:
        host.write(ASIDE, content, 0o755, 0, 0, {})
    ours = _POLICY_OVER if host.stat(ASIDE) is not None else _POLICY
    host.write(POLICY, ours.encode(), 0o755, 0, 0, {})


def resume(host: Host) -> Tuple[Tuple[str, str], ...]:
    """Take our policy away; unit and action of everything that was asked for meanwhile, each once."""
    content = host.read(POLICY) if host.stat(POLICY) is not None else None
    if content is not None and _MARK.encode() in content:
        theirs = host.read(ASIDE)
        if theirs is not None:
            host.write(POLICY, theirs, 0o755, 0, 0, {})
            host.remove(ASIDE)
        else:
            host.remove(POLICY)
    lines = (host.read(ASKED_FOR) or b"").decode("utf-8", "replace").splitlines()
    return tuple(dict.fromkeys(_asked(line) for line in lines if " " in line))


def _asked(line: str) -> Tuple[str, str]:
    name, _blank, action = line.partition(" ")
    return (name if "." in name else f"{name}.service"), action


# --- holds and marks ---


def set_hold(host: Host, names: Sequence[str], held: bool) -> None:
    if not names:
        return
    done = host.run(["apt-mark", "hold" if held else "unhold", *names], timeout=300.0)
    if done.rc != 0:
        raise ClinicalError("Holding" if held else "No longer holding", ", ".join(names), done.err_line)


def marks(host: Host) -> str:
    return (host.read(MARKS) or b"").decode("utf-8", "replace")


def set_marks(host: Host, text: str, changes: Sequence[Change]) -> None:
    """apt notes a package for every architecture under the host's own."""
    brought = [change for change in changes if change.change == INSTALL]
    native = host.run(["dpkg", "--print-architecture"]).out.strip() if brought else ""
    for change in brought:
        arch = native if change.arch == "all" else change.arch
        text += f"Package: {change.name}\nArchitecture: {arch}\nAuto-Installed: 1\n\n"
    if marks(host) != text:
        host.write(MARKS, text.encode(), 0o644, 0, 0, {})
