# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups stand or fall together; what fails is put back, and where that fails everything is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.apply import (
    Undone,
    apply,
    attempt,
    capture,
    capture_each,
    not_reached,
    restore,
    undo_all,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Effect, Group, JournalEntry, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects import files
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.base import Image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.firewall import FilterTable
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.kernel import KernelValue
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.trees import Tree
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import ActiveUnit
from ansible_collections.healthops.clinical.plugins.module_utils._errors import (
    ClinicalError,
    HostWriteError,
    ReadOnlyError,
)
from ansible_collections.healthops.clinical.plugins.module_utils._host.door import CommandResult
from fake_host import FakeHost
from fake_programs import FakeUnit

KEY, CHECK = "kernel.kptr_restrict", ("sshd", "-t")


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.kernel[KEY] = "0"
    made.add_file("/etc/a", "1\n")
    made.add_file("/etc/b", "1\n")
    made.units["app.service"] = FakeUnit(active=True, since=1.0)
    return made


def write(path: str, text: str = "2\n") -> Step:
    return step(File(path), file_image(text.encode()))


def step(subject: File | KernelValue | ActiveUnit, wanted: Image | None) -> Step:
    return Step(subject=subject, wanted=wanted, before="1", after="2", why="w", controls=("c",))


def fails(host: FakeHost) -> None:
    host.answers[CHECK] = CommandResult(CHECK, 255, "", "Bad configuration option\n")


def test_every_group_is_made_true_and_live(host: FakeHost) -> None:
    groups = [
        Group("a", (write("/etc/a"), step(KernelValue(KEY), {"value": "2"}))),
        Group("b", (write("/etc/b"),), checks=(("uname",),), effects=(Effect("restart", "app.service"),)),
    ]
    outcome = apply(host, groups, capture(host, groups))
    assert outcome.failed == {}
    assert (host.text("/etc/a"), host.text("/etc/b"), host.kernel[KEY]) == ("2\n", "2\n", "2")
    assert host.operations[-1] == "systemctl restart app.service"


def test_a_group_that_fails_is_undone_and_the_others_go_on(host: FakeHost) -> None:
    fails(host)
    groups = [Group("a", (write("/etc/a"),), checks=(CHECK,)), Group("b", (write("/etc/b"),))]
    outcome = apply(host, groups, capture(host, groups))
    assert list(outcome.failed) == [0]
    assert "Bad configuration option" in str(outcome.failed[0])
    assert (host.text("/etc/a"), host.text("/etc/b")) == ("1\n", "2\n")


def test_undoing_a_group_does_not_undo_what_an_earlier_one_did_to_the_same_file(host: FakeHost) -> None:
    fails(host)
    groups = [Group("a", (write("/etc/a", "2\n"),)), Group("b", (write("/etc/a", "3\n"),), checks=(CHECK,))]
    apply(host, groups, capture(host, groups))
    assert host.text("/etc/a") == "2\n"


def test_the_guard_is_armed_before_each_guarded_group_and_what_cannot_be_guarded_is_not_changed(host: FakeHost) -> None:
    seen: list[str] = []
    groups = [Group("a", (write("/etc/a"),)), Group("b", (write("/etc/b"),), guarded=True)]

    def arm() -> None:
        seen.append(host.text("/etc/a") + host.text("/etc/b"))
        raise ClinicalError("Arming", "the timer", "no such thing")

    outcome = apply(host, groups, capture(host, groups), arm)
    assert seen == ["2\n1\n"]
    assert list(outcome.failed) == [1]
    assert host.text("/etc/b") == "1\n"


def test_what_is_only_watched_is_remembered_as_it_is_right_after_its_group(host: FakeHost) -> None:
    groups = [Group("a", (step(File("/etc/b"), None), write("/etc/a"))), Group("b", (write("/etc/b"),))]
    outcome = apply(host, groups, capture(host, groups))
    assert list(outcome.settled) == [0]
    assert outcome.settled[0]["content"] == file_image(b"1\n")["content"]


