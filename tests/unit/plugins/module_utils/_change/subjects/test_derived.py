# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a program makes is known by its path, and made anew by that program."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.derived import (
    MAKERS,
    belongs_to_nobody,
    make_anew,
    maker_of,
)
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost


@pytest.mark.parametrize(
    ("path", "program"),
    [
        ("/etc/ld.so.cache", ("ldconfig",)),
        ("/etc/ssl/certs/ca-certificates.crt", ("update-ca-certificates",)),
        ("/etc/ssl/certs/02265526.0", ("update-ca-certificates",)),
        ("/etc/udev/hwdb.bin", ("systemd-hwdb", "update")),
        ("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", ("update-ca-trust", "extract")),
        ("/boot/initrd.img-6.1.0-30-amd64", ("update-initramfs", "-u", "-k", "all")),
        ("/etc/alternatives/editor", ()),
        ("/etc/pam.d/common-auth", ()),
    ],
)
def test_a_derived_path_has_its_maker(path: str, program: tuple[str, ...]) -> None:
    maker = maker_of(path)
    assert maker is not None
    assert maker.argv == program


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "/etc/ld.so.conf", "/etc/ssl/certs/site.pem", "/etc/pam.d/sshd", "/srv/x"]
)
def test_what_people_write_has_none(path: str) -> None:
    assert maker_of(path) is None


@pytest.mark.parametrize("name", [".git", ".hg", ".bzr", ".svn", "_darcs", ".etckeeper"])
def test_version_control_below_etc_belongs_to_nobody(name: str) -> None:
    assert belongs_to_nobody(f"/etc/{name}")
    assert belongs_to_nobody(f"/etc/app/{name}/x")
    assert not belongs_to_nobody(f"/srv/{name}")
    assert not belongs_to_nobody("/etc/.gitignore")


def test_a_program_runs_once_and_only_where_the_host_has_it() -> None:
    host = FakeHost()
    host.programs |= {"ldconfig"}
    host.answers[("ldconfig",)] = CommandResult(("ldconfig",), 0, "", "")
    make_anew(host, ["/etc/ld.so.cache", "/etc/ld.so.cache", "/etc/udev/hwdb.bin", "/etc/hosts"])
    assert host.runs == [("ldconfig",)]


def test_a_program_that_fails_is_told() -> None:
    host = FakeHost()
    host.programs |= {"ldconfig"}
    host.answers[("ldconfig",)] = CommandResult(("ldconfig",), 1, "", "Cannot open /etc/ld.so.conf")
    with pytest.raises(ClinicalError, match=r"ldconfig: Cannot open /etc/ld\.so\.conf"):
        make_anew(host, ["/etc/ld.so.cache"])


def test_no_maker_of_a_cache_is_exact() -> None:
    assert [maker.patterns for maker in MAKERS if maker.exact and maker.argv] == []
