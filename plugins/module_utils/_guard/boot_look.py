# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host that was started again after a confirmed change; a program of its own, started by systemd.

It takes the change back only where nobody gets in any more: for half an hour nobody has logged in over SSH, and every
way in that was open when the change was confirmed is shut, as far as the host itself can tell. A host that is well is
done within a minute; one whose people were changed, whose cable is out or whose SSH server somebody has switched off
is left as it is. A boot that ended in emergency mode, as over a line of fstab, goes on once that line is back.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .._change import lock, ssh_server
from .._change.subjects.units import show
from .._errors import ClinicalError
from .._host.door import Host
from .._host.real import RealHost
from . import boot_watch, reverter, ways_in
from .boot_watch import BootWatch

#: For how long nobody gets in before the change is held to be the cause, and how often that is looked at.
PATIENCE, PAUSE = 1800.0, 20.0
#: What systemd says of a unit that it starts at boot.
_STARTED = ("enabled", "enabled-runtime", "generated")
#: How many times in a row all has to be well: what starts may still go down again.
CALM = 3
#: How many pauses a host gets to let people in again once a run was taken back.
RECOVERY = 6
EMERGENCY = "emergency.target"


def trouble(host: Host, watch: BootWatch) -> str:
    """Return why nobody gets in any more, empty where somebody does or may."""
    try:
        shut = ways_in.server_trouble(host, watch.port)
        if not shut and watch.network:
            shut = ways_in.route_trouble(host, watch.client)
        return shut or _refusal(host, watch)
    except ClinicalError as error:
        return f"it could not be found out: {error}"


def _refusal(host: Host, watch: BootWatch) -> str:
    """Return why every account that would have got in is refused now, empty where one is not."""
    troubles = ways_in.account_troubles(host, watch.users, watch.login, watch.day) if watch.users else []
    if troubles:
        return "; ".join(troubles)
    if watch.admitted and not any(ways_in.is_admitted(host, user) for user in watch.users):
        return f"PAM lets none of {', '.join(watch.users)} in"
    return ""


def examine(host: Host) -> str:
    """Look until somebody gets in or the time is over, do what has to be done, and return in a sentence what it was."""
    watch = boot_watch.load(host)
    if watch is None or not boot_watch.is_due(host, watch):
        return "There is nothing to look at."
    if not _started_at_boot(host):
        return _done(host, "No SSH server is started on this host any more, so nobody is expected to get in.")
    reason = _wait(host, watch)
    if not reason:
        return _done(host, "People get in.")
    return _take_back(host, watch, reason)


def _wait(host: Host, watch: BootWatch) -> str:
    """Return why nobody got in until the time was over; empty as soon as somebody did, or all was well for a while."""
    end, calm, reason = host.monotonic() + PATIENCE, 0, ""
    while host.monotonic() < end:
        ssh_server.wake(host)
        if ways_in.is_somebody_in(host):
            return ""
        reason = trouble(host, watch)
        calm = 0 if reason else calm + 1
        if calm == CALM:
            return ""
        host.sleep(PAUSE)
    return reason


def _started_at_boot(host: Host) -> list[str]:
    """Return the units of the SSH server that are started at boot; none where somebody has switched it off."""
    units = show(host, ssh_server.UNITS)
    return [name for name, unit in units.items() if unit.enabled in _STARTED and not unit.masked]


def _take_back(host: Host, watch: BootWatch, reason: str) -> str:
    """Take one run back after the other, the newest first, until people get in."""
    why = f"after the next boot nobody got in for {PATIENCE / 60:.0f} minutes: {reason}"
    taken: list[str] = []
    for run_id in reversed(boot_watch.standing(host, watch.runs)):
        with lock.held(reverter.NAME, patience=reverter.PATIENCE):
            _take_back_one(host, run_id, why)
        taken.append(run_id)
        reason = _trouble_that_stays(host, watch)
        if not reason:
            break
    outcome = f"Taken back: {', '.join(taken) or 'nothing, no run stands any more'}."
    return _done(host, f"{outcome} And yet: {reason}." if reason else f"{outcome} People get in.")


def _take_back_one(host: Host, run_id: str, why: str) -> None:
    """Take a run back and start what the boot would start; in emergency mode the boot itself does, which goes on."""
    if not show(host, [EMERGENCY])[EMERGENCY].running:
        reverter.take_back_now(host, run_id, why, _started_at_boot(host))
        return
    reverter.take_back_now(host, run_id, why)
    for arguments in (["daemon-reload"], ["--no-block", "default"]):
        host.run(["systemctl", "--no-ask-password", *arguments])  # whether people get in then is asked anyway


def _trouble_that_stays(host: Host, watch: BootWatch) -> str:
    """Return why nobody gets in though the host had time to recover, empty as soon as somebody may."""
    reason = ""
    for _pause in range(RECOVERY):
        host.sleep(PAUSE)
        reason = trouble(host, watch)
        if not reason:
            break
    return reason


def _done(host: Host, outcome: str) -> str:
    boot_watch.clear(host)
    return outcome


def main(_argv: Sequence[str]) -> int:
    """Look once at this host and return the exit code of the program."""
    try:
        sys.stdout.write(f"{examine(RealHost())}\n")
    except ClinicalError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
