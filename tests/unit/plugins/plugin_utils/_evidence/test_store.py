# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence on disk: whole or not at all, where it belongs, and never lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record, store
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.files import make_dirs
from unit_tests.plugin_utils._evidence import samples
from unit_tests.plugin_utils._evidence.stored_runs import RUN, keep, mode_of, report, write_record


def test_records_lie_where_they_should_with_closed_modes(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path, changed = write_record(tmp_path / "e", "röntgen", record.clean_result(samples.result(), "x"))
    finally:
        os.umask(before)
    assert changed
    assert path == tmp_path / "e" / RUN / "hosts" / "röntgen.json"
    assert mode_of(path) == 0o640
    assert {mode_of(each) for each in list(path.parents)[:3]} == {0o750}
    assert [each.name for each in path.parent.iterdir()] == ["röntgen.json"]


def test_the_same_record_is_not_written_again(tmp_path: Path) -> None:
    result = record.clean_result(samples.result(), "a")
    path, _changed = write_record(tmp_path, "a", result)
    before = path.stat()
    assert write_record(tmp_path, "a", result) == (path, False)
    assert path.stat().st_ino == before.st_ino


def test_a_link_in_the_place_of_a_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / RUN).symlink_to("elsewhere")
    with pytest.raises(ClinicalError, match="it is a symbolic link"):
        write_record(tmp_path, "a", record.clean_result(samples.result(), "a"))


def test_a_link_in_the_place_of_a_record_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("keep")
    path = store.record_path(tmp_path, RUN, "a")
    make_dirs(path.parent)
    path.symlink_to(victim)
    write_record(tmp_path, "a", record.clean_result(samples.result(), "a"))
    assert victim.read_text() == "keep"
    assert not path.is_symlink()


def test_a_record_under_another_name_is_not_that_hosts_evidence(tmp_path: Path) -> None:
    names = keep(tmp_path, 1)
    path = store.record_path(tmp_path, RUN, names[0])
    store.record_path(tmp_path, RUN, "twin").write_bytes(path.read_bytes())
    assert "the record is of" in report(tmp_path, run_id=RUN)["unknown_hosts"]["twin"]


def test_left_over_temporary_files_are_no_records(tmp_path: Path) -> None:
    names = keep(tmp_path, 1)
    (store.record_path(tmp_path, RUN, names[0]).parent / ".abc.tmp").write_bytes(b"{")
    assert report(tmp_path, run_id=RUN)["unknown_hosts"] == {}


def test_no_latest_names_the_runs_there_are(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="No run was recorded there"):
        report(tmp_path / "none")
    keep(tmp_path, 1)
    with pytest.raises(ClinicalError, match=f"Name one of these runs: {RUN}"):
        report(tmp_path)


def test_latest_that_leads_away_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("../elsewhere")
    with pytest.raises(ClinicalError, match="cannot name a directory"):
        report(tmp_path)


def test_latest_that_is_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "latest").write_text("mine")
    keep(tmp_path, 1)
    with pytest.raises(ClinicalError, match="it is not a symbolic link"):
        report(tmp_path, run_id=RUN)
    assert (tmp_path / "latest").read_text() == "mine"
