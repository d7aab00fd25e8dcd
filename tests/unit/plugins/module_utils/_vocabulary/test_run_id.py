# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of runs: what hosts and the control node accept, and the ones that we make."""

from __future__ import annotations

import re

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import run_id


def test_a_new_run_id_can_be_used_and_sorts_by_time() -> None:
    made = run_id.new_run_id()
    assert re.fullmatch(r"\d{8}T\d{6}Z-[0-9a-f]{4}", made)
    assert run_id.is_run_id(made)
    assert made > "20261122T150000Z-ffff"


@pytest.mark.parametrize("text", ["a", "20261122T150000Z-1f3a", "A.b_c-9", "x" * 64, "x" * 80])
def test_what_a_journal_or_evidence_was_ever_named_is_a_run_id(text: str) -> None:
    assert run_id.is_run_id(text)


@pytest.mark.parametrize("text", ["", ".", "..", "../x", "a/b", "-rf", " a", "a b", "x" * 81, "ä", "a\n", "a\0"])
def test_what_could_lead_elsewhere_is_none(text: str) -> None:
    assert not run_id.is_run_id(text)
