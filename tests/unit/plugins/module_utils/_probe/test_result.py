# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a probe reports: healthy only in a state that was wanted, and nothing of the peer's own words."""

from __future__ import annotations

from dataclasses import fields

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.module_utils._probe.result import (
    FAILURES,
    PeerFailure,
    ProbeResult,
    Verdict,
    not_probed,
    probe_result,
)


@pytest.mark.parametrize(("states", "healthy"), [(("ready",), True), (("alive", "ready"), True), (("alive",), False)])
def test_healthy_is_a_state_that_was_wanted(states: tuple[str, ...], healthy: bool) -> None:
    result = probe_result(Verdict("ready", "AA"), states, 4.2, "mllp://engine:2575")
    expected = ProbeResult(healthy=healthy, state="ready", latency_ms=4.2, saw="AA", target="mllp://engine:2575")
    assert result == expected


@pytest.mark.parametrize("state", FAILURES)
def test_no_failure_of_a_peer_is_healthy(state: str) -> None:
    verdict = PeerFailure(state, "it said nothing").verdict
    assert not probe_result(verdict, ("ready", "alive", "draining"), 1.0, "x").healthy


def test_what_could_not_be_tried_says_nothing_about_the_peer() -> None:
    error = ClinicalError("Using port", "0", "it is out of range", "It goes from 1 to 65535.")
    result = not_probed(error, "mllp://engine:0")
    assert (result.healthy, result.state, result.latency_ms) == (False, "not_probed", 0.0)
    assert result.saw == str(error)


def test_the_keys_are_those_that_the_modules_document() -> None:
    assert [field.name for field in fields(ProbeResult)] == ["healthy", "state", "latency_ms", "saw", "target"]
