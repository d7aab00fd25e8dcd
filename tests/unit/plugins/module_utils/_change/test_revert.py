# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: to the exact state before, never over somebody's later change, and back again."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from dataclasses import replace
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._change.revert import plan_revert
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group, Step
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.awaited import (
    AwaitedFile,
    edits_image,
)
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.files import File, file_image
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._guard.run import carry_out
from dirty_host import SETTINGS, controls, dirty_host, request
from fake_host import FakeHost
from fake_programs import AUTO_MARKS, FakePackage, auto_mark

EVERY = [*((kind,) for kind in SETTINGS), ()]
NAMES = [*SETTINGS, "all"]


def enforced(*kinds: str) -> FakeHost:
    host = dirty_host()
    _baseline.enforce(host, request("e1", *kinds))
    return host


def revert(
    host: FakeHost, wanted: str = "", check: bool = False, force: bool = False, by: str = "r1"
) -> _baseline.Report:
    return _baseline.revert(host, request(by, force=force), wanted, check)


@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_a_revert_restores_the_exact_state_before(kinds: tuple[str, ...]) -> None:
    before, host = dirty_host().state(), enforced(*kinds)
    hardened, operations = host.state(), len(host.operations)

    predicted = revert(host, check=True)
    assert predicted.changed
    assert host.state() == hardened
    assert host.operations[operations:] == []

    report = revert(host)
    assert report.changed
    assert (report.reverted_run_id, report.warnings) == ("e1", [])
    assert report.restored == predicted.restored
    assert host.state() == before
    assert host.leftovers() == []


@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_a_revert_is_journaled_and_can_be_reverted(kinds: tuple[str, ...]) -> None:
    host = enforced(*kinds)
    hardened = host.state()
    revert(host)
    report = revert(host, "r1", by="r2")
    assert report.reverted_run_id == "r1"
    assert host.state() == hardened
    assert not _baseline.audit(host, request("a", *kinds)).changed


def test_after_a_revert_was_reverted_the_run_can_be_reverted_again() -> None:
    before, host = dirty_host().state(), enforced()
    revert(host)
    revert(host, "r1", by="r2")
    report = revert(host, by="r3")
    assert (report.reverted_run_id, report.changed, report.warnings) == ("e1", True, [])
    assert host.state() == before


def test_a_run_that_is_already_reverted_is_not_reverted_again() -> None:
    host = enforced()
    revert(host)
    before = host.state()
    report = revert(host, by="r2")
    assert not report.changed
    assert report.warnings == ["The newest run e1 was already reverted, by r1."]
    assert host.state() == before


def test_runs_are_taken_back_one_by_one() -> None:
    before, host = dirty_host().state(), enforced("sysctl", "file")
    between = host.state()
    _baseline.enforce(host, request("e2"))
    assert revert(host).reverted_run_id == "e2"
    assert host.state() == between
    assert revert(host, "e1", by="r2").reverted_run_id == "e1"
    assert host.state() == before


DRIFTS = [
    pytest.param(("banner",), lambda h: h.add_file("/etc/issue", "Ours.\n", 0o640, 0, 4), "/etc/issue", id="content"),
    pytest.param(
        ("file",),
        lambda h: h.set_meta("/etc/shadow", 0o600, 0, 42, h.stat("/etc/shadow")),
        "/etc/shadow mode",
        id="mode",
    ),
    pytest.param(
        ("sysctl",),
        lambda h: h.kernel.update({"kernel.kptr_restrict": "2"}),
        "kernel value kernel.kptr_restrict value",
        id="kernel value",
    ),
    pytest.param(
        ("config",), lambda h: h.add_link("/etc/login.defs", "/etc/other"), "/etc/login.defs", id="replaced by a link"
    ),
    pytest.param(
        ("package",), lambda h: h.add_file("/etc/dpkg-perl.conf", "own = 1\n"), "/etc/dpkg-perl.conf", id="conffile"
    ),
]


