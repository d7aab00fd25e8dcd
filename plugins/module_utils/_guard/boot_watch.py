# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The next boot after a change that was confirmed: what the host remembers of who got in, and what looks again then.

A fresh login shows that people get in now. What only a boot brings to light, such as a route that nobody announces any
more or a login service that does not start, comes later. The look itself is ``boot_look``, a program of its own.
"""

from __future__ import annotations

import json
import os
import posixpath
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from .._change import journal, run_store
from .._change.run_store import STATE
from .._change.steps import JournalEntry
from .._change.subjects.files import File
from .._change.subjects.units import has_systemd
from .._host import login as ssh_login
from .._host.boot import boot_id
from .._host.door import Host
from .._host.login import Connection, Login
from .._text.quoting import unit_command

FOLDER = posixpath.join(STATE, "boot-look")
PROGRAM = posixpath.join(FOLDER, "look.pyz")
RECORD = posixpath.join(FOLDER, "record")
NAME = "healthops-boot-look.service"
UNIT = f"/etc/systemd/system/{NAME}"
WANTS = "/etc/systemd/system/multi-user.target.wants"
LINK = f"{WANTS}/{NAME}"
#: What a run changes where it can cost the host its way through the network.
_NETWORK = ("kernel value net", "packet filter table", "tree /etc/nft", "tree /etc/net")
#: Of its dependencies it has none by default, and so starts also where the boot ends in emergency mode.
_UNIT_TEXT = """# Written by the Ansible collection healthops.clinical; it goes once people get in after a boot.
[Unit]
Description=Look whether people get in after a change
DefaultDependencies=no
RequiresMountsFor={folder}
After=sysinit.target basic.target network.target ssh.socket ssh.service sshd.socket sshd.service
Conflicts=shutdown.target
Before=shutdown.target
ConditionPathExists={program}

[Service]
Type=exec
ExecStart={command}
"""


@dataclass(frozen=True)
class BootWatch:
    """What is known of a change that no boot has followed yet.

    ``runs`` are those to take back, oldest first; ``boot_id`` is the boot of the confirmation and ``day`` its day,
    counted from 1970. ``client``, ``server`` and ``port`` are the ends of the login that confirmed, ``users`` the
    accounts that would have got in then; the first of them is ``admitted`` where PAM let it in. ``network`` is whether
    a run changed something of the network.
    """

    runs: tuple[str, ...]
    boot_id: str
    day: int
    client: str
    server: str
    port: int
    users: tuple[str, ...]
    admitted: bool
    network: bool

    @property
    def login(self) -> Login:
        """The login that confirmed, as it is asked for again."""
        return Login(started=0, connection=Connection(client=self.client, server=self.server, port=self.port))


def begin(host: Host, run_id: str, login: Login | None, break_glass_users: Sequence[str]) -> bool:
    """Have the next boot after this run looked at, and return whether it will be.

    Earlier runs that no boot has followed yet are looked at with it. Not so without systemd, without a login to compare
    with, or where nothing of these runs stands.
    """
    earlier = load(host)
    runs = standing(host, (*(earlier.runs if earlier else ()), run_id))
    if login is None or not runs or not has_systemd(host):
        clear(host)
        return False
    _lay_out(host, _observe(host, login, runs, break_glass_users))
    return True


def standing(host: Host, run_ids: Sequence[str]) -> tuple[str, ...]:
    """Return those runs that changed something and were not taken back since, oldest first."""
    named = [run for run in journal.runs(host) if run.run_id in run_ids and run.progress == "complete"]
    return tuple(run.run_id for run in named if not run.reverts and not run.reverted_by)


def _observe(host: Host, login: Login, runs: tuple[str, ...], break_glass_users: Sequence[str]) -> BootWatch:
    from . import ways_in  # only a run that was confirmed has to read it

    day = int(host.now()) // 86400
    names = tuple(dict.fromkeys([*ways_in.account_names(host), *break_glass_users]))
    users = tuple(name for name in names if not ways_in.account_troubles(host, (name,), login, day))
    changed = [journal.key(entry.step.subject) for entry in _entries(host, runs)]
    return BootWatch(
        runs=runs,
        boot_id=boot_id(host),
        day=day,
        client=login.connection.client,
        server=login.connection.server,
        port=login.connection.port,
        users=users,
        admitted=bool(users) and ways_in.is_admitted(host, users[0]),
        network=any(subject.startswith(_NETWORK) for subject in changed),
    )


def _entries(host: Host, runs: Sequence[str]) -> list[JournalEntry]:
    return [entry for run in journal.runs(host) if run.run_id in runs for entry in journal.load(host, run).entries]


def _lay_out(host: Host, watch: BootWatch) -> None:
    from . import archive

    for folder in (STATE, FOLDER):
        host.mkdir(folder, 0o700, 0, 0)
    host.write(RECORD, run_store.line(json.loads(json.dumps(asdict(watch)))), 0o600, 0, 0, {})
    host.write(PROGRAM, archive.pack("boot_look"), 0o600, 0, 0, {})
    if host.stat(WANTS) is None:
        host.mkdir(WANTS, 0o755, 0, 0)
    unit = _UNIT_TEXT.format(folder=FOLDER, program=PROGRAM, command=unit_command(command()))
    host.write(UNIT, unit.encode(), 0o644, 0, 0, {})
    host.symlink(LINK, UNIT)


def load(host: Host) -> BootWatch | None:
    """Return what is remembered, or None where no boot is awaited or it cannot be read."""
    content = host.read(RECORD)
    fields = None if content is None else run_store.unline(content.rstrip(b"\n"))
    if fields is None or run_store.misfit(BootWatch, fields):
        return None
    return BootWatch(**{**fields, "runs": tuple(fields["runs"]), "users": tuple(fields["users"])})


def is_due(host: Host, watch: BootWatch) -> bool:
    """Return True once the host has been started again."""
    return watch.boot_id != boot_id(host)


def settle(host: Host) -> None:
    """Forget the change where this very process lives in a login of a later boot: somebody got in."""
    watch = load(host)
    if watch is not None and is_due(host, watch) and ssh_login.own_login(host) is not None:
        clear(host)


def forget_reverted(host: Host) -> None:
    """Forget the change where nothing of it stands any more."""
    watch = load(host)
    if watch is not None and not standing(host, watch.runs):
        clear(host)


def clear(host: Host) -> None:
    """Look at no boot any more. Harmless where none is awaited."""
    if host.stat(FOLDER) is None:
        return
    for path in (LINK, UNIT, PROGRAM, RECORD):
        File(path).sweep(host)
        host.remove(path)
    host.remove(FOLDER)
    if has_systemd(host):
        host.run(["systemctl", "--no-ask-password", "daemon-reload"])  # so that systemd forgets it too


def command() -> tuple[str, ...]:
    """Return the command line of the look: isolated from the environment and from what is installed beside Python."""
    return (os.path.realpath(sys.executable), "-I", "-S", PROGRAM)
