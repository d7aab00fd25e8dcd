# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""chrony's configuration as chronyd reads it, and what is written into it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.chrony import (
    Directive,
    directives,
    main_file,
    own_sources,
    sources_folder,
    with_directive,
    without,
)
from dirty_host import bare
from fake_host import FakeHost, fixture

MAIN = "/etc/chrony/chrony.conf"


def chrony() -> FakeHost:
    host = FakeHost()
    host.add_file(MAIN, bare(fixture("chrony", "debian-12")))
    host.add_dir("/etc/chrony/conf.d")
    host.add_dir("/etc/chrony/sources.d")
    return host


def test_directives_are_read_where_their_folder_stands() -> None:
    host = chrony()
    host.add_file("/etc/chrony/conf.d/10-site.conf", "! a comment\nmakestep 5 -1\n")
    host.add_file("/etc/chrony/conf.d/README", "makestep 9 9\n")
    names = [f"{d.name} {d.value}" for d in directives(host, "/etc/chrony/chrony.conf") if d.name == "makestep"]
    assert names == ["makestep 5 -1", "makestep 1 3"]  # Debian includes the folder first, so its own line wins


def test_files_that_include_each_other_end() -> None:
    host = FakeHost()
    host.add_file(MAIN, f"server one.example iburst\ninclude {MAIN}\n")
    values = [d.value for d in directives(host, MAIN) if d.name == "server"]
    assert 1 < len(values) < 10
    assert set(values) == {"one.example iburst"}


def test_a_directive_knows_its_file_and_line() -> None:
    host = chrony()
    host.add_file("/etc/chrony/sources.d/ward.sources", "# ours\n\nSERVER ntp.ward.example\n")
    written = [d for d in directives(host, MAIN) if d.path.endswith("ward.sources")]
    assert written == [Directive("/etc/chrony/sources.d/ward.sources", 2, "server", "ntp.ward.example")]


def test_the_main_file_is_debians_unless_another_is_there() -> None:
    host = FakeHost()
    assert main_file(host) == MAIN
    host.add_file("/etc/chrony.conf", "")
    assert main_file(host) == "/etc/chrony.conf"


@pytest.mark.parametrize(
    ("value", "folder"),
    [("/run/chrony-dhcp /etc/chrony/sources.d", "/etc/chrony/sources.d"), ("/run/chrony-dhcp", None)],
)
def test_a_folder_below_run_is_not_ours(value: str, folder: str | None) -> None:
    assert (
        sources_folder([Directive(MAIN, 0, "confdir", "/etc/chrony/conf.d"), Directive(MAIN, 1, "sourcedir", value)])
        == folder
    )
    assert own_sources("/etc/chrony/sources.d") == "/etc/chrony/sources.d/healthops.sources"


def test_a_directive_is_put_where_its_last_one_stood_or_at_the_end() -> None:
    assert with_directive("makestep 1 -1\nuser root\nmakestep 2 2\n", "makestep", "1 3", [0, 2]) == (
        "makestep 1 -1\nuser root\nmakestep 1 3\n"
    )
    assert with_directive("user root", "makestep", "1 3", []) == "user root\nmakestep 1 3\n"


def test_lines_are_made_comments_and_the_others_keep_every_byte() -> None:
    assert without("pool a iburst\n\tserver b\n", [0]) == "# healthops: pool a iburst\n\tserver b\n"
