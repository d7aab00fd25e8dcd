# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tiers, severities and hazards: what a user may choose and what the report explains are the same words."""

from __future__ import annotations

import choices
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import tiers
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import waivers
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import page


def test_the_module_and_the_role_offer_every_tier() -> None:
    assert choices.of_module("baseline", "tier") == tiers.TIERS
    assert choices.of_role("hardening", "hardening_tier") == tiers.TIERS


def test_the_most_severe_comes_first_where_a_reader_looks() -> None:
    assert tiers.MOST_SEVERE_FIRST == ("critical", "high", "medium", "low")
    assert sorted(tiers.MOST_SEVERE_FIRST) == sorted(tiers.SEVERITIES)


def test_a_waiver_may_last_longer_the_less_severe_its_control_is() -> None:
    days = [waivers.MOST_DAYS[severity] for severity in tiers.SEVERITIES]
    assert days == sorted(days, reverse=True)
    assert set(waivers.MOST_DAYS) == set(tiers.SEVERITIES)


def test_the_report_explains_every_hazard() -> None:
    assert tuple(page.HAZARDS) == tiers.HAZARDS
