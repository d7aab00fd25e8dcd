# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of the SSH server, and how its settings become live: that follows how it was started.

A server that listens by itself reads them when it is reloaded. Where systemd holds its socket (ssh.socket) a reload
ends it: it would bind the port anew, which systemd has. It is restarted there: the socket stays, and so do the logins.
One that systemd starts for each connection (ssh@.service) reads them each time, and nothing has to happen.
"""

from __future__ import annotations

from .._host.door import Host
from .subjects.units import show, systemctl

#: Debian's name, then that of Enterprise Linux.
SERVICES = ("ssh.service", "sshd.service")
SOCKETS = ("ssh.socket", "sshd.socket")
UNITS = (*SOCKETS, *SERVICES)


def live_verb(host: Host, verb: str, unit: str) -> str:
    """Return the verb of systemctl by which the settings of a running unit become live, where ``verb`` is wanted.

    >>> live_verb(host, "reload", "ssh.service")  # where ssh.socket is active
    'restart'
    """
    if unit not in SERVICES or "reload" not in verb:
        return verb
    if any(socket.running for socket in show(host, SOCKETS).values()):
        return "restart"
    return verb


def wake(host: Host) -> None:
    """Start a server that systemd would start with the first connection; the socket stays with systemd.

    One that is started for each connection (Accept=yes) is left: its service would take the socket away.
    """
    units = show(host, UNITS)
    for socket, service in zip(SOCKETS, SERVICES):
        if socket not in units or not units[socket].running:
            continue
        sleeps = units[service].exists and not units[service].running
        if sleeps and host.run(["systemctl", "show", "--property=Accept", "--value", socket]).out.strip() == "no":
            host.run(["systemctl", "--no-ask-password", "start", service])  # whether it runs is asked elsewhere


def make_room(host: Host, unit: str) -> None:
    """Stop a server that listens by itself before the socket that held its port is started; logins stay."""
    if unit not in SOCKETS:
        return
    for name, service in show(host, SERVICES).items():
        if service.running:
            systemctl(host, "stop", name)
