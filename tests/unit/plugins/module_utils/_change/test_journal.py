# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal: what may be a run's name, how many runs it keeps, what it does with scraps."""

from __future__ import annotations

import posixpath
import zlib
from base64 import b64decode

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal, run_store
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from dirty_host import dirty_host, request
from fake_host import FakeHost


def enforced_again_and_again(times: int, keep: int) -> FakeHost:
    host = dirty_host()
    for n in range(1, times + 1):
        host.kernel["kernel.kptr_restrict"] = "0"
        _baseline.enforce(host, request(f"e{n}", "sysctl", journal_keep=keep))
    return host


def ids(host: FakeHost) -> list[str]:
    return [run.run_id for run in journal.runs(host)]


@pytest.mark.parametrize("run_id", ["a", "20261122T150000Z-1f3a", "A.b_c-9", "x" * 80])
def test_good_run_ids(run_id: str) -> None:
    assert posixpath.dirname(run_store.RunStore("/var/lib/healthops/x").path(run_id, "run")).endswith(run_id)


@pytest.mark.parametrize("run_id", ["", ".", "..", "../x", "a/b", "-rf", " a", "a b", "x" * 81, "ä", "a\n", "a\0"])
def test_bad_run_ids_change_nothing(run_id: str) -> None:
    host = dirty_host()
    with pytest.raises(ClinicalError, match="Using the run id"):
        _baseline.enforce(host, request(run_id))
    assert host.operations == []


def test_a_run_id_is_used_once() -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1", "banner"))
    before = host.state()
    with pytest.raises(ClinicalError, match="already holds a run of this id"):
        _baseline.enforce(host, request("e1", "sysctl"))
    assert host.state() == before


def test_runs_are_in_the_order_in_which_they_happened() -> None:
    host = dirty_host()
    for run_id in ("z", "a", "m"):
        host.kernel["kernel.kptr_restrict"] = "0"
        _baseline.enforce(host, request(run_id, "sysctl"))
    assert ids(host) == ["z", "a", "m"]


@pytest.mark.parametrize(
    ("keep", "left"),
    [(20, ["e1", "e2", "e3", "e4"]), (3, ["e2", "e3", "e4"]), (1, ["e4"]), (0, ["e4"]), (-5, ["e4"])],
)
def test_old_runs_are_forgotten_but_never_the_newest(keep: int, left: list[str]) -> None:
    host = enforced_again_and_again(4, keep)
    assert ids(host) == left
    assert host.listdir(journal.JOURNAL) == left


def test_the_journal_is_for_root_only() -> None:
    host = enforced_again_and_again(1, 20)
    for path in host.files_below("/var/lib/healthops"):
        assert not host.nodes[path].mode & 0o077, path


def test_a_run_that_never_began_is_cleared_away() -> None:
    host = dirty_host()
    host.add_file(f"{journal.JOURNAL}/scrap/entries", "half")
    host.add_file(f"{journal.JOURNAL}/scrap/.run.healthops-tmp", "half")
    assert ids(host) == []
    _baseline.enforce(host, request("e1", "banner"))
    assert host.listdir(journal.JOURNAL) == ["e1"]


def test_a_damaged_run_is_kept_for_a_person_to_look_at() -> None:
    host = enforced_again_and_again(2, 20)
    host.nodes[f"{journal.JOURNAL}/e1/run"].content = b"no"
    host.kernel["kernel.kptr_restrict"] = "0"
    _baseline.enforce(host, request("e3", "sysctl", journal_keep=1))
    assert sorted(ids(host)) == ["e1", "e3"]
    assert {run.run_id: run.progress for run in journal.runs(host)} == {"e1": "damaged", "e3": "complete"}


def test_what_is_read_back_is_what_was_written() -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1"))
    (run,) = journal.runs(host)
    loaded = journal.load(host, run)
    assert loaded.damaged == 0
    assert run.entries == len(loaded.groups) + len(loaded.entries)
    assert {journal.key(entry.step.subject) for entry in loaded.entries} == set(loaded.after)
    assert next(group.effects for group in loaded.groups if group.name == "sshd")[0].unit == "ssh.service"


def rewritten(host: FakeHost, name: str, **more: object) -> None:
    """Give the last record of a file of the run a key more, or another value, as a newer release might."""
    node = host.nodes[f"{journal.JOURNAL}/e1/{name}"]
    *lines, last = node.content.splitlines(keepends=True)
    record = run_store.unline(last.rstrip(b"\n"))
    assert record is not None
    node.content = b"".join([*lines, run_store.line({**record, **more})])


@pytest.mark.parametrize(
    ("name", "more", "what"),
    [
        ("entries", {"type": "quantum state"}, "the subject 'quantum state'"),
        ("entries", {"colour": "blue"}, "the key 'colour'"),
        ("run", {"colour": "blue"}, "the key 'colour'"),
    ],
)
def test_a_journal_of_a_newer_release_is_refused_in_words(name: str, more: dict[str, object], what: str) -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1", "banner"))
    rewritten(host, name, **more)
    before = host.state()
    with pytest.raises(ClinicalError, match=f"a newer release of this collection wrote it; {what} is not known here"):
        _baseline.revert(host, request("r1"), "e1", False)
    assert host.state() == before


def test_the_journal_keeps_what_the_run_has_changed_and_no_copy_of_all_of_etc() -> None:
    host = dirty_host()
    host.add_file("/etc/site/secret.conf", "password = hunter2\n")
    _baseline.enforce(host, request("e1", "package"))
    (run,) = journal.runs(host)
    (tree,) = [entry for entry in journal.load(host, run).entries if entry.step.subject.type == "tree"]
    assert "/etc/site/secret.conf" not in zlib.decompress(b64decode(tree.before["packed"])).decode()
    assert journal.load(host, run).damaged == 0
