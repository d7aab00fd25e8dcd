# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole trees: only what a change touched is remembered and put back."""

from __future__ import annotations

import zlib
from base64 import b64decode
from collections.abc import Sequence

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import files as files_of
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image, WayBack
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX, CommandResult
from fake_host import FakeHost

TREE = Tree("/etc/app:/var/lib/app")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/app/main.conf", "a = 1\n", mode=0o640)
    made.add_file("/etc/app/conf.d/extra.conf", "b = 1\n")
    made.add_link("/etc/app/current", "main.conf")
    return made


def files(host: FakeHost) -> object:
    return host.state()["files"]


def back(host: FakeHost, before: Image, after: Image, force: bool = False) -> WayBack:
    """Take a change back and look whether the tree is where it was to be."""
    way = TREE.way_back(before, after, TREE.capture(host), force)
    TREE.put(host, way.goal)
    assert TREE.astray(TREE.capture(host), way.goal) == []
    return way


def test_changed_made_and_removed_paths_go_back_to_the_byte(host: FakeHost) -> None:
    state, before = files(host), TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    del host.nodes["/etc/app/current"]
    del host.nodes["/etc/app/conf.d/extra.conf"]
    host.add_file("/var/lib/app/cache/x", "new")
    after = TREE.capture_after(host, before)
    assert not TREE.matches(TREE.capture(host), before)
    assert back(host, before, after).conflicts == ()
    assert TREE.matches(TREE.capture(host), before)
    host.nodes.pop("/var/lib/app", None)
    assert files(host) == state


