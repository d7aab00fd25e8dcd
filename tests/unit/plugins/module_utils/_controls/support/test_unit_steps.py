# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching a unit on or off: the steps, and a unit that is not there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change.apply import apply, capture
from ansible_collections.healthops.clinical.plugins.module_utils._change.steps import Group
from ansible_collections.healthops.clinical.plugins.module_utils._change.subjects.units import Unit, show
from ansible_collections.healthops.clinical.plugins.module_utils._controls.support.unit_steps import (
    active_state,
    enabled_state,
    enabling,
    existing,
    starting,
    stopping,
)
from fake_host import FakeHost
from fake_programs import FakeUnit
from look import subjects

NAME = "rsyslog.service"
IDS = ("service_rsyslog",)
UNIT = Unit(name=NAME, loaded="loaded", active="inactive", enabled="disabled", fragment="", since=0.0)


@pytest.mark.parametrize("loaded", ["not-found", ""])
def test_a_unit_that_nobody_has_made_is_none(loaded: str) -> None:
    assert existing(replace(UNIT, loaded=loaded)) is None
    assert existing(None) is None
    assert existing(UNIT) is UNIT


@pytest.mark.parametrize(
    ("unit", "states"),
    [
        (UNIT, ("disabled", "inactive")),
        (replace(UNIT, enabled=""), ("absent", "inactive")),
        (None, ("absent", "absent")),
    ],
)
def test_states_are_those_of_systemctl_or_absent(unit: Unit | None, states: tuple[str, str]) -> None:
    assert (enabled_state(unit), active_state(unit)) == states


def test_the_links_that_systemctl_lays_are_watched_before_it_lays_them() -> None:
    links, enable = enabling(NAME, "disabled", "it starts at each boot", IDS)
    assert (links.wanted, links.beside, enable.beside) == (None, True, False)
    assert subjects([Group("units", (links, enable))])[1] == f"start at boot of unit {NAME}"
    assert (enable.before, enable.after, enable.controls) == ("disabled", "enabled", IDS)


def test_a_unit_is_enabled_started_and_stopped() -> None:
    host = FakeHost()
    host.units[NAME] = FakeUnit()
    on = Group("on", (*enabling(NAME, "disabled", "why", IDS), starting(NAME, "inactive", "why", IDS)))
    assert apply(host, [on], capture(host, [on])).failed == {}
    unit = show(host, [NAME])[NAME]
    assert (unit.enabled, unit.running) == ("enabled", True)
    off = Group("off", (stopping(NAME, unit.active, "why", IDS),))
    assert apply(host, [off], capture(host, [off])).failed == {}
    assert not show(host, [NAME])[NAME].running
    assert (off.steps[0].before, off.steps[0].after) == ("active", "inactive")
