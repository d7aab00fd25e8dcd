# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run is killed, or the disk refuses, at every single operation: the host is as before, or can be made so."""

from __future__ import annotations

import errno
import os
from copy import deepcopy
from functools import cache
from typing import Any, Dict, List, Sequence, Tuple

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from dirty_host import SETTINGS, dirty_host, request
from fake_host import FakeHost, Killed

EVERY = [*((kind,) for kind in SETTINGS), ()]
NAMES = [*SETTINGS, "all"]


@cache
def _dirty() -> FakeHost:
    return dirty_host()


@cache
def _before() -> Dict[str, Any]:
    return _dirty().state()


@cache
def _length(*kinds: str) -> int:
    """How many operations an enforce takes."""
    host = deepcopy(_dirty())
    _baseline.enforce(host, request("e1", *kinds))
    return len(host.operations)


def _some(kinds: Tuple[str, ...], offset: int = 0) -> range:
    """Every operation of one kind; of all kinds together, which repeat those, every fourth one."""
    return range(1, _length(*kinds) + 1) if kinds else range(1 + offset, _length() + 1, 4)


def _deaths(numbers: Sequence[int]) -> List[Tuple[int, str]]:
    """Before each operation, and after the last; after any other is before the next."""
    return [*((n, "killed") for n in numbers), (numbers[-1], "killed_after")]


def _killed(at: int, how: str, *kinds: str) -> FakeHost:
    host = deepcopy(_dirty())
    host.strike(at, how)
    with pytest.raises(Killed):
        _baseline.enforce(host, request("e1", *kinds))
    host.fault = None
    return host


def _never_began(host: FakeHost) -> bool:
    return not host.glob("/var/lib/healthops/journal/*/run")


def _revert(host: FakeHost, run_id: str = "r1", wanted: str = "") -> _baseline.Report:
    return _baseline.revert(host, request(run_id), wanted, False)


def _same(host: FakeHost, where: Tuple[Any, ...]) -> None:
    """Deep equality, told by what differs."""
    now, before = host.state(), _before()
    if now != before:
        differing: List[Any] = [part for part in before if now[part] != before[part]]
        paths = [p for p in {**now["files"], **before["files"]} if now["files"].get(p) != before["files"].get(p)]
        pytest.fail(f"{where} after {host.operations[-3:]}: {differing} {paths}")
    assert host.leftovers() == [], where


@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_killed_at_any_operation_and_reverted(kinds: Tuple[str, ...]) -> None:
    for n, how in _deaths(range(1, _length(*kinds) + 1)):
        host = _killed(n, how, *kinds)
        if _never_began(host):
            _same(host, (n, how))
            continue
        _revert(host)
        _same(host, (n, how))
        assert not _revert(host, "r2").changed


@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_killed_at_any_operation_and_enforced_again(kinds: Tuple[str, ...]) -> None:
    for n, how in _deaths(_some(kinds)):
        host = _killed(n, how, *kinds)
        began, ended = not _never_began(host), n == _length(*kinds) and how == "killed_after"
        again = _baseline.enforce(host, request("e2", *kinds))
        assert bool(again.warnings) == (began and not ended), (n, how)
        assert {f["result"] for f in again.findings} <= {"pass", "fixed"}, (n, how)
        assert not _baseline.audit(host, request("a", *kinds)).changed, (n, how)
        if again.changed:
            _revert(host, "r2", "e2")
        if began:
            _revert(host, "r1", "e1")
        _same(host, (n, how))


def test_a_warning_names_the_cut_run_and_the_way_back() -> None:
    host = _killed(_length("banner") - 4, "killed", "banner")
    (warning,) = _baseline.enforce(host, request("e2", "banner")).warnings
    assert "e1 was cut before it ended" in warning
    assert "run_id: e1" in warning


@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_a_revert_that_is_killed_at_any_operation_can_be_run_again(kinds: Tuple[str, ...]) -> None:
    enforced = deepcopy(_dirty())
    _baseline.enforce(enforced, request("e1", *kinds))
    whole = deepcopy(enforced)
    _revert(whole)
    length = len(whole.operations) - len(enforced.operations)
    for n, how in _deaths(range(1, length + 1, 1 if kinds else 3)):
        host = deepcopy(enforced)
        host.strike(n, how)
        with pytest.raises(Killed):
            _revert(host)
        host.fault = None
        _revert(host, "r2")
        _same(host, (n, how))
        assert not _baseline.enforce(host, request("e2", *kinds)).warnings, (n, how)


def test_a_revert_of_a_killed_run_that_is_killed_too() -> None:
    """Every pair would take minutes, so each way of dying is combined with some operations only."""
    for n in range(1, _length() + 1, 9):
        cut = _killed(n, "killed_after")
        for m in range(1, 200, 5):
            if _never_began(cut):
                break
            host = deepcopy(cut)
            host.strike(m, "killed")
            try:
                _revert(host)
            except Killed:
                host.fault = None
                _revert(host, "r2")
                _same(host, (n, m))
            else:
                break


@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("errno_name", ["ENOSPC", "EROFS"])
@pytest.mark.parametrize("kinds", EVERY, ids=NAMES)
def test_a_disk_that_refuses_at_any_operation(kinds: Tuple[str, ...], errno_name: str, lasting: bool) -> None:
    for n in _some(kinds, 2 if lasting else 0):
        host = deepcopy(_dirty())
        host.strike(n, errno_name, lasting)
        where = (n, errno_name, lasting)
        try:
            report = _baseline.enforce(host, request("e1", *kinds))
        except ClinicalError as error:
            host.fault = None
            told = str(error)
            if "could NOT be put back" in told:
                _revert(host)
            else:
                assert "nothing was changed" in told or "put back as it was" in told, where
            _same(host, where)
        else:  # what struck was no write to the disk, or only the tidying at the end
            host.fault = None
            assert {f["result"] for f in report.findings} <= {"fixed", "error"}, where
            for finding in report.findings:
                assert finding["result"] == "fixed" or os.strerror(getattr(errno, errno_name)) in finding["reason"], (
                    where
                )
            _revert(host)
            _same(host, where)


@pytest.mark.parametrize("errno_name", ["ENOSPC", "EROFS"])
def test_a_revert_on_a_disk_that_refuses(errno_name: str) -> None:
    enforced = deepcopy(_dirty())
    _baseline.enforce(enforced, request("e1"))
    for n in range(1, 200, 3):
        host = deepcopy(enforced)
        host.strike(n, errno_name, lasting=True)
        try:
            report = _revert(host)
        except ClinicalError:
            host.fault = None
            _revert(host, "r2")
        else:
            host.fault = None
            if not report.warnings:
                break
        _same(host, (n, errno_name))


def test_a_full_disk_tells_what_to_do() -> None:
    host = deepcopy(_dirty())
    host.strike(1, "ENOSPC", lasting=True)
    with pytest.raises(ClinicalError, match=r"No space left on device; nothing was changed\. Free space"):
        _baseline.enforce(host, request("e1"))


def test_the_run_to_revert_is_never_one_that_was_put_back_by_itself() -> None:
    host = deepcopy(_dirty())
    _baseline.enforce(host, request("e1", "banner"))
    host.strike(20, "ENOSPC")
    with pytest.raises(ClinicalError, match="put back as it was"):
        _baseline.enforce(host, request("e2"))
    host.fault = None
    assert _revert(host).reverted_run_id == "e1"
    _same(host, ("e1",))
