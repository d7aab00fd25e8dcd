# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An access control list, as the kernel of this machine takes it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._host import acl


def test_the_kernel_takes_it_and_the_mode_is_0640(tmp_path: Path) -> None:
    path = tmp_path / "cron.allow"
    path.write_text("root\n", encoding="utf-8")
    try:
        os.setxattr(path, acl.ATTRIBUTE, acl.read_by_group(101))
    except OSError as error:
        pytest.skip(f"this file system has no access control lists: {error}")
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.getxattr(path, acl.ATTRIBUTE) == acl.read_by_group(101)
