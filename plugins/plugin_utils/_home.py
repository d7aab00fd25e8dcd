# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the collection keeps what it can make again on the control node. Private to the collection."""

from __future__ import annotations

from pathlib import Path

from ansible import constants  # type: ignore[import-untyped]


def own_folder() -> Path:
    """Below Ansible's own folder, which ``ANSIBLE_HOME`` names."""
    return Path(str(constants.config.get_config_value("ANSIBLE_HOME"))) / "healthops.clinical"
