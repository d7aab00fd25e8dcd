# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listened before a run and after it: the keys of ``availability`` in a result, in evidence and on hosts."""

from __future__ import annotations

from typing import Any

#: ``compared`` is false where nothing was changed, so that nobody looked; ``before`` is a number,
#: the rest are lists of texts.
KEYS = ("compared", "before", "lost", "appeared", "unreachable", "consented", "ended")


def not_compared() -> dict[str, Any]:
    """Return the availability of a result where nothing was compared."""
    lists: dict[str, Any] = {key: [] for key in KEYS[2:]}
    return {"compared": False, "before": 0, **lists}
