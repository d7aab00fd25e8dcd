# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this account wrote is known until it is sealed, for one evidence directory and one run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.own_writes import OwnWrites


def test_what_was_written_is_known_until_it_is_sealed_as_such(tmp_path: Path) -> None:
    own = OwnWrites(tmp_path / "notes")
    assert own.unsealed("r1") == {}
    own.note("r1", "hosts/röntgen 1.json", "aa")
    own.note("r1", "hosts/b.json", "bb")
    own.note("r1", "hosts/b.json", "cc")
    own.note("r2", "hosts/b.json", "dd")
    assert own.unsealed("r1") == {"hosts/röntgen 1.json": "aa", "hosts/b.json": "cc"}
    own.settle("r1", [("hosts/röntgen 1.json", "aa"), ("hosts/b.json", "bb"), ("run.json", "ee")])
    assert own.unsealed("r1") == {"hosts/b.json": "cc"}
    assert own.unsealed("r2") == {"hosts/b.json": "dd"}


def test_the_end_of_each_chain_is_remembered(tmp_path: Path) -> None:
    own = OwnWrites(tmp_path / "notes")
    assert own.ends() == {}
    own.remember_end("main", {"sequence": 1})
    own.remember_end("annex", {"sequence": 7})
    own.remember_end("main", {"sequence": 2})
    assert own.ends() == {"annex": {"sequence": 7}, "main": {"sequence": 2}}


def test_a_directory_has_its_notes_by_whatever_name_it_is_called(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    (tmp_path / "link").symlink_to("evidence")
    by_name, by_link, other = (OwnWrites.of(tmp_path, tmp_path / name) for name in ("evidence", "link", "other"))
    assert by_name == by_link != other


def test_notes_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("a file", encoding="utf-8")
    with pytest.raises(ClinicalError, match="Creating the directory"):
        OwnWrites(tmp_path / "notes").note("r1", "hosts/a.json", "aa")
