# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of runs: what hosts and the control node accept, and the ones that we make."""

from __future__ import annotations

import re
import time

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import run_id


def test_a_new_run_id_can_be_used() -> None:
    assert run_id.is_run_id(run_id.new_run_id())


def test_it_names_its_second_and_tells_two_of_one_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_id.time, "gmtime", lambda: time.struct_time((2026, 11, 22, 15, 0, 0, 6, 326, 0)))
    made = [run_id.new_run_id() for _number in range(8)]
    assert all(re.fullmatch(r"20261122T150000Z-[0-9a-f]{4}", name) for name in made), made
    assert len(set(made)) > 1


def test_a_later_one_sorts_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = [1_795_359_599, 1_795_359_600]
    moments = iter([time.gmtime(second) for second in seconds])
    monkeypatch.setattr(run_id.time, "gmtime", lambda: next(moments))
    first, second = run_id.new_run_id(), run_id.new_run_id()
    assert first < second


@pytest.mark.parametrize("text", ["a", "20261122T150000Z-1f3a", "A.b_c-9", "x" * 64, "x" * 80])
def test_what_a_journal_or_evidence_was_ever_named_is_a_run_id(text: str) -> None:
    assert run_id.is_run_id(text)


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/b", "-rf", " a", "a b", "x" * 81, "ä", "a\n", "a\0"])
def test_what_could_lead_elsewhere_is_none(text: str) -> None:
    assert not run_id.is_run_id(text)
