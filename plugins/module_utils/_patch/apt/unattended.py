# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on a Debian would install or restart by itself during a patch run: unattended-upgrades and needrestart."""

from __future__ import annotations

import re

from ..._change.subjects.units import show
from ..._host.door import Host
from .read import config

TIMER = "apt-daily-upgrade.timer"
NEEDRESTART = ("/etc/needrestart/needrestart.conf", "/etc/needrestart/conf.d/*.conf")
_MODE = re.compile(r"""^\s*\$nrconf\{['"]?restart['"]?\}\s*=\s*['"](\w)['"]""", re.MULTILINE)
_OFF = ("", "0", "never", "always-off")


def unattended_updaters(host: Host) -> tuple[str, ...]:
    """Return a sentence for each setting by which packages are installed, or services restarted, unasked."""
    settings = config(host.run(["apt-config", "dump"]).out)
    return (*_unattended(host, settings.get("APT::Periodic::Unattended-Upgrade", "0"), settings), *_needrestart(host))


def _unattended(host: Host, often: str, settings: dict[str, str]) -> list[str]:
    if often in _OFF or host.which("unattended-upgrade") is None:
        return []
    timer = show(host, [TIMER]).get(TIMER)
    if timer is None or not (timer.running or timer.enabled == "enabled"):
        return []
    sentences = [f"unattended-upgrades installs by itself: {TIMER} is {timer.enabled or timer.active}"]
    if settings.get("Unattended-Upgrade::Automatic-Reboot", "false").lower() in ("true", "1", "yes"):
        when = settings.get("Unattended-Upgrade::Automatic-Reboot-Time", "now")
        sentences.append(f"unattended-upgrades restarts the host by itself, at {when}")
    return sentences


def _needrestart(host: Host) -> list[str]:
    """Return a sentence where needrestart restarts by itself; the last file that says something counts, as in Perl."""
    paths = [NEEDRESTART[0], *host.glob(NEEDRESTART[1])]
    modes = [(mode, path) for path in paths for mode in _MODE.findall(host.read_text(path))]
    if not modes or modes[-1][0] != "a" or host.which("needrestart") is None:
        return []
    return [f"needrestart restarts services by itself after every apt: restart is 'a' in {modes[-1][1]}"]
