# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on disk: only root may read them, a damaged record is none, and a run that goes is no run at once."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import run_store
from ansible_collections.healthops.clinical.plugins.module_utils._change.run_store import RUN, RunStore
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost, Killed

STORE = RunStore(f"{run_store.STATE}/patch/runs")
RECORD = {"b": [1, None], "a": "ü"}


def begun(run_id: str = "one") -> FakeHost:
    host = FakeHost()
    STORE.make(host, run_id)
    STORE.write_record(host, run_id, "plan", RECORD)
    STORE.write_record(host, run_id, RUN, RECORD)
    return host


def test_a_record_comes_back_and_only_root_may_read_it() -> None:
    host = begun()
    assert STORE.names(host) == ["one"]
    assert STORE.has(host, "one", RUN)
    assert STORE.read_record(host, "one", RUN) == RECORD
    folders = (run_store.STATE, f"{run_store.STATE}/patch", STORE.folder, STORE.path("one"))
    assert [host.nodes[folder].mode for folder in folders] == [0o700] * 4
    assert host.nodes[STORE.path("one", RUN)].mode == 0o600


def test_a_record_is_one_line_whose_checksum_earlier_releases_wrote_as_well() -> None:
    assert run_store.line({"b": 1, "a": "x"}) == b'cdab067e9f3beb32 {"a":"x","b":1}\n'


@pytest.mark.parametrize("content", [b"", b"no", b"0123456789abcdef {}"], ids=["empty", "no checksum", "another"])
def test_what_is_missing_or_damaged_is_no_record(content: bytes) -> None:
    host = begun()
    assert STORE.read_record(host, "one", "after") is None
    host.nodes[STORE.path("one", RUN)].content = content
    assert STORE.read_record(host, "one", RUN) is None
    assert STORE.has(host, "one", RUN)


@pytest.mark.parametrize("run_id", ["", "../one", "a/b", ".one", "x" * 100])
def test_an_id_that_could_not_name_a_folder_is_refused(run_id: str) -> None:
    host = FakeHost()
    with pytest.raises(ClinicalError, match="it cannot name a directory"):
        STORE.make(host, run_id)
    assert host.operations == []


def test_a_run_that_is_forgotten_is_no_run_from_the_first_step_on() -> None:
    host = begun()
    host.strike(1, "killed_after")
    with pytest.raises(Killed):
        STORE.forget(host, "one")
    assert not STORE.has(host, "one", RUN)
    host.fault = None
    STORE.forget(host, "one")
    assert STORE.names(host) == []
