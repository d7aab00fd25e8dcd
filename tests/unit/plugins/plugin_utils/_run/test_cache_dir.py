# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the control node keeps what it can make again."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.healthops.clinical.plugins.plugin_utils._run.cache_dir import own_folder


class Config:
    """Stands for ``ansible.constants.config``."""

    def get_config_value(self, name: str) -> str:
        return {"ANSIBLE_HOME": "/home/deploy/.ansible"}[name]


def test_it_lies_below_ansibles_own_folder() -> None:
    assert own_folder(Config()) == Path("/home/deploy/.ansible/healthops.clinical")
