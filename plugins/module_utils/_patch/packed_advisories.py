# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The advisories on their way from the control node to a host: one text, which no log of the host takes up.

Ansible writes the options of a module to the host's syslog. One with ``no_log`` it leaves out, and hides each of its
texts wherever the result has it: of a mapping these would be the very CVEs that the plan names.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping
from typing import Any


def pack(advisories: Mapping[str, Any]) -> str:
    """Return the advisories as the option of that name takes them."""
    text = json.dumps(advisories, separators=(",", ":"), sort_keys=True)
    return base64.b64encode(zlib.compress(text.encode())).decode()


def unpack(option: str) -> dict[str, Any]:
    """Return the advisories out of that option; none where it is empty."""
    if not option:
        return {}
    advisories: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(option)))
    return advisories