@pytest.mark.parametrize(("kinds", "drift", "named"), DRIFTS)
def test_a_later_change_is_left_and_named_and_the_rest_is_taken_back(
    kinds: tuple[str, ...], drift: Callable[[FakeHost], None], named: str
) -> None:
    before, host = dirty_host().state(), enforced(*kinds)
    drift(host)
    changed = host.state()
    predicted = revert(host, check=True)
    assert host.state() == changed
    report = revert(host)
    (item,) = report.left
    assert (predicted.left, predicted.restored) == (report.left, report.restored)
    assert named in f"{item['subject']} {item['entry']}"
    assert len({item["before"], item["set"], item["now"]}) == 3
    assert item["now"] in report.warnings[0]
    with pytest.raises(ClinicalError, match="changed by somebody since"):
        revert(host, by="r2")
    revert(host, force=True, by="r3")
    assert host.state() == before


def test_what_others_laid_elsewhere_neither_hinders_nor_is_lost() -> None:
    host = enforced("package")
    host.add_file("/etc/telnetrc", "new\n")
    assert revert(host).left == []
    assert host.text("/etc/telnetrc") == "new\n"


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        ("/etc/passwd", "bob:x:1001:1001::/home/bob:/bin/sh\n"),
        ("/etc/fstab", "/dev/vdb1 /data ext4 defaults 0 2\n"),
        ("/etc/login.defs", "LOGIN_TIMEOUT 30\n"),
    ],
)
@pytest.mark.parametrize("force", [False, True])
def test_what_others_added_to_the_same_file_stays(path: str, entry: str, force: bool) -> None:
    host = enforced()
    host.add_file(path, host.text(path) + entry)
    assert revert(host, force=force).left == []
    assert host.text(path) == dirty_host().text(path) + entry


def test_a_later_package_neither_stops_the_way_back_nor_loses_its_derived_files() -> None:
    """A service that came after hardening has its libraries in the cache and its mark among those of apt."""
    host = dirty_host()
    host.mirror["libdpkg-perl"].touches["/etc/ld.so.cache"] = "libdpkg"
    _baseline.enforce(host, request("e1", "package"))
    host.add_file("/etc/ld.so.cache", host.text("/etc/ld.so.cache") + "libhaproxy\n")
    host.packages["haproxy"] = "2.6"
    host.add_file(AUTO_MARKS, host.text(AUTO_MARKS) + auto_mark("haproxy"))
    assert revert(host).left == []
    assert "libhaproxy" in host.text("/etc/ld.so.cache")
    assert host.text(AUTO_MARKS) == auto_mark("haproxy") + auto_mark("telnet")


def test_a_history_below_etc_belongs_to_nobody() -> None:
    host = dirty_host()
    host.mirror["debsums"].touches["/etc/.git/index"] = "commit"
    _baseline.enforce(host, request("e1", "package"))
    host.add_file("/etc/.git/objects/ab/cdef", "nightly\n")
    commits = host.text("/etc/.git/index")
    assert revert(host, force=True).left == []
    assert host.text("/etc/.git/index").startswith(commits)
    assert host.text("/etc/.git/objects/ab/cdef") == "nightly\n"


def test_a_package_that_others_need_by_now_stays_and_is_named() -> None:
    host = enforced("package", "banner")
    host.mirror["auditing"] = FakePackage("1", depends=("debsums",))
    host.packages["auditing"] = "1"
    report = revert(host, force=True)
    assert report.left[0]["reason"] == "auditing came since and would be removed along"
    assert {"debsums", "auditing"} <= set(host.packages)
    assert host.text("/etc/issue") == dirty_host().text("/etc/issue")


def test_a_run_that_a_later_one_builds_on_is_not_taken_back_alone() -> None:
    host = dirty_host()
    _baseline.enforce(host, request("e1", "banner"))
    text = replace(controls("banner")[0], settings={"path": "/etc/issue", "text": "Another text."})
    _baseline.enforce(host, replace(request("e2"), controls=(text,)))
    hardened = host.state()
    with pytest.raises(ClinicalError, match=r"the later run e2 builds on it.*later_runs: true"):
        revert(host, "e1")
    assert host.state() == hardened


