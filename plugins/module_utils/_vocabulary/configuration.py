# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a configuration stands on a host: the keys of ``configurations`` in a result, and in evidence."""

from __future__ import annotations

from typing import Any

#: ``run_id`` names the host's run that configured it, ``configured`` says when; ``changed`` whether this run changed
#: anything, or would. ``drift`` is what others have changed since, ``restarts_due`` the units that run with older
#: files until they are drained, ``errors`` what could not be read or done.
KEYS = ("name", "run_id", "configured", "changed", "drift", "restarts_due", "errors")
#: One thing that is not as it was configured: ``set`` is what was wanted, and ``since`` when it was last changed.
DRIFT_KEYS = ("subject", "entry", "before", "set", "now", "since", "reason", "run_id")
#: What reads certificates, on the host and in the unit that looks at them every day.
OPENSSL = "/usr/bin/openssl"
SECONDS_A_DAY = 86400


def standing(name: str, **known: Any) -> dict[str, Any]:
    """Return how a configuration stands, with all keys; what is not ``known`` is empty."""
    empty: dict[str, Any] = {
        "name": name,
        "run_id": "",
        "configured": "",
        "changed": False,
        "drift": [],
        "restarts_due": [],
        "errors": [],
    }
    return {**empty, **known}
