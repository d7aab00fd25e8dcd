# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Accounts that read by a group: its members, and those whose own group it is."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.readers import readers_by_group
from fake_host import FakeHost


def test_members_and_accounts_of_the_group() -> None:
    host = FakeHost()
    host.add_file("/etc/group", "siem:x:900:shipper\nempty:x:901:\n")
    host.add_file("/etc/passwd", "collector:x:900:900::/:/usr/sbin/nologin\nalice:x:1000:1000::/:/bin/sh\n")
    assert readers_by_group(host, {900, 901}) == "shipper (siem), collector (siem)"
    assert readers_by_group(host, {901}) == ""