def test_what_others_change_below_it_is_neither_drift_nor_put_back(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = TREE.capture_after(host, before)
    assert after["touched"] == ["/etc/app/main.conf"]
    host.nodes["/etc/app/conf.d/extra.conf"].content = b"b = 9\n"
    assert TREE.matches(TREE.capture(host), after)
    assert back(host, before, after).conflicts == ()
    assert host.text("/etc/app/main.conf") == "a = 1\n"
    assert host.text("/etc/app/conf.d/extra.conf") == "b = 9\n"


def test_a_touched_path_that_somebody_changes_again_is_left_and_named(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = TREE.capture_after(host, before)
    host.nodes["/etc/app/main.conf"].content = b"a = 3\n"
    (conflict,) = back(host, before, after).conflicts
    assert conflict.entry == "/etc/app/main.conf line 1"
    assert host.text("/etc/app/main.conf") == "a = 3\n"
    back(host, before, after, force=True)
    assert host.text("/etc/app/main.conf") == "a = 1\n"


def test_an_image_keeps_what_the_change_touched_and_no_more(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = TREE.capture_after(host, before)
    narrow = TREE.narrowed(before, after)
    assert list(narrow["digests"]) == ["/etc/app/main.conf"]
    assert "extra.conf" not in zlib.decompress(b64decode(narrow["packed"])).decode()
    back(host, narrow, after)
    assert TREE.matches(TREE.capture(host), before)


def test_others_files_in_a_folder_that_the_change_brought_outlive_it(host: FakeHost) -> None:
    """The scripts of a package take its whole folder along; whatever somebody laid there was not the package's."""
    before = TREE.capture(host)
    host.add_file("/var/lib/app/own/state", "ours")
    after = TREE.capture_after(host, before)
    host.add_file("/var/lib/app/own/sub/site.conf", "theirs", mode=0o600)
    way = TREE.way_back(before, after, TREE.capture(host))
    for path in [path for path in host.nodes if path.startswith("/var/lib/app/own")]:
        del host.nodes[path]
    TREE.put(host, way.goal)
    assert host.text("/var/lib/app/own/sub/site.conf") == "theirs"
    assert host.nodes["/var/lib/app/own/sub/site.conf"].mode == 0o600
    assert "/var/lib/app/own/state" not in host.nodes
    assert [conflict.entry for conflict in way.conflicts] == ["/var/lib/app", "/var/lib/app/own"]


def test_an_account_that_comes_while_the_way_back_is_carried_out_stays(host: FakeHost) -> None:
    tree = Tree("/etc")
    host.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    before = tree.capture(host)
    host.add_file("/etc/passwd", host.text("/etc/passwd") + "_aide:x:106:112::/:/bin/false\n")
    after = tree.capture_after(host, before)
    way = tree.way_back(before, after, tree.capture(host))
    host.add_file("/etc/passwd", host.text("/etc/passwd") + "bob:x:1001:1001::/:/bin/sh\n")
    tree.put(host, way.goal)
    assert host.text("/etc/passwd") == "root:x:0:0::/root:/bin/sh\nbob:x:1001:1001::/:/bin/sh\n"
    assert host.locked == 1


def test_a_derived_file_is_made_anew_and_never_put_back(host: FakeHost) -> None:
    tree = Tree("/etc")
    host.programs |= {"ldconfig"}

    def ldconfig(fake: FakeHost, argv: Sequence[str]) -> CommandResult:
        fake.nodes["/etc/ld.so.cache"].content = b"made anew\n"
        return CommandResult(tuple(argv), 0, "", "")

    host.answers[("ldconfig",)] = ldconfig
    host.add_file("/etc/ld.so.cache", "without\n")
    before = tree.capture(host)
    host.add_file("/etc/ld.so.cache", "with ours\n")
    host.add_file("/etc/ld.so.conf.d/ours.conf", "/opt/ours\n")
    after = tree.capture_after(host, before)
    host.add_file("/etc/ld.so.cache", "with ours and theirs\n")
    way = tree.way_back(before, after, tree.capture(host))
    tree.put(host, way.goal)
    assert way.conflicts == ()
    assert host.text("/etc/ld.so.cache") == "made anew\n"
    assert "/etc/ld.so.conf.d/ours.conf" not in host.nodes


@pytest.mark.parametrize("theirs", ["", "auth required pam_theirs.so\n"])
def test_an_exact_file_goes_back_to_the_byte_unless_others_had_it_made_anew(host: FakeHost, theirs: str) -> None:
    tree, path = Tree("/etc"), "/etc/pam.d/common-auth"
    host.add_file(path, "auth edited by hand\n")
    before = tree.capture(host)
    host.add_file(path, "auth ours\n")
    after = tree.capture_after(host, before)
    host.add_file(path, f"auth ours\n{theirs}")
    way = tree.way_back(before, after, tree.capture(host))
    host.add_file(path, f"auth made\n{theirs}")  # by pam-auth-update, which goes first
    tree.put(host, way.goal)
    assert host.text(path) == (f"auth made\n{theirs}" if theirs else "auth edited by hand\n")
    assert way.conflicts == ()


def test_a_large_file_costs_nothing_as_long_as_nobody_touches_it(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_of, "READ_LIMIT", 10)
    host.add_file("/etc/app/GeoIP.dat", b"x" * 11)
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    assert back(host, before, TREE.capture_after(host, before)).conflicts == ()
    host.nodes["/etc/app/GeoIP.dat"].content = b"y" * 11
    (conflict,) = back(host, before, TREE.capture_after(host, before)).conflicts
    assert (conflict.entry, conflict.before) == ("/etc/app/GeoIP.dat", "too large to be kept")
    with pytest.raises(ClinicalError, match="only its digest was kept"):
        TREE.put(host, before)


def test_folders_come_back_with_their_lists_of_access(host: FakeHost) -> None:
    folder = host.nodes["/etc/app/conf.d"]
    folder.xattrs["system.posix_acl_access"] = b"acl"
    before = TREE.capture(host)
    for path in ("/etc/app/conf.d/extra.conf", "/etc/app/conf.d"):
        del host.nodes[path]
    after = TREE.capture_after(host, before)
    back(host, before, after)
    assert host.nodes["/etc/app/conf.d"].xattrs == {"system.posix_acl_access": b"acl"}


def test_what_a_program_made_the_same_again_has_the_time_of_before(host: FakeHost) -> None:
    host.nodes["/etc/app/main.conf"].mtime = 42
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = TREE.capture_after(host, before)
    way = TREE.way_back(before, after, TREE.capture(host))
    host.add_file("/etc/app/main.conf", "a = 1\n", mode=0o640)
    host.nodes["/etc/app/main.conf"].mtime = 99
    TREE.put(host, way.goal)
    assert host.nodes["/etc/app/main.conf"].mtime == 42


def test_what_an_account_that_goes_has_left_is_roots(host: FakeHost) -> None:
    tree = Tree("/etc")
    host.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    before = tree.capture(host)
    host.add_file("/etc/passwd", host.text("/etc/passwd") + "_aide:x:106:112::/:/bin/false\n")
    host.add_file("/var/log/aide/aide.log", "log\n", uid=106)
    after = tree.capture_after(host, before)
    tree.put(host, tree.way_back(before, after, tree.capture(host)).goal)
    assert host.nodes["/var/log/aide/aide.log"].uid == 0


def test_what_is_put_later_decides_where_a_path_was_to_be(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    way = TREE.way_back(before, TREE.capture_after(host, before), TREE.capture(host))
    assert TREE.astray(TREE.capture(host), way.goal) != []
    remaining = TREE.remaining(way.goal, {"/etc/app/main.conf"})
    assert remaining is not None
    assert TREE.astray(TREE.capture(host), remaining) == []
    assert TREE.remaining(before, {"/etc/app/main.conf"}) is before


def test_two_changes_in_a_row_are_taken_back_as_one(host: FakeHost) -> None:
    first = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    host.add_file("/etc/app/made.conf", "1\n")
    one = TREE.capture_after(host, first)
    second = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 3\n"
    host.nodes["/etc/app/made.conf"].content = b"2\n"
    host.nodes["/etc/app/conf.d/extra.conf"].content = b"b = 2\n"
    two = TREE.capture_after(host, second)
    before, after = TREE.joined((TREE.narrowed(first, one), one), (TREE.narrowed(second, two), two))
    assert back(host, before, after).conflicts == ()
    assert TREE.matches(TREE.capture(host), first)


def test_an_image_of_an_earlier_release_goes_back_and_its_registers_are_left_where_others_wrote(host: FakeHost) -> None:
    tree = Tree("/etc")
    host.add_file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    before = tree.capture(host)
    host.add_file("/etc/passwd", host.text("/etc/passwd") + "_aide:x:106:112::/:/bin/false\n")
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = {key: value for key, value in tree.capture_after(host, before).items() if key in ("digests", "touched")}
    way = tree.way_back(before, after, tree.capture(host))
    assert way.conflicts == ()
    host.add_file("/etc/passwd", host.text("/etc/passwd") + "bob:x:1001:1001::/:/bin/sh\n")
    for force in (False, True):
        (conflict,) = tree.way_back(before, after, tree.capture(host), force).conflicts
        assert conflict.entry == "/etc/passwd"
        tree.put(host, tree.way_back(before, after, tree.capture(host), force).goal)
        assert "bob:" in host.text("/etc/passwd")
    assert host.text("/etc/app/main.conf") == "a = 1\n"


def test_a_cut_run_could_not_note_what_it_touched(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    assert TREE.is_partial(TREE.capture(host), before, before)


def test_some_paths_are_renewed(host: FakeHost) -> None:
    before = TREE.capture(host)
    for name in ("main.conf", "conf.d/extra.conf"):
        host.nodes[f"/etc/app/{name}"].content = b"2\n"
    after = TREE.capture_after(host, before)
    for name in ("main.conf", "conf.d/extra.conf"):
        host.nodes[f"/etc/app/{name}"].content = b"3\n"
    assert not TREE.matches(TREE.capture(host), after)
    some = TREE.renewed(host, after, {"/etc/app/main.conf"})
    assert not TREE.matches(TREE.capture(host), some)
    assert TREE.matches(TREE.capture(host), TREE.renewed(host, after, set(after["touched"])))


def test_scraps_are_swept_at_any_depth(host: FakeHost) -> None:
    scrap = f"/etc/app/conf.d/.extra.conf{TEMPORARY_SUFFIX}"
    host.add_file(scrap, "half")
    TREE.sweep(host)
    assert scrap not in host.nodes
    assert "/etc/app/conf.d/extra.conf" in host.nodes
