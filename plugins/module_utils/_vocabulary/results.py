# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the check of a control ends, in the words that hosts and the control node share."""

from __future__ import annotations

from typing import Any

PASS = "pass"
FAIL = "fail"
FIXED = "fixed"
ERROR = "error"
NOTCHECKED = "notchecked"
WAIVED = "waived"
DEFERRED = "deferred"

#: One of the three verdicts about a control: as it runs, as it is on disk, as it will be after a reboot.
OK = "ok"
DEVIATES = "deviates"
UNKNOWN = "unknown"
#: Both a verdict and a result.
NOTAPPLICABLE = "notapplicable"

#: XCCDF's result words, and two of ours: waived and deferred.
RESULTS = (PASS, FAIL, FIXED, ERROR, NOTAPPLICABLE, NOTCHECKED, WAIVED, DEFERRED)
#: The same words in the order in which a reader has to see them.
WORST_FIRST = (ERROR, FAIL, DEFERRED, WAIVED, FIXED, PASS, NOTCHECKED, NOTAPPLICABLE)
VERDICT_STATES = (OK, DEVIATES, UNKNOWN, NOTAPPLICABLE)
#: What a verdict is about, in the order in which a report shows them.
VERDICTS = ("running", "on_disk", "survives_reboot")


def setting_text(value: Any) -> str:
    """Return a setting as the configuration file spells it; YAML's true and false become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
