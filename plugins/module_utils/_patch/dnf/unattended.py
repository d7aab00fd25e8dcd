# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What on an Enterprise Linux would install or restart by itself while a patch run is at work: dnf-automatic."""

from __future__ import annotations

from ..._change.subjects.units import Unit, show
from ..._host.door import Host
from ..._host.formats import Format, Reader

#: These install whatever the configuration says; dnf-automatic.timer does as that says (dnf-automatic(8)).
INSTALLING_TIMER = "dnf-automatic-install.timer"
CONFIGURED_TIMER = "dnf-automatic.timer"
CONFIGURATION = "/etc/dnf/automatic.conf"
_READER = Reader(r"(?P<key>[^=:\s]+)\s*[=:]\s*(?P<value>.*)$", comments="#;", sections=True)
_INI = Format((_READER,), "{key} = {value}")
#: How dnf spells a boolean that is true.
_TRUE = ("1", "yes", "true", "on")


def unattended_updaters(host: Host) -> tuple[str, ...]:
    """Return a sentence for each setting by which packages are installed, or the host restarted, unasked."""
    text = host.read_text(CONFIGURATION)
    units = show(host, [INSTALLING_TIMER, CONFIGURED_TIMER])
    timer = _installing_timer(units, (_INI.get(text, "apply_updates", "commands") or "no").lower() in _TRUE)
    if timer is None:
        return ()
    state = "enabled" if timer.enabled == "enabled" else timer.active
    sentences = [f"dnf-automatic installs by itself: {timer.name} is {state}"]
    when = _INI.get(text, "reboot", "commands") or "never"
    if when.lower() != "never":
        sentences.append(f"dnf-automatic restarts the host by itself, {when}")
    return tuple(sentences)


def _installing_timer(units: dict[str, Unit], configured: bool) -> Unit | None:
    """Return the timer that is on and leads to an installation, or None."""
    names = [INSTALLING_TIMER, *([CONFIGURED_TIMER] if configured else [])]
    timers = [units[name] for name in names if name in units]
    return next((timer for timer in timers if timer.running or timer.enabled == "enabled"), None)
