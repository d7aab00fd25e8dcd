# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of updates: what a user may ask for, what a plan says and what the report shows are the same."""

from __future__ import annotations

import choices
from ansible_collections.healthops.clinical.plugins.module_utils._patch.policy import DEADLINES
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import patch
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.html import updates


def test_the_module_offers_every_state() -> None:
    assert choices.of_module("patch", "state") == patch.STATES


def test_every_reason_to_leave_a_package_out_is_documented_and_shown() -> None:
    assert set(patch.LEFT_OUT) <= set(choices.documented("patch", "RETURN"))
    assert set(patch.LEFT_OUT) <= set(updates.STATUS)


def test_the_report_has_a_word_for_every_verdict() -> None:
    assert tuple(updates.VERDICT) == patch.VERDICTS


def test_every_deadline_is_of_a_severity() -> None:
    assert set(DEADLINES) <= {*patch.SEVERITIES, "default"}
    assert {"kev", "critical"} <= set(DEADLINES)
