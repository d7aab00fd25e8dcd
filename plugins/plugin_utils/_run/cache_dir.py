# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection keeps what it can make again on the control node. Private to the collection."""

from __future__ import annotations

import typing as t
from pathlib import Path


def own_folder(config: t.Any) -> Path:
    """Below Ansible's own folder, which ``ANSIBLE_HOME`` names; ``config`` is ``ansible.constants.config``."""
    return Path(str(config.get_config_value("ANSIBLE_HOME"))) / "healthops.clinical"
