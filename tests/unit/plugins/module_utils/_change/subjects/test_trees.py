# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole trees: only what a change touched is remembered and put back."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import TEMPORARY_SUFFIX
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


def test_changed_made_and_removed_paths_go_back_to_the_byte(host: FakeHost) -> None:
    state, before = files(host), TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    del host.nodes["/etc/app/current"]
    del host.nodes["/etc/app/conf.d/extra.conf"]
    host.add_file("/var/lib/app/cache/x", "new")
    after = TREE.capture_after(host, before)
    assert not TREE.matches(TREE.capture(host), before)
    TREE.put(host, TREE.inverse(before, after))
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
    TREE.put(host, TREE.inverse(before, after))
    assert host.text("/etc/app/main.conf") == "a = 1\n"
    assert host.text("/etc/app/conf.d/extra.conf") == "b = 9\n"


def test_a_touched_path_is_in_part_ours_until_somebody_changes_it_again(host: FakeHost) -> None:
    before = TREE.capture(host)
    host.nodes["/etc/app/main.conf"].content = b"a = 2\n"
    after = TREE.capture_after(host, before)
    assert TREE.is_partial(TREE.capture(host), before, after)
    assert TREE.is_partial(before, before, after)
    host.nodes["/etc/app/main.conf"].content = b"a = 3\n"
    assert not TREE.is_partial(TREE.capture(host), before, after)


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
