# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Going back: to the exact state before, never over somebody's later change, and back again."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from typing import Callable

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._change import journal
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from dirty_host import SETTINGS, dirty_host, request
from fake_host import FakeHost

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


@pytest.mark.parametrize(
    ("kinds", "drift", "named"),
    [
        pytest.param(
            ("banner",), lambda h: h.add_file("/etc/issue", "Ours.\n", 0o640, 0, 4), "file /etc/issue", id="content"
        ),
        pytest.param(
            ("file",),
            lambda h: h.set_meta("/etc/shadow", 0o600, 0, 42, h.stat("/etc/shadow")),
            "owner and mode of /etc/shadow",
            id="mode",
        ),
        pytest.param(
            ("sysctl",),
            lambda h: h.kernel.update({"kernel.kptr_restrict": "2"}),
            "kernel value kernel.kptr_restrict",
            id="kernel value",
        ),
        pytest.param(
            ("config",),
            lambda h: h.add_link("/etc/login.defs", "/etc/other"),
            "file /etc/login.defs",
            id="replaced by a link",
        ),
        pytest.param(
            ("package",), lambda h: h.add_file("/etc/telnetrc", "new\n"), "", id="a file that nobody's package changed"
        ),
        pytest.param(
            ("package",),
            lambda h: h.add_file("/etc/dpkg-perl.conf", "own = 1\n"),
            "tree /etc",
            id="conffile",
        ),
    ],
)
def test_a_revert_refuses_to_lose_a_later_change(
    kinds: tuple[str, ...], drift: Callable[[FakeHost], None], named: str
) -> None:
    before, host = dirty_host().state(), enforced(*kinds)
    drift(host)
    changed = host.state()
    if not named:  # it is not the run's business, so it neither hinders nor is lost
        revert(host)
        assert host.text("/etc/telnetrc") == "new\n"
        return
    for check in (True, False):
        with pytest.raises(ClinicalError, match="changed by somebody since") as error:
            revert(host, check=check)
        assert named in str(error.value)
        assert host.state() == changed
    revert(host, force=True)
    assert host.state() == before


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
