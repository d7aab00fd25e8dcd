# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is called. The controller names a run that it must find again, the host any other. Private."""

from __future__ import annotations

import secrets
import time


def new_run_id() -> str:
    """Run ids sort by the time at which they were made."""
    return time.strftime("%Y%m%dT%H%M%SZ-", time.gmtime()) + secrets.token_hex(2)
