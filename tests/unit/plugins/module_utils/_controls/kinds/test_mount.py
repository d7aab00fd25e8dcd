# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options: the kernel's table against fstab."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

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
        ("/dev/x /tmp ext4 defaults,nosuid 0 0\n", ("defaults", "nosuid")),
        ("/dev/x /tmp/ ext4 nosuid,\n", ("nosuid",)),
        ("/dev/x /tmp ext4\n", ()),
        ("/dev/x /tmp\\040x ext4 a\n", None),
    ],
)
def test_fstab(text: str, options: tuple[str, ...] | None) -> None:
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
        pytest.param("tmpfs\t//tmp/  tmpfs\n", "tmpfs\t//tmp/  tmpfs\tdefaults,nosuid,nodev\n", id="three fields"),
        pytest.param("/x /tmp ext4 nosuid,suid # 0\n", "/x /tmp ext4 nosuid,nodev # 0\n", id="the last one counts"),
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


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tmpfs /tmp tmpfs\ntmpfs /tmp/ tmpfs\n", "line 1 cannot be used, /tmp is named more than once"),
        ("a /srv ext4\nb /srv ext4\n", "/srv is named more than once"),
        ("tmpfs\n", "line 1 cannot be used, its second field is no path"),
        ('\n# x\nLABEL="my data" /tmp ext4\n', "line 3 cannot be used, its second field is no path"),
        ("a /a/../tmp ext4\n", "its path goes back with .."),
        ("a /tmp ext4 nosuid, nodev 0 0\n", "its last fields are no numbers"),
        ("a /tmp\n", "it has no type of file system"),
    ],
)
def test_a_table_that_not_both_programs_read_is_an_error(text: str, words: str) -> None:
    seen = look(host("rw", text), "mount", TMP)
    assert seen.result == "error"
    assert words in seen.reason
    assert "password" not in look(host("rw", "a /tmp cifs password=x y\n"), "mount", TMP).reason


def test_a_line_that_mount_passes_over_concerns_its_own_path_alone() -> None:
    assert look(host("rw", "a /srv ext4 rw #x\na /tmp ext4 rw 0 0\n"), "mount", TMP).result == "fail"


def test_a_unit_of_the_administrator_counts_instead_of_fstab() -> None:
    made = host("rw,nosuid,nodev", FSTAB.format("nosuid,nodev"))
    made.add_file("/etc/systemd/system/tmp.mount", "[Mount]\nWhat=tmpfs\nOptions=mode=1777,nosuid\n")
    planned = plan(made, "mount", TMP)
    assert (planned.assessments[0].result, planned.groups) == ("fail", ())
    assert "/etc/systemd/system/tmp.mount mounts it" in planned.assessments[0].reason
    made.add_file("/etc/systemd/system/tmp.mount", "[Mount]\nOptions=nosuid,nodev\n")
    assert look(made, "mount", TMP).result == "pass"


GENERATOR = "/usr/lib/systemd/system-generators/systemd-fstab-generator"


@pytest.mark.skipif(not Path(GENERATOR).exists(), reason="this machine has no systemd")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "# none\n",
        "tmpfs /tmp/ tmpfs defaults 0 0\n",
        "tmpfs /tmp tmpfs\n",
        "tmpfs\t//tmp\ttmpfs\tsize=1g,suid",
        "\ttmpfs /tmp tmpfs nosuid,suid 0 0 more\n",
        "tmpfs /srv/a\\040b tmpfs dev 0 0\ntmpfs /tmp/. tmpfs noatime,,dev 0\n",
    ],
)
def test_the_generator_takes_what_was_written_and_its_unit_has_the_options(text: str, tmp_path: Path) -> None:
    written = with_options(text, POINT, ["nosuid", "nodev"])
    table, units = tmp_path / "fstab", [tmp_path / name for name in ("normal", "early", "late")]
    table.write_text(written, encoding="utf-8")
    for folder in units:
        folder.mkdir()
    environment = {**os.environ, "SYSTEMD_FSTAB": str(table)}
    assert subprocess.run([GENERATOR, *units], env=environment, check=False).returncode == 0
    lines = (units[0] / "tmp.mount").read_text(encoding="utf-8").splitlines()
    assert "Where=/tmp" in lines
    (options,) = [line.partition("=")[2].split(",") for line in lines if line.startswith("Options=")]
    assert set(options) >= {"nosuid", "nodev"}
    assert not set(options) & {"suid", "dev"}