def test_several_runs_are_taken_back_as_one_and_shown_first() -> None:
    before, host = dirty_host().state(), dirty_host()
    _baseline.enforce(host, request("e1", "banner", "package"))
    _baseline.enforce(host, request("e2", "package", "accounts", "sysctl"))
    text = replace(controls("banner")[0], settings={"path": "/etc/issue", "text": "Another text."})
    _baseline.enforce(host, replace(request("e3"), controls=(text,)))
    hardened = host.state()
    back = request("r1", later_runs=True)
    predicted = _baseline.revert(host, back, "e1", True)
    assert predicted.reverted_runs == ["e3", "e2", "e1"]
    assert host.state() == hardened
    report = _baseline.revert(host, back, "e1", False)
    assert (report.restored, report.left) == (predicted.restored, [])
    assert host.state() == before
    assert {run.run_id: run.reverted_by for run in journal.runs(host)} == {
        **dict.fromkeys(("e1", "e2", "e3"), "r1"),
        "r1": "",
    }
    revert(host, "r1", by="r2")
    assert host.state() == hardened


def test_a_file_that_one_run_awaited_and_the_next_one_found_goes_back_with_both() -> None:
    """The first run's package brings it; for the second run it is a file like others."""
    before, host = dirty_host().state(), dirty_host()
    path = "/etc/own.conf.d/own.conf"
    awaited = edits_image("key_value", [("", "minlen", "14")], "# Written by us.\n")
    for run_id, subject, wanted in (
        ("e1", AwaitedFile(path), awaited),
        ("e2", File(path), file_image(b"# Written by us.\nminlen = 16\n")),
    ):
        step = Step(subject=subject, wanted=wanted, before="", after="", why="", controls=())
        outcome = carry_out(host, run_id, [Group("file", (step,))], None)
        assert not outcome.failed
    assert host.text(path) == "# Written by us.\nminlen = 16\n"
    report = _baseline.revert(host, request("r1", later_runs=True), "e1", False)
    assert (report.reverted_runs, report.left) == (["e2", "e1"], [])
    assert host.state() == before


