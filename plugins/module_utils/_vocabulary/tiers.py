# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far a host is hardened, how much a deviation matters, and what enforcing a control can interrupt."""

from __future__ import annotations

#: Each tier contains those before it.
TIERS = ("essential", "standard", "strict")
#: Of a control, from the least to the most severe. Updates have words of their own, in ``patch``.
SEVERITIES = ("low", "medium", "high", "critical")
MOST_SEVERE_FIRST = SEVERITIES[::-1]
HAZARDS = ("none", "lockout", "restart", "reboot", "app_break", "availability")
