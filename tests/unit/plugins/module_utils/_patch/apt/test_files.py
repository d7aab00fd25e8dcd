# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Package files: which lie there already, and which are kept from where."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._patch.apt import files
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import PackageChange
from fake_host import FakeHost

LAB = PackageChange("lab", "all", "upgrade", "1:1.0", "1:1.1")


def test_a_file_is_named_as_apt_names_it() -> None:
    assert files.file_name("lab", "1:1.0~rc1-1", "all") == "lab_1%3a1.0~rc1-1_all.deb"


FOLDER = "/var/cache/healthops/packages/run"
NEW = posixpath.join(FOLDER, "lab_1%3a1.1_all.deb")
SHOWN = "Package: lab\nVersion: {version}\nFilename: pool/lab.deb\nSHA256: {digest}\n\n"


class ArchiveHost(FakeHost):
    """A host whose mirror offers versions with their digest; the digest of a file is its content."""

    def __init__(self, **offered: str) -> None:
        super().__init__()
        self.offered = offered
        self.downloads: dict[str, str] = {}

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        self.runs.append(tuple(argv))
        words = list(argv)
        if words[:2] == ["apt-cache", "show"]:
            shown = [SHOWN.format(version=f"1:{v.replace('_', '.')}", digest=d) for v, d in self.offered.items()]
            return CommandResult(tuple(argv), 0, "".join(shown), "")
        if words[0] == "sha256sum":
            return CommandResult(tuple(argv), 0, "".join(f"{self.text(path)}  {path}\n" for path in words[2:]), "")
        if words[0] in ("cp", "mv"):
            self.add_file(words[-1], self.nodes[words[-2]].content)
        for path, content in self.downloads.items():
            if "-d" in words or "download" in words:
                self.add_file(path, content)
        return CommandResult(tuple(argv), 0, "", "")


def test_a_file_with_another_checksum_than_the_lists_name_is_missing() -> None:
    host = ArchiveHost(**{"1_1": "good"})
    assert files.missing(host, FOLDER, [LAB]) == (NEW,)
    host.add_file(NEW, "bad")
    assert files.missing(host, FOLDER, [LAB]) == (NEW,)
    host.add_file(NEW, "good")
    assert files.missing(host, FOLDER, [LAB]) == ()


def test_a_version_that_the_lists_do_not_name_is_missing_whatever_lies_there() -> None:
    host = ArchiveHost()
    host.add_file(NEW, "good")
    assert files.missing(host, FOLDER, [LAB]) == (NEW,)


def test_a_file_that_the_lists_name_is_missing_where_the_plan_names_another() -> None:
    host, planned = ArchiveHost(**{"1_1": "newer"}), replace(LAB, checksum="sha256:planned")
    host.add_file(NEW, "newer")
    assert files.missing(host, FOLDER, [planned]) == (NEW,)
    host.add_file(NEW, "planned")
    assert files.missing(host, FOLDER, [planned]) == ()


def test_what_came_and_is_another_is_refused() -> None:
    host = ArchiveHost(**{"1_1": "good"})
    host.downloads[NEW] = "bad"
    with pytest.raises(ClinicalError, match="not what was planned"):
        files.fetch(host, FOLDER, [LAB], ["lab=1:1.1"])
    host.downloads[NEW] = "good"
    files.fetch(host, FOLDER, [LAB], ["lab=1:1.1"])
    assert host.text(NEW) == "good"


class MountedMirror(ArchiveHost):
    """A host whose mirror is mounted: apt leaves the files there, unless it is told to download them by name."""

    def run(
        self, argv: Sequence[str], timeout: float = 60.0, stdin: str = "", env: dict[str, str] | None = None
    ) -> CommandResult:
        if "-d" in argv:
            self.runs.append(tuple(argv))
            return CommandResult(tuple(argv), 0, "", "")
        return super().run(argv, timeout, stdin, env)


def test_out_of_a_mounted_mirror_the_files_are_copied() -> None:
    host = MountedMirror(**{"1_1": "good"})
    host.downloads[NEW] = "good"
    files.fetch(host, FOLDER, [LAB], ["lab=1:1.1"])
    assert host.text(NEW) == "good"


KEPT = "/var/lib/healthops/patch/kept"
OLD = "lab_1%3a1.0_all.deb"


@pytest.mark.parametrize(
    ("place", "how"), [(files.CACHE, "cache"), (KEPT, "mirror")], ids=["apt's cache", "kept by an earlier run"]
)
def test_an_earlier_version_is_kept_from_where_it_lies(place: str, how: str) -> None:
    host = ArchiveHost(**{"1_0": "old"})
    host.add_dir(KEPT)
    host.add_file(posixpath.join(place, OLD), "old")
    host.add_file(posixpath.join(place, f"{OLD}.how"), "mirror")
    (package,) = files.keep(host, KEPT, [LAB])
    assert (package.path, package.how, package.sha256) == (posixpath.join(KEPT, OLD), how, "old")
    assert host.text(f"{package.path}.how") == how


def test_an_earlier_version_that_only_the_mirror_has_is_downloaded() -> None:
    host = ArchiveHost(**{"1_0": "old"})
    host.add_dir(KEPT)
    host.downloads[posixpath.join(KEPT, OLD)] = "old"
    (package,) = files.keep(host, KEPT, [LAB])
    assert (package.how, package.version) == ("mirror", "1:1.0")
