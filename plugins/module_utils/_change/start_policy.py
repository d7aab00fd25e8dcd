# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which services the scripts of packages may start, stop or restart, while a run changes packages.

On Debian they ask /usr/sbin/policy-rc.d. A run lays its own one there and lifts it again. Where it was cut before that,
what it left behind forbids nothing, and says what the site says.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from .._host.door import Host

POLICY = "/usr/sbin/policy-rc.d"
#: A policy of the site's own is put aside under this name, and is asked as well: what it forbids stays forbidden.
ASIDE = "/usr/sbin/policy-rc.d.healthops-aside"
FORBIDDEN = 101
#: How every policy of a run begins, so that it is never taken for the site's.
MARK = "# healthops.clinical: holds back "
#: The units that wait for their configuration, in the environment of the package manager and its children alone.
WAITING = "HEALTHOPS_WAITING_UNITS"
_POLICY = f"""#!/bin/sh
{MARK}services that a run configures before they start
said=0
[ ! -x {ASIDE} ] || {ASIDE} "$@" || said=$?
while [ "${{1#-}}" != "$1" ]; do shift; done
case " ${WAITING} " in
  *" ${{1:-none}} "* | *" ${{1:-none}}.service "*) exit {FORBIDDEN} ;;
esac
exit $said
"""


@contextlib.contextmanager
def waiting(host: Host, units: Sequence[str]) -> Iterator[dict[str, str]]:
    """Keep packages from starting these units; yield the environment that the package manager needs for it."""
    if units:
        lay(host, _POLICY)
    try:
        yield {WAITING: " ".join(units)} if units else {}
    finally:
        if is_left_behind(host):
            lift(host)


def is_left_behind(host: Host) -> bool:
    """Return whether a policy lies there that only a run lays in which units wait for their configuration."""
    return is_of_a_run(host) and WAITING.encode() in (host.read(POLICY) or b"")


def lay(host: Host, script: str) -> None:
    """Lay a policy that begins with the mark, and put one of the site's own aside."""
    if host.stat(POLICY) is not None and not is_of_a_run(host):
        _move(host, POLICY, ASIDE)
    host.write(POLICY, script.encode(), 0o755, 0, 0, {})


def lift(host: Host) -> None:
    """Take the policy of a run away, and put the site's own back in its place."""
    if host.stat(ASIDE) is not None:
        _move(host, ASIDE, POLICY)
        host.remove(ASIDE)
    elif is_of_a_run(host):
        host.remove(POLICY)


def is_of_a_run(host: Host) -> bool:
    """Return whether the policy that lies there is that of a run, at work or cut."""
    stat = host.stat(POLICY)
    return stat is not None and stat.kind == "file" and MARK.encode() in (host.read(POLICY) or b"")


def _move(host: Host, path: str, target: str) -> None:
    """Lay the site's own policy, which may be a link, under another name."""
    stat = host.stat(path)
    if stat is not None and stat.kind == "link":
        host.symlink(target, stat.target)
    elif stat is not None:
        host.write(target, host.read(path) or b"", stat.mode, stat.uid, stat.gid, {})
