# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether there is room."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import space
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange, Space
from fake_host import FakeHost
from mutations import mutations, refusals


def test_whatever_df_says_there_is_an_answer_or_a_reason() -> None:
    rows = "Avail Mounted on\n1000 /\n500 /var\n1000 /\n"
    argv = ("df", "--block-size=1", "--output=avail,target", "--", "/", "/var", "/boot")

    def ask(text: str) -> None:
        host = FakeHost()
        host.programs.add("df")
        host.answers[argv] = CommandResult(argv, 0, text, "")
        assert len(space.space(host, [])) == 3

    errors = refusals(ask, (*mutations(rows), rows.replace("500", "-")))
    assert {error.doing for error in errors} == {"Asking for the free space of"}


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
