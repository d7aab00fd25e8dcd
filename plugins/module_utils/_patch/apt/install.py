# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt at work: one transaction of exactly the set, with the restarts of services held back.

It runs as a unit of its own, so that it ends in order when the connection, or the process that waits for it, is lost.
A package's scripts ask /usr/sbin/policy-rc.d before they start, stop or restart a service; ours says no as long as that
unit runs, and notes what was asked for and whether the site's own policy lets it. Where it is left behind it says what
the site says.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from ..._change import start_policy
from ..._change.start_policy import ASIDE, FORBIDDEN, MARK
from ..._change.subjects.units import has_systemd
from ..._host.door import CommandResult, Host
from ..._text.lines import split_lines
from ..manager import KeptPackage, ServiceRequest
from ..model import INSTALL, REMOVE, PackageChange
from ..unit import UNIT, as_unit
from .files import make_archive

REQUESTS = "/run/healthops/patch-restarts"
_POLICY = f"""#!/bin/sh
{MARK}restarts while a patch run installs
said=0
[ ! -x {ASIDE} ] || {ASIDE} "$@" || said=$?
systemctl is-active --quiet {UNIT} && [ -d /run/healthops ] || exit $said
while [ "${{1#-}}" != "$1" ]; do shift; done
printf '%s %s %s\\n' "$1" "$2" "$said" >> {REQUESTS}
exit {FORBIDDEN}
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
    host: Host, folder: str, packages: Sequence[str], changes: Sequence[PackageChange], log: str, wait: int
) -> CommandResult:
    """Change exactly the set, out of ``folder`` alone: what does not lie there cannot come.

    ``packages`` names what comes as apt takes it. ``wait`` is how many seconds apt waits for a lock.
    """
    going = [f"{change.key}-" for change in changes if change.change == REMOVE]
    options = [*_options(wait, going), "-o", f"Dir::Cache::archives={folder}/"]
    return as_unit(host, [*_APT, *options, "install", *packages, *going], log, _ENVIRONMENT)


def _options(wait: int, going: Sequence[str]) -> list[str]:
    """Return the options for a wait in seconds; where no package goes, apt may remove none."""
    nothing_goes = [] if going else ["-o", "APT::Get::Remove=false"]
    return ["-o", f"DPkg::Lock::Timeout={wait}", *nothing_goes, "--allow-downgrades"]


def put_back(
    host: Host, changes: Sequence[PackageChange], packages: Sequence[KeptPackage], log: str, wait: int
) -> CommandResult:
    """Lay the kept files over what is installed; what the run brought goes again.

    apt takes a version that a mirror has as well from its archives, so these are where the kept files are.
    """
    going = [f"{change.key}-" for change in changes if change.change == INSTALL]
    options = [*_options(wait, going), "--allow-change-held-packages"]
    for folder in sorted({posixpath.dirname(package.path) for package in packages}):
        make_archive(host, folder)
        options += ["-o", f"Dir::Cache::archives={folder}/"]
    argv = [*_APT, *options, "install", *(package.path for package in packages), *going]
    return as_unit(host, argv, log, _ENVIRONMENT)


def repair(host: Host, log: str) -> CommandResult:
    """Finish what dpkg was cut in: first what it has unpacked, then what it waits for."""
    return as_unit(host, [*_DPKG, "--configure", "-a"], log, _ENVIRONMENT)


# --- restarts held back ---


def suspend(host: Host, again: bool) -> None:
    """Keep scripts of packages from starting, stopping or restarting services from here on.

    ``again`` keeps what was requested in the part of the run that was cut.
    """
    if not has_systemd(host):
        return
    host.mkdir("/run/healthops", 0o700, 0, 0)
    if not again:
        host.remove(REQUESTS)
    start_policy.lay(host, _POLICY)


def resume(host: Host) -> tuple[ServiceRequest, ...]:
    """Take our policy away; return everything that was requested meanwhile, each request once."""
    start_policy.lift(host)
    lines = split_lines(host.read_text(REQUESTS))
    return tuple(dict.fromkeys(_parse_request(line) for line in lines if line.count(" ") == 2))


def _parse_request(line: str) -> ServiceRequest:
    name, action, status = line.split(" ")
    unit = name if "." in name else f"{name}.service"
    return ServiceRequest(unit, action, refused=status == str(FORBIDDEN))
