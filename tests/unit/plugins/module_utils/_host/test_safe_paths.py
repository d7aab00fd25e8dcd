# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to a place that is to be changed: nobody can exchange a step of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.safe_paths import open_parent

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root's links are followed")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder below which every step is trusted, even if the way to pytest's own holds links."""
    return Path(os.path.realpath(tmp_path))


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def reached(path: Path) -> tuple[int, str]:
    """Return the inode of the folder that was opened, and the last name."""
    with open_parent(str(path)) as (parent, name):
        return os.fstat(parent).st_ino, name


def test_the_folder_is_opened_and_the_last_name_given_also_where_nothing_is_yet(folder: Path) -> None:
    (folder / "a" / "b").mkdir(parents=True)
    before = open_descriptors()
    assert reached(folder / "a" / "b" / "new") == ((folder / "a" / "b").stat().st_ino, "new")
    assert open_descriptors() == before


@pytest.mark.parametrize("path", ["relative", "/", "", "/tmp/../etc/x", "/tmp//x", "/tmp/x/"])
def test_only_plain_absolute_paths(path: str) -> None:
    with pytest.raises(ClinicalError, match="it is not a plain absolute path"), open_parent(path):
        pass


def test_a_step_that_is_not_there_or_no_folder_is_an_error_and_leaves_no_descriptor_open(folder: Path) -> None:
    (folder / "file").write_text("x")
    before = open_descriptors()
    for path, error in ((folder / "no" / "x", FileNotFoundError), (folder / "file" / "x", NotADirectoryError)):
        with pytest.raises(error), open_parent(str(path)):
            pass
    assert open_descriptors() == before


@as_root
@pytest.mark.parametrize("target", ["real", "absolute", "chain"])
def test_a_link_of_roots_is_followed(folder: Path, target: str) -> None:
    (folder / "real" / "below").mkdir(parents=True)
    (folder / "chain").symlink_to("real")
    (folder / "way").symlink_to(folder / "real" if target == "absolute" else target)
    assert reached(folder / "way" / "below" / "x") == ((folder / "real" / "below").stat().st_ino, "x")


@as_root
@pytest.mark.parametrize("trap", ["shared folder", "user's link"])
def test_a_link_that_somebody_else_could_move_is_not(folder: Path, trap: str) -> None:
    (folder / "victim").mkdir()
    (folder / "shared").mkdir()
    link = folder / "shared" / "way"
    link.symlink_to(folder / "victim")
    if trap == "shared folder":
        (folder / "shared").chmod(0o1777)
    else:
        os.lchown(link, NOBODY, NOBODY)
    with pytest.raises(ClinicalError, match=rf"{link}: it is a link that somebody else than root could move"):
        reached(link / "x")


@as_root
def test_links_that_lead_in_a_circle_end(folder: Path) -> None:
    (folder / "a").symlink_to("b")
    (folder / "b").symlink_to("a")
    with pytest.raises(ClinicalError, match="could move"):
        reached(folder / "a" / "x")


def test_the_last_name_may_be_a_link_which_is_not_followed(folder: Path) -> None:
    (folder / "link").symlink_to("/etc")
    assert reached(folder / "link") == (folder.stat().st_ino, "link")
