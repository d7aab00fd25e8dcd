# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates: what was wanted of a host, what is known of it, how pressing a change is and why one is left out."""

from __future__ import annotations

#: What a play asks for, and a result says it came to.
STATES = ("planned", "staged", "applied", "rolled_back")
#: Whether a host needs updates.
UPDATES, NONE, UNKNOWN = "updates", "none", "unknown"
VERDICTS = (UPDATES, NONE, UNKNOWN)
#: From the most to the least pressing; ``kev`` is known to be exploited, ``unknown`` has a deadline of its own.
SEVERITIES = ("kev", "critical", "high", "medium", "low", UNKNOWN)
#: Why a package that could be changed is not part of the set.
LEFT_OUT = ("held", "phased", "excluded", "too_young", "not_allowed")
