# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mode: what each of them says, so that the report has it in one place."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.mode import CHANGED, WOULD_CHANGE
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.run_modes import MODES


@pytest.mark.parametrize("name", MODES)
def test_a_mode_is_found_under_its_own_name_and_can_be_undone_in_words(name: str) -> None:
    mode = MODES[name]
    assert mode.name == name
    assert mode.title
    assert mode.figure in ("ring", "restored", "updates", "services")
    for rehearsal in (True, False):
        undo = mode.undo(rehearsal)
        assert undo.text
        assert bool(undo.playbook) == bool(undo.option)


def test_no_two_modes_have_one_place_or_one_precedence() -> None:
    assert len({mode.place for mode in MODES.values()}) == len(MODES)
    assert len({mode.precedence for mode in MODES.values()}) == len(MODES)


def test_only_an_audit_speaks_of_what_would_change() -> None:
    assert [name for name, mode in MODES.items() if mode.wording is WOULD_CHANGE] == ["audit"]
    assert vars(CHANGED).keys() == vars(WOULD_CHANGE).keys()
