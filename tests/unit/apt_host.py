# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose apt says what a real one said."""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost, fixture

ANSWERS = {
    ("dpkg-query", "-W"): "patch_dpkg_query",
    ("apt-get", "-s"): "apt_simulate",
    ("apt-get", "indextargets"): "apt_indextargets",
    ("apt-cache", "policy"): "apt_policy",
    ("apt-cache", "show"): "apt_show",
}


class AptHost(FakeHost):
    """A host whose apt says what a real one said; ``says`` has other answers."""

    def __init__(self, system: str = "debian-12") -> None:
        super().__init__(system)
        self.programs |= {"apt-cache"}
        self.asked: list[tuple[tuple[str, ...], str]] = []
        self.says: dict[tuple[str, str], CommandResult] = {}
        self.add_file("/etc/os-release", fixture("os_release", system))
        content = fixture("apt_inrelease", system)
        for part in content.split("== ")[1:]:
            path, _newline, text = part.partition("\n")
            self.add_file(path, text)

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        self.runs.append(tuple(argv))
        self.asked.append((tuple(argv), stdin))
        key = (argv[0], argv[1])
        return self.says.get(key) or CommandResult(tuple(argv), 0, fixture(ANSWERS[key], self.system), "")
