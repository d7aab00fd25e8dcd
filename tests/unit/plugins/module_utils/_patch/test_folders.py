# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories for what a run needs."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._patch.folders import make_folders
from fake_host import FakeHost


def test_only_what_is_missing_is_made() -> None:
    host = FakeHost()
    host.add_dir("/var/cache", 0o755)
    make_folders(host, "/var/cache/healthops/packages", 0o700)
    made = ("/var/cache", "/var/cache/healthops", "/var/cache/healthops/packages")
    assert [host.nodes[path].mode for path in made] == [0o755, 0o700, 0o700]
    before = len(host.operations)
    make_folders(host, "/var/cache/healthops/packages", 0o755)
    assert len(host.operations) == before
