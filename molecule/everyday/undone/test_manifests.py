# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""After our runs are taken back nothing of them is left, and what others did meanwhile is there to the byte."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import outside
import pytest
from manifests import DERIVED, REGISTERS, differences, history, manifest, merged_lines

if TYPE_CHECKING:
    from testinfra.host import Host

SECTIONS = (
    *("unit", "package", "firewall", "kernel", "sshd", "mount", "account", "password", "group"),
    *("library", "alternative", "locale", "mark", "hold", "half installed", "failed unit", "orphan"),
)
#: What two accounts change of their own entries all the time; test_besieged.py is about them.
FLEETING = {"mallory: field 3", "trudy: field 3"}
#: pam-auth-update writes all of them whenever it is called.
WRITTEN_BY_PAM = ("/etc/pam.d/common-", "/var/lib/pam/")


def edited_by_both(host: Host) -> set[str]:
    """Return the files of settings in which both our runs and others have changed something."""
    texts = history(outside.name(host), "text")
    return {path for path in texts.names() if texts.changed_by_both(path)}


def test_manifests_notice_a_run(host: Host) -> None:
    """Before it was taken back, the judge found a lot; otherwise it would find nothing afterwards either."""
    name = outside.name(host)
    assert len(differences(history(name, "file"), manifest(name, "configured_again")["file"], DERIVED)) > 20


def test_files_are_as_their_owners_left_them(host: Host) -> None:
    name = outside.name(host)
    leave = DERIVED | REGISTERS | edited_by_both(host)
    assert differences(history(name, "file"), manifest(name, "undone")["file"], leave) == []


def test_texts_that_both_changed_have_the_lines_of_others(host: Host) -> None:
    name = outside.name(host)
    past, now = history(name, "text"), manifest(name, "undone")["text"]
    assert "/etc/login.defs" in edited_by_both(host)
    for path in edited_by_both(host) - REGISTERS - DERIVED:
        wanted = merged_lines(*(text or "" for text in past.values(path)))
        assert Counter(now[path].split("\n")) == wanted, path


@pytest.mark.parametrize("section", SECTIONS)
def test_what_programs_list_is_as_others_left_it(host: Host, section: str) -> None:
    name = outside.name(host)
    assert differences(history(name, section), manifest(name, "undone")[section], FLEETING) == []


def test_files_have_their_time_of_change(host: Host) -> None:
    """A backup or an integrity check that goes by times finds nothing to do."""
    name = outside.name(host)
    times = history(name, "time")
    leave = DERIVED | REGISTERS | {path for path in times.names() if times.changed_by_both(path)}
    wrong = differences(times, manifest(name, "undone")["time"], leave)
    assert [line for line in wrong if not line.startswith(WRITTEN_BY_PAM)] == []


@pytest.mark.parametrize(
    ("made", "again"),
    [
        ("/etc/ld.so.cache", "ldconfig"),
        ("/etc/ssl/certs/ca-certificates.crt", "update-ca-certificates --fresh"),
        ("/usr/lib/locale/locale-archive", "locale-gen"),
    ],
)
def test_what_a_program_makes_is_what_it_would_make_now(host: Host, made: str, again: str) -> None:
    digest = f"sha256sum {made}"
    before = outside.root(host, digest)
    assert before.rc == 0
    assert outside.root(host, again).rc == 0
    assert outside.root(host, digest) == before


def test_nothing_of_ours_is_loaded(host: Host) -> None:
    assert outside.root(host, "systemctl list-units --all --plain --no-legend 'healthops*'").out == ""
    tables = outside.root(host, "nft list tables").out.split("\n")
    assert "table ip clinic_nat" in tables
    assert "table inet healthops" not in tables


def test_packages_are_whole_and_none_of_the_sites_would_go(host: Host) -> None:
    assert outside.root(host, "dpkg --audit").out == ""
    assert outside.root(host, "apt-get -qq check").rc == 0
    would_go = outside.root(host, "apt-get --simulate --quiet autoremove | sed -n 's/^Remv //p'").out
    assert would_go == ""


def test_the_history_of_etc_is_whole(host: Host) -> None:
    assert outside.root(host, "git -C /etc fsck --strict").rc == 0
    assert outside.root(host, "git -C /etc merge-base --is-ancestor $(cat /srv/commit) HEAD").rc == 0
    assert outside.root(host, "etckeeper commit 'after the rollback' && etckeeper unclean").rc == 1


def test_the_host_boots_without_a_failure(host: Host) -> None:
    assert outside.root(host, "systemctl --failed --plain --no-legend").out == ""
    assert outside.root(host, "systemctl is-system-running").out == "running"
