# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all systems share: a role says which platforms it knows, and stops on another one."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("ansible")

from roles import plays

FACTS = {"ansible.builtin.setup": {"gather_subset": ["distribution"]}}
HERE = "{{ {ansible_facts.distribution: [ansible_facts.distribution_major_version]} }}"
PLATFORMS = {
    "this one": HERE,
    "another release": "{{ {ansible_facts.distribution: ['0']} }}",
    "another distribution": {"Plan 9": ["3", "4"]},
}


def test_a_role_stops_on_a_platform_that_it_does_not_know(tmp_path: Path) -> None:
    asked = {"ansible.builtin.include_role": {"name": "healthops.clinical.system", "tasks_from": "platform"}}
    outcomes = [plays.outcome(name, [asked], {"system_platforms": known}) for name, known in PLATFORMS.items()]
    plays.run(tmp_path, [{"tasks": [FACTS, *outcomes, plays.keep_outcomes(tmp_path)]}])
    assert plays.reason("this one", tmp_path) == ""
    assert plays.reason("another release", tmp_path).startswith("This role knows ")
    assert "This role knows Plan 9 3 and 4; localhost has " in plays.reason("another distribution", tmp_path)
