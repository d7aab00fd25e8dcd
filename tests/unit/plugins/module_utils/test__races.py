# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An account exchanges its own files while root looks after them: it is in nobody else's way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._guard import reverter
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import Stat
from dirty_host import controls, dirty_host, request
from fake_host import FakeHost, Node

OF_MALLORY, OF_TRUDY = "/home/mallory/.bashrc", "/home/trudy/.bashrc"

LEFT = "Left to whoever exchanges it"


@pytest.fixture(name="host")
def fixture_host() -> FakeHost:
    host = dirty_host()
    for number, name in enumerate(("mallory", "trudy"), 1001):
        host.add_file("/etc/passwd", host.text("/etc/passwd") + f"{name}:x:{number}:{number}::/home/{name}:/bin/bash\n")
        host.add_file("/etc/shadow", host.text("/etc/shadow") + f"{name}:*:20000:0:99999:7:::\n", mode=0o640)
        host.add_dir(f"/home/{name}", 0o750)
        host.nodes[f"/home/{name}"].uid = number
        host.add_file(f"/home/{name}/.bashrc", "umask 0\n", mode=0o666, uid=number)
    return host


def race(host: FakeHost, act: Callable[[Node], None], place: str = OF_MALLORY) -> None:
    """Have mallory do something to a file whenever root has looked at it and is about to change it."""
    set_meta = host.set_meta

    def raced(path: str, mode: int, uid: int, gid: int, planned: Stat, taken: int = 0) -> None:
        if path == place:
            act(host.nodes[path])
        set_meta(path, mode, uid, gid, planned, taken)

    host.set_meta = raced  # type: ignore[method-assign]


def exchange(node: Node) -> None:
    """Change what the kernel says of it, as another file in its place would."""
    node.mode = 0o646 if node.mode == 0o666 else 0o666


def modes(host: FakeHost) -> dict[str, int]:
    return {path: host.nodes[path].mode & 0o022 for path in (OF_MALLORY, OF_TRUDY)}


def dot_files(report: _baseline.Report) -> dict[str, Any]:
    (found,) = [finding for finding in report.findings if finding["subject"].endswith("programs read at start")]
    return dict(found)


def test_what_one_exchanges_is_left_and_all_else_is_enforced(host: FakeHost) -> None:
    race(host, exchange)
    report = _baseline.enforce(host, request("e1"))
    found = dot_files(report)
    assert found["result"] == "fail"
    assert found["reason"].startswith(f"{LEFT}: Setting owner and mode of {OF_MALLORY}: it is not")
    others = {it["result"] for it in report.findings if not it["reason"].startswith(LEFT)}
    assert others <= {"fixed", "pass"}
    assert modes(host)[OF_TRUDY] == 0
    assert modes(host)[OF_MALLORY] != 0


def remove(host: FakeHost) -> None:
    host.nodes.pop(OF_MALLORY, None)


def lay_a_file_of_root(host: FakeHost) -> None:
    """Put another name of a file of root's in the place."""
    remove(host)
    host.add_file(OF_MALLORY, "of root\n", mode=0o600)


@pytest.mark.parametrize("act", [lambda host: exchange(host.nodes[OF_MALLORY]), remove, lay_a_file_of_root])
def test_what_cannot_be_put_back_for_that_takes_nothing_else_back(
    host: FakeHost, act: Callable[[FakeHost], None]
) -> None:
    """The second of two files of an account fails, and meanwhile the account does something to the first."""
    host.add_file("/home/mallory/.profile", "", mode=0o666, uid=1001)

    def exchange_both(node: Node) -> None:
        exchange(node)
        act(host)

    race(host, exchange_both, "/home/mallory/.profile")
    report = _baseline.enforce(host, request("e1"))
    assert {finding["result"] for finding in report.findings} == {"fixed", "pass", "fail"}
    assert dot_files(report)["result"] == "fail"


def test_a_way_back_leaves_it_and_says_so(host: FakeHost) -> None:
    before = host.state()
    _baseline.enforce(host, request("e1"))
    race(host, exchange)
    report = _baseline.revert(host, request("r1"), "", False)
    assert [warning for warning in report.warnings if OF_MALLORY in warning and warning.startswith("Left to whoever")]
    after = host.state()
    assert {path for path, node in after["files"].items() if node != before["files"].get(path)} <= {OF_MALLORY}
    assert before["files"].keys() == after["files"].keys()


def test_a_guard_does_not_stay_armed_for_it(host: FakeHost) -> None:
    _baseline.enforce(host, request("e1"))
    race(host, exchange)
    taken = reverter.take_back_now(host, "e1", "a test")
    assert taken.guard.state == "reverted"
    assert f"left to whoever exchanges it: {OF_MALLORY}" in taken.guard.why
    assert modes(host)[OF_TRUDY] != 0


def test_a_file_that_is_removed_comes_back_out_of_the_journal(host: FakeHost) -> None:
    trust = replace(controls("accounts")[0], id="trust", settings={"check": "trust_files"})
    host.add_file("/home/mallory/.rhosts", "ward-3\n", mode=0o600, uid=1001)
    host.add_file("/home/trudy/.rhosts", "of root\n", mode=0o600, uid=0)
    before = host.state()
    report = _baseline.enforce(host, replace(request("e1"), controls=(trust,)))
    assert "/home/mallory/.rhosts" not in host.nodes
    assert host.text("/home/trudy/.rhosts") == "of root\n"
    assert report.findings[0]["result"] == "fail"
    _baseline.revert(host, request("r1"), "", False)
    assert host.state() == before


def test_what_one_has_changed_since_keeps_no_run_from_being_taken_back(host: FakeHost) -> None:
    _baseline.enforce(host, request("e1"))
    host.nodes[OF_MALLORY].mode = 0o646
    report = _baseline.revert(host, request("r1"), "", False)
    assert [warning for warning in report.warnings if f"Left as it is: owner and mode of {OF_MALLORY}" in warning]
    (run,) = [run for run in journal.runs(host) if run.run_id == "e1"]
    assert run.reverted_by == "r1"


def test_what_root_has_changed_since_is_offered_again(host: FakeHost) -> None:
    host.add_file("/home/mallory/.bashrc", "", mode=0o644, uid=1001)
    host.add_file("/root/.bashrc", "umask 0\n", mode=0o666)
    _baseline.enforce(host, request("e1"))
    host.nodes["/root/.bashrc"].mode = 0o646
    _baseline.revert(host, request("r1"), "", False)
    (run,) = [run for run in journal.runs(host) if run.run_id == "e1"]
    assert run.reverted_by == ""
