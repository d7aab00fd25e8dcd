# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host can tell by itself of the ways into it: the network, sshd, the accounts, PAM.

It cannot see itself from outside: a packet filter that drops what comes from elsewhere is not noticed here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .._errors import ClinicalError
from .._host import login as ssh_login
from .._host import sockets
from .._host.door import Host
from .._host.login import Login
from .._host.processes import processes
from . import break_glass

NET = "/sys/class/net"
#: sshd says so where systemd makes that folder with the first connection and none has come yet: it tells nothing.
_ASLEEP = "Missing privilege separation directory"
#: How a session of sshd shows itself once somebody is in: sshd: alice@pts/0, sshd-session: alice@notty.
_SESSION = re.compile(r"sshd(?:-session)?: [^\s@]+@")


def account_names(host: Host) -> list[str]:
    """Return the accounts that logged in to have this process run; root where nobody else did."""
    return sorted(host.owner_name(uid) for uid in ssh_login.people_above(host)) or ["root"]


def account_troubles(host: Host, users: Sequence[str], login: Login, day: int) -> list[str]:
    """Return what keeps these accounts out, none where one of them would get in.

    They are asked as of ``day``: what has run out since is nobody's change. None too where sshd cannot be asked yet.
    """
    troubles = [break_glass.problems(host, (name,), login, day) for name in users]
    asleep = any(_ASLEEP in trouble for of_account in troubles for trouble in of_account)
    if all(troubles) and not asleep:
        return [trouble for of_account in troubles for trouble in of_account]
    return []


def is_admitted(host: Host, user: str) -> bool:
    """Return whether PAM lets an account in, as sshd asks it once a key or password was right."""
    unit = ["systemd-run", "--quiet", "--wait", "--collect", f"--uid={user}", "--property=PAMName=sshd"]
    return host.run([*unit, "/bin/true"]).rc == 0


def server_trouble(host: Host, port: int) -> str:
    """Return why nobody can reach sshd on this host, empty where it listens."""
    places = [listener for listener in sockets.listeners(host) if listener.protocol == "tcp" and listener.port == port]
    if places:
        return ""
    return f"nothing listens on tcp {port}"


def route_trouble(host: Host, client: str) -> str:
    """Return why no answer gets to the client, empty where there is a route, or no cable that one could go by."""
    if not client or host.which("ip") is None or not _has_carrier(host):
        return ""
    done = host.run(["ip", "route", "get", client.partition("%")[0]])
    if done.rc == 0:
        return ""
    return f"there is no route to {client}: {done.err_line}"


def _has_carrier(host: Host) -> bool:
    cards = [name for name in host.listdir(NET) if name != "lo"]
    return any(_read(host, f"{NET}/{name}/carrier").strip() == "1" for name in cards)


def _read(host: Host, path: str) -> str:
    try:
        return host.read_text(path)
    except ClinicalError:  # a card that is off does not say
        return ""


def is_somebody_in(host: Host) -> bool:
    """Return whether a login over SSH is there now."""
    return any(_SESSION.match(process.text("cmdline")) for process in processes(host))
