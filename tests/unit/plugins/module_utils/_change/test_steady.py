# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A unit that dies after it was started is found, with what it said."""

from __future__ import annotations

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.steady import WATCHED, require_steady
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from fake_host import FakeHost
from fake_programs import FakeUnit


@pytest.fixture
def host() -> FakeHost:
    made = FakeHost()
    made.units["good.service"] = FakeUnit(active=True)
    made.units["bad.service"] = FakeUnit(active=True, dies="cannot bind")
    return made


def test_units_that_run_are_watched_for_a_while(host: FakeHost) -> None:
    began = host.monotonic()
    require_steady(host, ["good.service"])
    assert host.monotonic() - began >= WATCHED


def test_nothing_to_watch_takes_no_time(host: FakeHost) -> None:
    require_steady(host, [])
    assert host.runs == []


def test_a_unit_that_dies_meanwhile_is_named_with_its_words(host: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    def sleep(seconds: float) -> None:
        host.uptime += seconds
        host.units["bad.service"].active = False

    monkeypatch.setattr(host, "sleep", sleep)
    with pytest.raises(ClinicalError, match=r"bad.service: it does not go on running .*It said: cannot bind"):
        require_steady(host, ["good.service", "bad.service"])


def test_a_unit_that_systemd_starts_again_and_again_is_no_unit_that_runs(
    host: FakeHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sleep(seconds: float) -> None:
        host.uptime += seconds
        host.units["bad.service"].starts += 1

    monkeypatch.setattr(host, "sleep", sleep)
    with pytest.raises(ClinicalError, match=r"bad.service"):
        require_steady(host, ["bad.service"])


def test_a_unit_that_was_never_there_fails_at_once(host: FakeHost) -> None:
    with pytest.raises(ClinicalError, match=r"none.service"):
        require_steady(host, ["none.service"])
