# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of a control that the control node speaks as well. Private to the collection."""

from __future__ import annotations

from typing import Any

#: XCCDF's result words, and two of ours: waived and deferred.
RESULTS = ("pass", "fail", "fixed", "error", "notapplicable", "notchecked", "waived", "deferred")


#: How a look at a host ends.
OK = "ok"
DEVIATES = "deviates"
UNKNOWN = "unknown"
NOTAPPLICABLE = "notapplicable"


def word(value: Any) -> str:
    """A setting as the configuration file spells it; YAML's true and false become yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
