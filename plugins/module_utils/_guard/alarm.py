# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes off on the host itself when nobody confirms: after some seconds, and at the next boot.

It needs neither the controller nor the network: a timer of systemd and a unit for the next boot, or a process of its
own where systemd does not run. Both start the reverter, which asks the guard whether there is anything to do.
"""

from __future__ import annotations

import os
import posixpath
import sys

from .._change.run_store import STATE
from .._change.subjects.files import File
from .._change.subjects.units import has_systemd
from .._errors import ClinicalError
from .._host.door import Host
from .._text.quoting import unit_command

FOLDER = posixpath.join(STATE, "guard")
REVERTER = posixpath.join(FOLDER, "revert.pyz")
#: Given up before anything is restored, so that a disk that ran full has room for it.
BALLAST = posixpath.join(FOLDER, "ballast")
BALLAST_SIZE = 1024 * 1024
NAME = "healthops-guard"
TIMER, SERVICE = f"{NAME}.timer", f"{NAME}.service"
WANTS = "/etc/systemd/system/sysinit.target.wants"
BOOT_UNIT = f"/etc/systemd/system/{NAME}-boot.service"
BOOT_LINK = f"{WANTS}/{NAME}-boot.service"
#: How long after an attempt that failed the next one is made.
AGAIN_AFTER = 60
#: Before anything reads the settings that it restores: kernel values, network, firewall, daemons.
_BOOT = """# Written by the Ansible collection healthops.clinical; it goes when the change is confirmed or taken back.
[Unit]
Description=Take back a change that nobody confirmed
DefaultDependencies=no
RequiresMountsFor={state} /etc
After=local-fs.target systemd-remount-fs.service
Before=sysinit.target systemd-sysctl.service network-pre.target shutdown.target
Conflicts=shutdown.target
ConditionPathExists={reverter}

[Service]
Type=oneshot
ExecStart={command} --boot
TimeoutStartSec=300
"""


def survives_reboot(host: Host) -> bool:
    """Return True where the alarm goes off after a reboot too."""
    return has_systemd(host)


def is_prepared(host: Host) -> bool:
    """Return True where the reverter lies on the disk."""
    return host.stat(REVERTER) is not None


def prepare(host: Host) -> None:
    """Lay out the reverter and what starts it at the next boot; raises ClinicalError where it cannot start."""
    from . import archive  # only a run that arms has to read it

    for folder in (STATE, FOLDER):
        host.mkdir(folder, 0o700, 0, 0)
    host.write(BALLAST, bytes(BALLAST_SIZE), 0o600, 0, 0, {})
    host.write(REVERTER, archive.pack(), 0o600, 0, 0, {})
    done = host.run([*command(), "--ready"])
    if done.rc != 0:
        raise ClinicalError("Trying the reverter of", FOLDER, done.err_line, f"Can {command()[0]} run there?")
    if has_systemd(host):
        if host.stat(WANTS) is None:
            host.mkdir(WANTS, 0o755, 0, 0)
        unit = _BOOT.format(state=STATE, reverter=REVERTER, command=unit_command(command()))
        host.write(BOOT_UNIT, unit.encode(), 0o644, 0, 0, {})
        host.symlink(BOOT_LINK, BOOT_UNIT)


def set_off_in(host: Host, seconds: int) -> None:
    """Start the reverter after so many seconds of the monotonic clock, and again until it has come to an end."""
    if not has_systemd(host):
        host.spawn([*command(), "--wait"])
        return
    timer = [f"--on-active={seconds}s", f"--timer-property=OnUnitInactiveSec={AGAIN_AFTER}s"]
    unit = ["--quiet", f"--unit={NAME}", "--description=Take back a change unless it is confirmed"]
    # Early in the boot it would else wait for the very target that waits for the reverter.
    early = "--timer-property=DefaultDependencies=no"
    options = ["--timer-property=AccuracySec=1s", early, "--property=Type=oneshot"]
    done = host.run(["systemd-run", *unit, *timer, *options, *command()])
    if done.rc != 0:
        raise ClinicalError("Arming the timer", TIMER, done.err_line, f"See: systemctl status {NAME}.timer")


def clear(host: Host) -> None:
    """Leave nothing armed. Harmless where nothing is, and where it was begun before."""
    if has_systemd(host):
        host.run(["systemctl", "--no-ask-password", "stop", TIMER])  # not there any more is as good
        host.run(["systemctl", "--no-ask-password", "reset-failed", SERVICE])
    known = host.stat(BOOT_UNIT) is not None
    for path in (BOOT_LINK, BOOT_UNIT, BALLAST, REVERTER):
        File(path).sweep(host)
        host.remove(path)
    if known and has_systemd(host):  # or it stays in systemd's memory until the next one
        host.run(["systemctl", "--no-ask-password", "daemon-reload"])
    for folder in (FOLDER, WANTS):
        if not host.listdir(folder):
            host.remove(folder)


def command() -> tuple[str, ...]:
    """Return the reverter's command line: isolated from the environment and from what is installed beside Python."""
    return (os.path.realpath(sys.executable), "-I", "-S", REVERTER)
