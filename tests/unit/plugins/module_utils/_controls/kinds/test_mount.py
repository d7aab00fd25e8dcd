# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options: the kernel's table against fstab."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.mounts import MountPoint
from ansible_collections.healthops.clinical.plugins.module_utils._controls.kinds.mount import (
    fstab_options,
    with_options,
)
from ansible_collections.healthops.clinical.plugins.module_utils._controls.registry import KINDS
from fake_host import FakeHost, FakeMount
from look import look, plan, states, subjects

TMP = {"path": "/tmp", "options": ["nosuid", "nodev"]}
POINT = MountPoint("/tmp", "tmpfs", "tmpfs", ("rw", "relatime", "size=1g"))


def host(running: str, fstab: str = "", fstype: str = "ext4") -> FakeHost:
    made = FakeHost()
    made.mounts.append(FakeMount("/dev/vda2", "/tmp", fstype, running.split(",")))
    made.add_file("/etc/fstab", fstab)
    return made


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("", None),
        ("# /dev/x /tmp ext4 nosuid 0 0\n", None),
        ("/dev/x /tmp ext4 defaults,nosuid 0 0\n", ["defaults", "nosuid"]),
        ("/dev/x /tmp\n", None),
        ("/dev/x /tmp ext4 a\n/dev/y /tmp ext4 b\n", ["b"]),
        ("/dev/x /tmp\\040x ext4 a\n", None),
    ],
)
def test_fstab(text: str, options: list[str] | None) -> None:
    assert fstab_options(text, "/tmp") == options


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "/dev/x\t/tmp  ext4  defaults 0 2\n", "/dev/x\t/tmp  ext4  defaults,nosuid,nodev 0 2\n", id="added"
        ),
        pytest.param(
            "/dev/x /tmp ext4 suid,nodev,noatime\n", "/dev/x /tmp ext4 nodev,noatime,nosuid\n", id="opposite goes"
        ),
        pytest.param("# a\n", "# a\ntmpfs\t/tmp\ttmpfs\tdefaults,size=1g,nosuid,nodev\t0\t0\n", id="a new line"),
        pytest.param(
            "/a /b c d", "/a /b c d\ntmpfs\t/tmp\ttmpfs\tdefaults,size=1g,nosuid,nodev\t0\t0\n", id="no newline"
        ),
    ],
)
def test_writing_fstab_touches_one_line(old: str, new: str) -> None:
    assert with_options(old, POINT, ["nosuid", "nodev"]) == new


FSTAB = "/dev/vda2 /tmp ext4 {} 0 2\n"


@pytest.mark.parametrize(
    ("made", "wanted", "touched"),
    [
        pytest.param(host("rw,nosuid,nodev", FSTAB.format("nosuid,nodev")), ("ok", "ok", "ok"), [], id="all"),
        pytest.param(
            host("rw,nosuid", FSTAB.format("nosuid,nodev")),
            ("deviates", "ok", "ok"),
            ["options of mount /tmp"],
            id="written, not remounted",
        ),
        pytest.param(
            host("rw,nosuid,nodev", FSTAB.format("defaults")),
            ("ok", "deviates", "deviates"),
            ["file /etc/fstab"],
            id="remounted, not written",
        ),
        pytest.param(host("rw"), ("deviates", "deviates", "deviates"), [], id="mounted from elsewhere"),
        pytest.param(
            host("rw", fstype="tmpfs"),
            ("deviates", "deviates", "deviates"),
            ["file /etc/fstab", "options of mount /tmp"],
            id="a tmpfs that fstab does not know",
        ),
    ],
)
def test_verdicts(made: FakeHost, wanted: tuple[str, str, str], touched: list[str]) -> None:
    planned = plan(made, "mount", TMP)
    (seen,) = planned.assessments
    assert states(seen) == wanted
    assert subjects(planned.groups) == touched
    assert bool(seen.reason) == (seen.result == "fail" and not touched)


def test_no_file_system_of_its_own_and_one_of_the_engine() -> None:
    assert look(FakeHost(), "mount", TMP).reason == "it is not a file system of its own"
    made = host("rw")
    made.in_container()
    assert look(made, "mount", TMP).reason == "the container engine made this mount"


def test_that_a_folder_has_no_file_system_of_its_own_is_only_told() -> None:
    own = {"path": "/tmp", "separate": True}
    assert look(host("rw"), "mount", own).result == "pass"
    planned = plan(FakeHost(), "mount", own)
    assert (planned.assessments[0].result, planned.groups) == ("fail", ())
    assert "copy what is in it in a maintenance window" in planned.assessments[0].reason
    made = FakeHost()
    made.in_container()
    assert look(made, "mount", own).result == "notapplicable"


@pytest.mark.parametrize("settings", [{"path": "/tmp"}, {**TMP, "separate": True}])
def test_either_options_or_separate(settings: dict[str, object]) -> None:
    assert KINDS["mount"].validate(settings) == ["settings holds either options or separate: true"]