def test_a_machine_that_cannot_be_written_has_everything_put_back(host: FakeHost) -> None:
    before = host.state()
    groups = [Group("a", (step(KernelValue(KEY), {"value": "2"}),)), Group("b", (write("/etc/b"),))]
    entries = capture(host, groups)
    host.strike(2, "ENOSPC")
    with pytest.raises(Undone, match="the host was put back as it was") as raised:
        apply(host, groups, entries)
    assert raised.value.entirely
    assert host.state() == before


def test_a_place_that_is_read_only_stops_only_what_writes_there(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.add_file("/root/a", "1\n")
    change = FakeHost.change

    def only_elsewhere(self: FakeHost, words: str, *effect: Any, **how: Any) -> None:
        if "/root" in words:
            raise ReadOnlyError("Writing", "/root/a", "Read-only file system", "Remount it.")
        change(self, words, *effect, **how)

    monkeypatch.setattr(FakeHost, "change", only_elsewhere)
    groups = [Group("a", (write("/etc/a"), write("/root/a"))), Group("b", (write("/etc/b"),))]
    outcome = apply(host, groups, capture(host, groups))
    assert [str(error) for error in outcome.failed.values()] == ["Writing /root/a: Read-only file system. Remount it."]
    assert [host.text(path) for path in ("/etc/a", "/root/a", "/etc/b")] == ["1\n", "1\n", "2\n"]


def test_where_the_disk_is_full_the_control_is_named_that_met_it(host: FakeHost) -> None:
    groups = [Group("a", (write("/etc/a"),))]
    entries = capture(host, groups)
    host.strike(1, "ENOSPC")
    with pytest.raises(Undone, match=r"No space left on device \(writing .*/etc/a.* for c\)"):
        apply(host, groups, entries)


def test_what_nobody_foresaw_is_put_back_and_told_as_a_defect(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    before = host.state()
    groups = [Group("a", (write("/etc/a"), write("/etc/b")))]
    entries = capture(host, groups)

    def breaks(*args: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(host, "run", breaks)
    with pytest.raises(Undone, match="This is a defect: please report"):
        apply(host, [Group("a", groups[0].steps, checks=(CHECK,))], entries)
    assert host.state() == before


def test_what_could_not_be_put_back_is_told(host: FakeHost) -> None:
    groups = [Group("a", (write("/etc/a"),))]
    entries = capture(host, groups)
    File("/etc/a").put(host, file_image(b"2\n"))
    host.strike(1, "EROFS", lasting=True)
    with pytest.raises(Undone, match=r"could NOT be put back entirely.*state: reverted.*a: Writing") as raised:
        undo_all(host, [(groups[0], entries)], ClinicalError("Setting", "x", "no"))
    assert not raised.value.entirely


def test_the_way_back_goes_on_over_what_fails(host: FakeHost) -> None:
    groups = [Group("a", (write("/etc/a"), step(KernelValue("kernel.nosuch"), {"value": "1"}), write("/etc/b")))]
    entries: list[JournalEntry] = capture(host, groups)
    (trouble,) = restore(host, groups, entries)
    assert "kernel/nosuch" in str(trouble)
    assert (host.text("/etc/a"), host.text("/etc/b")) == ("2\n", "2\n")


@pytest.mark.parametrize("error", [ClinicalError("a", "b", "c"), HostWriteError("a", "b", "c"), None])
def test_an_attempt_returns_its_error(error: ClinicalError | None) -> None:
    def act() -> None:
        if error is not None:
            raise error

    acts: list[Callable[[], None]] = [act]
    assert attempt(acts[0]) is error


def test_an_attempt_returns_also_what_nobody_foresaw() -> None:
    error = attempt(lambda: dict[str, str]()["a short line"], "file /etc/a")
    assert "file /etc/a: KeyError" in str(error)


def test_the_way_back_goes_on_over_a_defect(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short line in passwd once ended the restore: what came after it and every reload was skipped."""
    effects = (Effect("restart", "nosuch.service"), Effect("restart", "app.service"))
    groups = [Group("a", (write("/etc/a"), step(KernelValue(KEY), {"value": "2"}), write("/etc/b")), effects=effects)]
    entries = capture(host, groups)
    monkeypatch.setattr(KernelValue, "put", lambda *_args: dict[str, str]()["a short line"])
    troubles = restore(host, groups, entries)
    assert [error.subject for error in troubles] == [f"kernel value {KEY}"]
    assert (host.text("/etc/a"), host.text("/etc/b")) == ("2\n", "2\n")
    assert host.operations[-1] == "systemctl restart app.service"


def test_what_answers_well_and_does_nothing_is_told(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    groups = [Group("a", (write("/etc/a"),))]
    entries = capture(host, groups)
    monkeypatch.setattr(File, "put", lambda *_args: None)
    (trouble,) = restore(host, groups, entries)
    assert "file /etc/a is not as it was to be" in str(trouble)
    host.nodes["/etc/a"].content = b"2\n"
    with pytest.raises(Undone, match="could NOT be put back entirely"):
        undo_all(host, [(groups[0], entries)], ClinicalError("Setting", "x", "no"))


def test_what_cannot_be_read_is_not_reached(host: FakeHost) -> None:
    host.answers[("nft", "-s", "list", "table", "inet", "x")] = CommandResult(
        (), 1, "", "Error: Operation not permitted"
    )
    (missed,) = not_reached(host, [(FilterTable("inet x"), {"rules": None})])
    assert "cannot be read: Reading the packet filter's table inet x" in missed.description


def test_what_could_not_be_taken_back_is_not_changed_and_the_others_are(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "READ_LIMIT", 3)
    host.add_file("/etc/a", "large\n")
    groups = [Group("a", (write("/etc/b"), write("/etc/a"))), Group("b", (step(KernelValue(KEY), {"value": "2"}),))]
    entries, failed = capture_each(host, groups)
    assert [entry.step.subject.name for entry in entries] == [KEY]
    assert "could not be taken back" in str(failed[0])
    outcome = apply(host, groups, entries, failed=failed)
    assert (list(outcome.failed), host.text("/etc/a"), host.kernel[KEY]) == ([0], "large\n", "2")
    with pytest.raises(ClinicalError, match="Keeping /etc/a"):
        capture(host, groups)


def test_what_others_do_after_a_group_was_put_back_is_no_change_of_the_run(host: FakeHost) -> None:
    fails(host)
    tree = Step(subject=Tree("/etc"), wanted=None, before="", after="", why="w", controls=("c",))
    groups = [Group("a", (tree, write("/etc/a")), checks=(CHECK,)), Group("b", (write("/etc/b"),))]
    outcome = apply(host, groups, capture(host, groups))
    assert outcome.settled[0]["touched"] == []


def test_of_a_host_that_is_starting_no_unit_is_expected_to_run_yet(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At boot a start is only asked for; whether it happens is seen after the way back has ended."""
    host.units["app.service"].active = False
    groups = [Group("a", (step(ActiveUnit("app.service"), {"active": True}), write("/etc/a")))]
    entries = capture(host, groups)
    monkeypatch.setattr(ActiveUnit, "put", lambda *_args: None)
    assert restore(host, groups, entries, starting=True) == []
    (trouble,) = restore(host, groups, entries)
    assert "unit app.service is not as it was to be" in str(trouble)


def test_what_a_program_wrote_after_it_was_put_back_is_put_back_once_more(host: FakeHost) -> None:
    """apt gives its logs their mode again when packages go, which is after the mode was put back."""
    host.units["apt.service"] = FakeUnit(active=True)
    groups = [Group("a", (write("/etc/a"),), effects=(Effect("restart", "apt.service"),))]
    entries = capture(host, groups)
    original = host.run

    def run(argv: Sequence[str], **more: Any) -> CommandResult:
        if "restart" in argv:
            host.add_file("/etc/a", "3\n")
        return original(argv, **more)

    host.run = run  # type: ignore[method-assign]
    assert restore(host, groups, entries) == []
    assert host.text("/etc/a") == "2\n"
