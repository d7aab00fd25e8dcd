# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that is journaled first, guarded where it could lock people out, and noted in the end."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._change.apply import Undone, capture
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image, Subject
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from ansible_collections.healthops.clinical.plugins.module_utils._errors import HostWriteError
from ansible_collections.healthops.clinical.plugins.module_utils._guard import alarm, record, run
from ansible_collections.healthops.clinical.plugins.module_utils._guard.record import GuardTerms
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary.guard import ARMED, CONFIRMED
from fake_host import FakeHost

TERMS, CHECK = GuardTerms(120), ("sshd", "-t")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.add_file("/etc/a", "1\n")
    return made


def write(path: str, before: str = "1", watched: bool = False) -> Step:
    return step(File(path), file_image(b"2\n"), before, watched)


def step(subject: Subject, wanted: Image | None, before: str = "1", watched: bool = False) -> Step:
    return Step(
        subject=subject, wanted=wanted, before=before, after=before and "2", why="w", controls=("c",), watched=watched
    )


def the_run(host: FakeHost) -> journal.JournaledRun:
    (found,) = journal.runs(host)
    return found


def test_it_is_on_the_disk_before_the_first_change(host: FakeHost) -> None:
    run.carry_out(host, "e1", [Group("a", (write("/etc/a"),))], None)
    noted = host.operations.index("write /var/lib/healthops/journal/e1/run")
    assert noted < host.operations.index("write /etc/a")
    assert (the_run(host).progress, the_run(host).started) == ("complete", "2026-11-22T13:43:20Z")


def test_without_terms_or_a_guarded_group_nothing_is_armed(host: FakeHost) -> None:
    run.carry_out(host, "e1", [Group("a", (write("/etc/a"),), guarded=True)], None)
    run.carry_out(host, "e2", [Group("b", (write("/etc/b"),))], TERMS)
    assert record.newest(host) is None
    assert not alarm.is_prepared(host)


def test_the_time_to_confirm_begins_when_all_is_done(host: FakeHost) -> None:
    def slow(fake: FakeHost, argv: object) -> CommandResult:
        fake.sleep(30)
        return CommandResult(CHECK, 0, "", "")

    host.answers[CHECK] = slow
    run.carry_out(host, "e1", [Group("a", (write("/etc/a"),), checks=(CHECK,), guarded=True)], TERMS)
    guard = record.armed(host)
    assert guard is not None
    assert record.seconds_left(host, guard) == 120


def test_a_guard_whose_groups_all_failed_has_nothing_left_to_guard(host: FakeHost) -> None:
    host.answers[CHECK] = CommandResult(CHECK, 1, "", "bad\n")
    outcome = run.carry_out(host, "e1", [Group("a", (write("/etc/a"),), checks=(CHECK,), guarded=True)], TERMS)
    assert list(outcome.failed) == [0]
    guard = record.load(host, "e1")
    assert guard is not None
    assert (guard.state, guard.why) == (CONFIRMED, "nothing that it guarded was changed")
    assert not alarm.is_prepared(host)


def test_where_not_even_the_journal_can_be_written_nothing_was_changed(host: FakeHost) -> None:
    before = host.state()
    host.strike(1, "EROFS", lasting=True)
    with pytest.raises(HostWriteError, match="nothing was changed"):
        run.carry_out(host, "e1", [Group("a", (write("/etc/a"),))], None)
    assert host.state() == before


def test_what_was_put_back_entirely_is_noted_and_its_guard_ended(host: FakeHost) -> None:
    groups = [Group("a", (write("/etc/a"),), guarded=True), Group("b", (write("/etc/b"),))]
    rehearsal = FakeHost()
    rehearsal.add_file("/etc/a", "1\n")
    run.carry_out(rehearsal, "e1", groups, TERMS)
    host.strike(rehearsal.operations.index("write /etc/b (temporary)") + 1, "ENOSPC")
    with pytest.raises(Undone):
        run.carry_out(host, "e1", groups, TERMS)
    assert host.text("/etc/a") == "1\n"
    assert the_run(host).progress == "undone"
    guard = record.load(host, "e1")
    assert guard is not None
    assert guard.state != ARMED
    assert not alarm.is_prepared(host)


def test_a_later_step_of_the_same_run_is_no_later_change_of_a_watched_tree(host: FakeHost) -> None:
    host.add_file("/etc/app/conf", "1\n")
    tree = Tree("/etc/app")
    groups = [
        Group("package", (step(tree, None), write("/etc/app/new"))),
        Group("settings", (write("/etc/app/new", "2"), step(File("/etc/app/new"), file_image(b"3\n")))),
    ]
    run.carry_out(host, "e1", groups, None)
    after = journal.load(host, the_run(host)).after[journal.key(tree)]
    assert tree.matches(tree.capture(host), after)


def test_the_journal_is_tidied_and_what_fails_there_is_only_a_warning(host: FakeHost) -> None:
    for number in range(3):
        run.carry_out(host, f"e{number}", [Group("a", (write("/etc/a"),))], None)
    assert run.tidy_journal(host, 2) == []
    assert [known.run_id for known in journal.runs(host)] == ["e1", "e2"]
    host.strike(1, "EROFS", lasting=True)
    (warning,) = run.tidy_journal(host, 1)
    assert warning.startswith("The host is done, but its journal could not be tidied: ")


def test_a_revert_that_is_reverted_makes_its_run_hold_again(host: FakeHost) -> None:
    groups = [Group("a", (write("/etc/a"),))]
    for run_id, reverts in (("e1", ""), ("r1", "e1"), ("r2", "r1")):
        run.begin(host, run_id, groups, capture(host, groups), reverts=reverts)
    known = {it.run_id: it for it in journal.runs(host)}
    run.note_reverted(host, known["e1"], "r1")
    assert journal.runs(host)[0].reverted_by == "r1"
    run.note_reverted(host, known["r1"], "r2")
    assert [it.reverted_by for it in journal.runs(host)] == ["", "r2", ""]


def test_what_is_only_watched_beside_a_command_is_not_described() -> None:
    groups = [Group("a", (write("/etc/a"), write("/etc/b", before="", watched=True)))]
    (change,) = run.describe_changes(groups)
    assert change == {"subject": "file /etc/a", "before": "1", "after": "2", "why": "w", "controls": ["c"]}
