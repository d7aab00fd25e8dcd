# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mount table, and the options that a remount changes."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.mounts import (
    MountOptions,
    mounted,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._text.quoting import from_mount_field
from fake_host import FakeHost, FakeMount, fixture

TMP = MountOptions("/tmp")


def host(options: str) -> FakeHost:
    made = FakeHost()
    made.mounts.append(FakeMount("/dev/vda2", "/tmp", "ext4", options.split(",")))
    return made


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_a_real_mount_table(system: str) -> None:
    made = FakeHost(system)
    made._virtual = lambda path: fixture("mounts", system) if path == "/proc/self/mounts" else None  # type: ignore[method-assign]
    points = mounted(made)
    assert points["/"].fstype == "overlay"
    assert {"nosuid", "nodev", "noexec"} <= set(points["/dev/shm"].options)
    assert points["/dev/null"].fstype == "devtmpfs"  # two on one place: the one on top


@pytest.mark.parametrize(
    ("word", "plain"), [("/mnt/a\\040b", "/mnt/a b"), ("/a\\011b", "/a\tb"), ("/a\\134b", "/a\\b")]
)
def test_blanks_are_octal(word: str, plain: str) -> None:
    assert from_mount_field(word) == plain


def test_hardening_options_are_set_and_lifted_and_the_others_left() -> None:
    made = host("rw,relatime,noexec")
    before = TMP.capture(made)
    assert before == {"options": ["noexec"]}
    TMP.put(made, {"options": ["nodev", "nosuid"]})
    assert made.runs == [("mount", "-o", "remount,nodev,nosuid,exec", "/tmp")]
    assert sorted(made.mounts[-1].options) == ["nodev", "nosuid", "relatime", "rw"]
    TMP.put(made, before)
    assert sorted(made.mounts[-1].options) == ["noexec", "relatime", "rw"]


@pytest.mark.parametrize("wanted", [["noexec"], None])
def test_nothing_is_remounted_without_need(wanted: list[str] | None) -> None:
    made = host("rw,noexec")
    TMP.put(made, {"options": wanted})
    MountOptions("/srv").put(made, {"options": ["nosuid"]})
    assert MountOptions("/srv").capture(made) == {"options": None}
    assert made.runs == []


def test_a_remount_that_fails_is_told() -> None:
    made = host("rw")
    argv = ("mount", "-o", "remount,noexec", "/tmp")
    made.answers[argv] = CommandResult(argv, 32, "", "mount: /tmp: mount point is busy.\n")
    with pytest.raises(ClinicalError, match="Remounting /tmp: mount: /tmp: mount point is busy"):
        TMP.put(made, {"options": ["noexec"]})
