# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection keeps what only the account that runs Ansible shall write: caches, and notes of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def own_folder(config: Any) -> Path:
    """Return a folder below Ansible's own, which ``ANSIBLE_HOME`` names; ``config`` is ``ansible.constants.config``."""
    return Path(str(config.get_config_value("ANSIBLE_HOME"))) / "healthops.clinical"
