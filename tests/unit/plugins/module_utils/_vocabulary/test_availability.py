# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What listened: hosts, the documentation and evidence have the same keys."""

from __future__ import annotations

import choices
from ansible_collections.healthops.clinical.plugins.module_utils import _baseline
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import availability
from guarded import guarded_host, guarded_request


def test_every_key_is_documented() -> None:
    told = choices.documented("baseline", "RETURN")["availability"]
    assert tuple(told["contains"]) == availability.KEYS
    assert set(told["sample"]) == set(availability.KEYS)


def test_a_run_that_compared_nothing_has_the_keys_of_one_that_did() -> None:
    nothing = availability.not_compared()
    compared = _baseline.enforce(guarded_host(), guarded_request()).availability
    assert (nothing["compared"], compared["compared"]) == (False, True)
    assert tuple(nothing) == tuple(compared) == availability.KEYS
    assert {key: type(value) for key, value in nothing.items()} == {key: type(value) for key, value in compared.items()}


def test_two_results_share_no_list() -> None:
    first = availability.not_compared()
    first["lost"].append("tcp 22")
    assert availability.not_compared()["lost"] == []
