# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection keeps what it can make again on the control node."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def own_folder(config: Any) -> Path:
    """Return a folder below Ansible's own, which ``ANSIBLE_HOME`` names; ``config`` is ``ansible.constants.config``."""
    return Path(str(config.get_config_value("ANSIBLE_HOME"))) / "healthops.clinical"
