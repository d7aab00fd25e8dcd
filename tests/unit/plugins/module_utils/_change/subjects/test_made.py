# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A file that a job makes after the run has ended."""

from __future__ import annotations

from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.made import MadeFile
from fake_host import FakeHost

MADE = MadeFile("/var/lib/aide/aide.db")


def test_what_the_job_made_goes_when_the_run_is_taken_back() -> None:
    host = FakeHost()
    before = MADE.capture(host)
    assert before == {"there": False}
    host.add_file(MADE.path, "database")
    assert MADE.is_partial(MADE.capture(host), before, before)
    MADE.put(host, before)
    assert MADE.path not in host.nodes


def test_what_was_there_before_stays_with_its_bytes() -> None:
    host = FakeHost()
    host.add_file(MADE.path, "old")
    before = MADE.capture(host)
    host.add_file(MADE.path, "new")
    MADE.put(host, before)
    assert host.text(MADE.path) == "new"
    assert host.operations == []