@pytest.mark.parametrize("kind", SETTINGS)
def test_whoever_only_says_that_he_did_is_found_out(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A revert that ends well has the host as it was; also where a subject's put does nothing."""
    before, host = dirty_host().state(), enforced(kind)
    (run,) = journal.runs(host)
    steps = [step for group in plan_revert(host, run).groups for step in group.steps]
    found_out = 0
    for subject in dict.fromkeys(type(step.subject) for step in steps):
        lazy = deepcopy(host)
        with monkeypatch.context() as patched:
            patched.setattr(subject, "put", lambda *_args: None)
            try:
                report = revert(lazy)
            except ClinicalError:
                found_out += 1
                continue
            if any("is not as it was to be" in warning for warning in report.warnings):  # an account's own file
                found_out += 1
            else:  # a tree beside it holds the same
                assert lazy.state() == before, subject
    assert found_out


def test_what_others_changed_elsewhere_is_neither_drift_nor_lost() -> None:
    host = enforced()
    host.add_file("/etc/hosts", "192.0.2.7 hl7\n")
    revert(host)
    assert host.text("/etc/hosts") == "192.0.2.7 hl7\n"
    del host.nodes["/etc/hosts"]
    assert host.state() == dirty_host().state()


def test_what_somebody_already_put_back_is_left_alone() -> None:
    host = enforced("sysctl")
    host.kernel["kernel.kptr_restrict"] = "0"
    report = revert(host)
    assert "kernel value kernel.kptr_restrict" not in [change["subject"] for change in report.restored]
    assert host.state() == dirty_host().state()


def test_an_unknown_run_is_named_with_those_that_are_there() -> None:
    with pytest.raises(ClinicalError, match=r"no-such-run: the journal does not hold it.*It holds: e1"):
        revert(enforced("banner"), "no-such-run")


def test_a_host_that_was_never_changed() -> None:
    with pytest.raises(ClinicalError, match="no run has changed anything here"):
        revert(dirty_host())


def test_a_revert_whose_group_fails_says_so_and_can_be_run_again() -> None:
    host = enforced("package", "banner")
    host.apt_lock = "It is held by process 812 (apt)"
    with pytest.raises(ClinicalError, match="process 812"):
        revert(host)
    assert host.text("/etc/issue") == dirty_host().text("/etc/issue")
    host.apt_lock = ""
    revert(host, by="r2")
    assert host.state() == dirty_host().state()


def damage(host: FakeHost, file: str, change: Callable[[bytes], bytes]) -> None:
    node = host.nodes[f"{journal.JOURNAL}/e1/{file}"]
    node.content = change(node.content)


def cut_lines(host: FakeHost) -> list[tuple[str, Callable[[FakeHost], None]]]:
    """Every way to lose one line, or all from one line on, or half of one."""
    lines = host.nodes[f"{journal.JOURNAL}/e1/entries"].content.splitlines(keepends=True)
    ways: list[tuple[str, Callable[[FakeHost], None]]] = []
    for n in range(len(lines)):
        gone, rest = b"".join(lines[:n] + lines[n + 1 :]), b"".join(lines[:n])
        half, flipped = rest + lines[n][: len(lines[n]) // 2], lines[n].replace(b'"', b"'", 1)
        turned = rest + flipped + b"".join(lines[n + 1 :])
        for name, content in (("gone", gone), ("cut", rest), ("half", half), ("flipped", turned)):
            ways.append((f"line {n} {name}", lambda h, content=content: damage(h, "entries", lambda _old: content)))  # type: ignore[misc]
    return ways


def test_a_damaged_line_is_never_guessed() -> None:
    whole = enforced("sysctl", "file", "service")
    hardened, ways = whole.state(), cut_lines(whole)
    assert len(ways) > 40
    for name, spoil in ways:
        host = deepcopy(whole)
        spoil(host)
        with pytest.raises(ClinicalError, match="its journal is damaged"):
            revert(host)
        assert host.state() == hardened, name
        with suppress(ClinicalError):  # where the way back went through the lost line, as it tells
            (warning,) = revert(host, force=True).warnings
            assert "cannot be read" in warning, name


def test_force_restores_what_can_be_read() -> None:
    whole = enforced("sysctl", "file", "service")
    lines = whole.nodes[f"{journal.JOURNAL}/e1/entries"].content.splitlines(keepends=True)
    groups = [n for n, line in enumerate(lines) if b'"group":' in line]
    for n in groups:  # the name and the effects of a group are lost, its before-images are not
        host = deepcopy(whole)
        damage(host, "entries", lambda _old, n=n: b"".join(lines[:n] + lines[n + 1 :]))  # type: ignore[misc]
        revert(host, force=True)
        assert host.state()["files"] == dirty_host().state()["files"], lines[n]


@pytest.mark.parametrize("file", ["run", "after"])
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda old: b"", id="empty"),
        pytest.param(lambda old: old[: len(old) // 2], id="half"),
        pytest.param(lambda old: old.replace(b"file", b"fire"), id="flipped"),
        pytest.param(lambda old: old + old, id="twice"),
        pytest.param(lambda old: b"\xff\xfe\x00", id="binary"),
    ],
)
def test_a_damaged_note_is_told_and_force_restores(file: str, change: Callable[[bytes], bytes]) -> None:
    before, host = dirty_host().state(), enforced()
    if file == "run":
        damage(host, file, lambda old: change(old.replace(b"e1", b"file")))
    else:
        damage(host, file, change)
    hardened = host.state()
    with pytest.raises(ClinicalError, match="damaged"):
        revert(host, "e1")
    with pytest.raises(ClinicalError, match="damaged"):
        revert(host)
    assert host.state() == hardened
    assert _baseline.audit(host, request("a")).changed is False
    revert(host, "e1", force=True)
    assert host.state() == before


def test_a_lost_closing_note_does_not_cost_others_their_changes() -> None:
    host = enforced("package")
    del host.nodes[f"{journal.JOURNAL}/e1/after"]
    host.add_file("/etc/hosts", "192.0.2.7 hl7\n")
    with pytest.raises(ClinicalError, match="damaged"):
        revert(host)
    assert host.text("/etc/hosts") == "192.0.2.7 hl7\n"
