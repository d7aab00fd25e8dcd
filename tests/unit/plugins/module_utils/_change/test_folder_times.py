# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder that holds again what it held was never changed, as its time has it."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change.folder_times import put_times, read_times
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import JournalEntry, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.kernel import KernelValue
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from dirty_host import dirty_host, request
from fake_host import FakeHost


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/app/conf.d/a.conf", "a\n")
    made.add_file("/etc/other.d/b.conf", "b\n")
    for path in ("/etc", "/etc/app", "/etc/app/conf.d", "/etc/other.d"):
        made.nodes[path].mtime = 42
    return made


def entry(host: FakeHost, subject: File | Tree | KernelValue) -> JournalEntry:
    step = Step(subject=subject, wanted=None, before="", after="", why="", controls=())
    return JournalEntry(step, subject.capture(host), 0)


def test_the_folders_of_files_and_all_of_a_tree_are_noted(host: FakeHost) -> None:
    entries = [entry(host, subject) for subject in (File("/etc/other.d/c.conf"), Tree("/etc/app"), KernelValue("x.y"))]
    assert sorted(read_times(host, entries)) == ["/etc", "/etc/app", "/etc/app/conf.d", "/etc/other.d"]


@pytest.mark.parametrize(("names", "mtime"), [([], 42), (["theirs.conf"], 99), ([".git"], 42)])
def test_a_folder_that_others_have_changed_since_keeps_its_time(host: FakeHost, names: list[str], mtime: int) -> None:
    times = read_times(host, [entry(host, File("/etc/other.d/c.conf"))])
    for name in names:
        host.add_file(f"/etc/other.d/{name}", "theirs\n")
    host.nodes["/etc/other.d"].mtime = 99
    put_times(host, times)
    assert host.nodes["/etc/other.d"].mtime == mtime


def test_a_folder_that_is_gone_is_no_trouble(host: FakeHost) -> None:
    times = read_times(host, [entry(host, File("/etc/other.d/c.conf"))])
    for path in ("/etc/other.d/b.conf", "/etc/other.d"):
        del host.nodes[path]
    put_times(host, times)


def test_a_run_that_is_taken_back_has_changed_no_folder() -> None:
    host = dirty_host()
    folders = [path for path, node in host.nodes.items() if node.kind == "dir" and path.startswith("/etc")]
    for path in folders:
        host.nodes[path].mtime = 42
    _baseline.enforce(host, request("e1"))
    for node in host.nodes.values():
        if node.kind == "dir":
            node.mtime = 99
    _baseline.revert(host, request("r1"), "", False)
    assert {host.nodes[path].mtime for path in folders if path in host.nodes} >= {42}
    assert host.nodes["/etc"].mtime == 42
