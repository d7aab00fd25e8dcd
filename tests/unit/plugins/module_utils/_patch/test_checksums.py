# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checksums of package files."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch import checksums
from ansible_collections.healthops.clinical.plugins.module_utils._patch.manager import KeptPackage
from fake_host import FakeHost

KEPT = KeptPackage("lab", "all", "1", "/kept/a  b.deb", "mirror", "aa")
ASKED = ("sha256sum", "--", KEPT.path, "/kept/gone.deb")


def test_a_file_that_cannot_be_read_has_none_and_a_name_may_have_blanks() -> None:
    host = FakeHost()
    host.programs.add("sha256sum")
    host.answers[ASKED] = CommandResult(ASKED, 1, f"aa  {KEPT.path}\n", "sha256sum: /kept/gone.deb: No such file\n")
    assert checksums.checksums(host, ASKED[2:]) == {KEPT.path: "aa"}
    missing = replace(KEPT, path="/kept/gone.deb")
    assert checksums.damaged(host, [KEPT, missing]) == ("/kept/gone.deb",)
    host.answers[ASKED] = CommandResult(ASKED, 0, f"bb  {KEPT.path}\naa  /kept/gone.deb\n", "")
    assert checksums.damaged(host, [KEPT, missing]) == (KEPT.path,)


def test_without_files_nothing_is_run() -> None:
    host = FakeHost()
    assert checksums.checksums(host, []) == {}
    assert host.runs == []
