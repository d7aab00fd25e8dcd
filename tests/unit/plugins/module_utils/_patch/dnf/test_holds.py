# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Holds in the versionlock list, and marks."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import holds
from ansible_collections.healthops.clinical.plugins.module_utils._patch.model import InstalledPackage
from dnf_host import DnfHost, changes_by_name, dnf_on


def test_a_hold_is_a_line_of_the_versionlock_list_and_others_stay() -> None:
    host = DnfHost()
    for folder in ("/etc/dnf", "/etc/dnf/plugins"):
        host.mkdir(folder, 0o755, 0, 0)
    host.write(holds.VERSIONLOCK, b"# theirs\nlab-held-0:1.0-1.*\n", 0o644, 0, 0, {})
    manager = dnf_on(host)
    manager.set_hold(["lab-epoch"], True)
    assert host.read(holds.VERSIONLOCK) == b"# theirs\nlab-held-0:1.0-1.*\nlab-epoch-0:9.0-1.*\n"
    manager.set_hold(["lab-epoch"], False)
    assert host.read(holds.VERSIONLOCK) == b"# theirs\nlab-held-0:1.0-1.*\n"


OPENSSL = InstalledPackage("openssl-libs", "x86_64", "1:3.0.7-27.el9", "openssl", "1:3.0.7-27.el9")


@pytest.mark.parametrize(
    ("pattern", "held"),
    [
        ("openssl-libs-1:3.0.7-27.el9.*", True),
        ("openssl-libs", True),
        ("openssl-libs.x86_64", True),
        ("openssl*", True),
        ("openssl-libs-3.0.7", True),
        ("openssl-libs-3.0.7-27.el9", True),
        ("openssl-libs-1:3.0.7-27.el9.x86_64", True),
        ("openssl", False),
        ("openssl-libs.i686", False),
        ("openssl-libs-0:3.0.7-27.el9.*", False),
    ],
)
def test_every_way_to_write_a_hold(pattern: str, held: bool) -> None:
    assert holds.is_held(OPENSSL, [pattern]) is held


def test_comments_and_exceptions_hold_nothing() -> None:
    host = DnfHost()
    for folder in ("/etc/dnf", "/etc/dnf/plugins"):
        host.mkdir(folder, 0o755, 0, 0)
    host.write(holds.VERSIONLOCK, b"# all\n\n!lab-conf-0:1.0-1.*\nlab-held-0:1.0-1.* # theirs\n", 0o644, 0, 0, {})
    assert holds.holding_patterns(host) == ["lab-held-0:1.0-1.*"]


def test_what_came_along_is_nobody_s_choice_and_the_rest_as_it_was() -> None:
    host = DnfHost()
    known = changes_by_name(dnf_on(host).observe())
    changes = [known[name] for name in ("lab-new", "lab-epoch", "lab-dep")]
    dnf_on(host).set_marks("lab-epoch.noarch\nlab-held.noarch\nlab-gone.noarch\n", changes)
    marked = [argv[4:] for argv in host.ran if "mark" in argv]
    # lab-conf was chosen since, and lab-held is no longer: neither is of this run.
    assert marked == [("mark", "install", "lab-epoch.noarch"), ("mark", "remove", "lab-dep.noarch")]
