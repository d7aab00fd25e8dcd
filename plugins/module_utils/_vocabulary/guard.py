# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What became of a change that could have kept people out, as hosts, the control node and evidence say it."""

from __future__ import annotations

from typing import Any

#: What a host says of a guard.
NONE, ARMED, CONFIRMED, REVERTED = "none", "armed", "confirmed", "reverted"
#: What only the control node says: no guard was needed, it was switched off, or the host did not answer any more.
SKIPPED, OFF, UNKNOWN = "skipped", "off", "unknown"
STATES = (NONE, ARMED, CONFIRMED, REVERTED, SKIPPED, OFF, UNKNOWN)
#: Those after which a host is without its change, or may be.
LOST = (REVERTED, UNKNOWN)
#: The keys of the guard in a result; it always has all of them.
KEYS = ("state", "run_id", "within", "until", "seconds_left", "ended", "why", "survives_reboot")


def no_guard(survives_reboot: bool = True) -> dict[str, Any]:
    """Return the guard of a result whose run had none."""
    return {
        "state": NONE,
        "run_id": "",
        "within": 0,
        "until": "",
        "seconds_left": 0,
        "ended": "",
        "why": "",
        "survives_reboot": survives_reboot,
    }
