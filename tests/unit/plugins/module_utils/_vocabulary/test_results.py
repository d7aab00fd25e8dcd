# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The result words: both orders hold the same ones, and everything that shows them knows each."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import results
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import page, text


def test_both_orders_hold_the_same_words() -> None:
    assert sorted(results.RESULTS) == sorted(results.WORST_FIRST)
    assert len(set(results.RESULTS)) == len(results.RESULTS) == 8


def test_what_is_unknown_or_open_comes_before_what_is_good() -> None:
    order = results.WORST_FIRST.index
    assert order(results.ERROR) < order(results.FAIL) < order(results.DEFERRED) < order(results.FIXED)
    assert order(results.FIXED) < order(results.PASS) < order(results.NOTAPPLICABLE)


def test_the_report_has_a_sign_and_a_place_for_every_word() -> None:
    assert set(text.WORDS) == set(results.RESULTS)
    assert set(page.PICTURE) == {*results.RESULTS, "noresult"}
    assert set(page.VERDICT_SIGNS) == set(page.VERDICT_WORDS) == set(results.VERDICT_STATES)
    assert set(page.VERDICT_NAMES) == set(results.VERDICTS)


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, "no"), (0, "0"), (1, "1"), ("on", "on"), (1.5, "1.5"), ("", "")]
)
def test_a_setting_is_spelled_as_configuration_files_do(value: object, text: str) -> None:
    assert results.setting_text(value) == text
