# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import space
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange, Space
from fake_host import FakeHost


def test_paths_on_one_disk_need_what_all_of_them_need() -> None:
    host = FakeHost()
    host.programs.add("df")
    rows = "Avail Mounted on\n1000 /\n500 /var\n1000 /\n"
    host.answers[("df", "--block-size=1", "--output=avail,target", "--", "/", "/var", "/boot")] = CommandResult(
        (), 0, rows, ""
    )
    kernel = PackageChange(
        "linux-image-6.1.0-41-amd64", "amd64", "install", "", "6.1", download_bytes=10, installed_bytes=20
    )
    root, var, boot = space.space(host, [kernel])
    assert root.needed_bytes == boot.needed_bytes == 20 + space.RESERVE["/"] + space.KERNEL
    assert (var.needed_bytes, var.enough) == (20 + space.RESERVE["/var"], False)
    assert space.lacking([Space("/boot", 1 << 20, 96 << 20)]) == ("/boot has 1 MiB free and needs 96 MiB",)
