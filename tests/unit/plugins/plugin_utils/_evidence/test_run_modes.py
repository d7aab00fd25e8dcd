# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modes of a run: each is found, and the records know better than the play."""

from __future__ import annotations

import typing as t
from pathlib import Path

import choices
import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import run_modes
from unit_tests.plugin_utils._evidence.bundles import sample_record


@pytest.mark.parametrize(
    ("records", "asked", "mode"),
    [
        pytest.param(["harden"], "audit", "harden", id="records-know-better"),
        pytest.param(["audit"], "harden", "audit", id="check-mode-is-an-audit"),
        pytest.param(["audit", "harden"], "", "harden", id="mixed-is-the-stronger"),
        pytest.param([], "rollback", "rollback", id="asked"),
        pytest.param([], "", "audit", id="nothing-known"),
    ],
)
def test_mode(records: t.List[str], asked: str, mode: str) -> None:
    assert run_modes.recognise([sample_record(mode=each) for each in records], asked) == mode


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ClinicalError, match="Known words: audit, harden, rollback"):
        run_modes.recognise([], "patch")


def test_the_module_and_the_role_offer_every_mode() -> None:
    assert choices.of_module("evidence_report", "mode") == tuple(run_modes.MODES)
    assert choices.of_role("evidence", "evidence_mode") == ("", *run_modes.MODES)


def test_every_file_in_the_folder_is_a_mode() -> None:
    folder = Path(run_modes.__file__).with_name("modes")
    assert sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__") == sorted(run_modes.MODES)
