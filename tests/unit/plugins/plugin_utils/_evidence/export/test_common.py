# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times and days as the formats spell them."""

from __future__ import annotations

import typing as t

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export import common
from unit_tests.plugin_utils._evidence import samples


@pytest.mark.parametrize(
    ("stamp", "told"),
    [
        ("1970-01-01T00:00:00Z", 0.0),
        ("2026-11-22T15:00:00Z", 1795359600.0),
        ("2026-11-22T15:00:00.5Z", 1795359600.5),
        ("20261122T150000Z", 1795359600.0),
        ("yesterday", None),
    ],
)
def test_seconds(stamp: str, told: t.Optional[float]) -> None:
    assert common.seconds(stamp) == told


@pytest.mark.parametrize(
    ("run_id", "told"), [(samples.RUN_ID, "2026-11-22T15:00:00Z"), ("by-hand", "1970-01-01T00:00:00Z")]
)
def test_a_run_that_no_host_answered_has_the_time_of_its_name(run_id: str, told: str) -> None:
    assert common.ended(evidence.bundle(run_id, {}, ["a"])) == told


def test_days() -> None:
    assert common.day("2026-11-22") == 1795305600
    assert common.day("soon") is None
    assert common.day(None) is None


def test_a_host_has_a_file_of_its_own_whatever_its_name_is() -> None:
    names = ["portal-01", "../away", "a/b", "a\\b"]
    files = [common.file_name(name) for name in names]
    assert (files[0], len(set(files))) == ("portal-01", 4)
    assert all("/" not in name and not name.startswith(".") for name in files)
