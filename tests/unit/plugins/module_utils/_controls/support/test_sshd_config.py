# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""sshd's configuration as sshd reads it: spellings, Include, Match."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.sshd_config import (
    MAIN,
    Line,
    first,
    flatten,
    in_match,
    includes,
    parse,
    patterns,
)
from fake_host import fixture

DROP_IN = "/etc/ssh/sshd_config.d/00-healthops.conf"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"


@pytest.mark.parametrize("system", ["debian-12", "debian-13"])
def test_the_configuration_that_debian_ships(system: str) -> None:
    files = {MAIN: fixture("sshd_config", system)}
    assert includes(files, DROP_IN)
    line = first(files, "X11Forwarding")
    assert line is not None
    assert (line.value, line.match) == ("yes", "")
    assert in_match(files, "X11Forwarding") == []


def test_parse_knows_all_spellings() -> None:
    text = "# no\n\n  Port 22\nUsePAM=yes\nmatch User a,b\n  X11Forwarding no\n"
    seen = [(line.number, line.option, line.value, line.match) for line in parse(MAIN, text)]
    assert seen == [
        (3, "port", "22", ""),
        (4, "usepam", "yes", ""),
        (5, "match", "User a,b", "User a,b"),
        (6, "x11forwarding", "no", "User a,b"),
    ]


def test_an_include_inside_a_match_holds_for_that_match_only() -> None:
    files = {MAIN: "Match User a\nInclude sshd_config.d/*.conf\n", "/etc/ssh/sshd_config.d/a.conf": "MaxAuthTries 9\n"}
    assert [(line.value, line.match) for line in flatten(files)] == [("9", "User a")]
    assert not includes(files, DROP_IN)


def test_a_circle_of_includes_ends() -> None:
    assert list(flatten({MAIN: "Include /etc/ssh/sshd_config\nPort 22\n"}))


def test_a_line_knows_where_it_stands() -> None:
    text = "# a comment\n\nPort\t22\nMatch User backup\n  X11Forwarding = no\nPubkeyAuthentication\n"
    assert list(parse(MAIN, text)) == [
        Line(path=MAIN, number=3, option="port", arguments=("22",), match=""),
        Line(path=MAIN, number=4, option="match", arguments=("User", "backup"), match="User backup"),
        Line(path=MAIN, number=5, option="x11forwarding", arguments=("no",), match="User backup"),
        Line(path=MAIN, number=6, option="pubkeyauthentication", arguments=(), match="User backup"),
    ]


def test_patterns_of_an_include_count_from_the_folder_of_sshd() -> None:
    (line,) = parse(MAIN, 'Include /etc/ssh/a.conf sshd_config.d/*.conf "/srv/with blank.conf" # and no more\n')
    assert patterns(line) == [
        "/etc/ssh/a.conf",
        "/etc/ssh/sshd_config.d/*.conf",
        "/srv/with blank.conf",
    ]


def test_a_match_for_everybody_is_no_exception() -> None:
    files = {MAIN: "Match all\nX11Forwarding no\nMatch Group ward\nX11Forwarding yes\n"}
    assert [line.match for line in in_match(files, "X11Forwarding")] == ["Group ward"]
    assert first(files, "X11Forwarding") is None
