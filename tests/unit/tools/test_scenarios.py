# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Molecule only warns where a playbook or a test is missing, and ends well. Here it is an error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

MOLECULE = Path(__file__).resolve().parents[3] / "molecule"
SCENARIOS = sorted(path.parent.name for path in MOLECULE.glob("*/molecule.yml"))
BASE = yaml.safe_load((MOLECULE.parent / ".config" / "molecule" / "config.yml").read_text(encoding="utf-8"))
RUNS_CONVERGE = ("check", "idempotence")
# The driver brings its own.
FROM_DRIVER = {"podman_driver": ("create", "destroy")}


def settings(scenario: str) -> dict[str, Any]:
    changes = yaml.safe_load((MOLECULE / scenario / "molecule.yml").read_text(encoding="utf-8"))
    return {**BASE, **(changes or {})}


def steps(scenario: str) -> list[list[str]]:
    """The test sequence; a step is its name and the files or directories that it was given."""
    sequence = settings(scenario)["scenario"].get("test_sequence", BASE["scenario"]["test_sequence"])
    return [step.split() for step in sequence]


def wanted(scenario: str) -> list[tuple[str, str]]:
    """(path in the scenario, pattern of a file that must lie there) of each step."""
    places = []
    for name, *given in steps(scenario):
        if name == "verify" and settings(scenario)["verifier"]["name"] == "testinfra":
            places += [(directory, "test_*.py") for directory in given or ["tests"]]
        elif name not in FROM_DRIVER.get(scenario, ()):
            places += [(".", file) for file in given or [f"{'converge' if name in RUNS_CONVERGE else name}.yml"]]
    return places


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_step_of_a_scenario_has_what_it_runs(scenario: str) -> None:
    here = MOLECULE / scenario
    assert [f"{path}/{pattern}" for path, pattern in wanted(scenario) if not any((here / path).glob(pattern))] == []


@pytest.mark.parametrize("scenario", [name for name in SCENARIOS if name != "default"])
def test_every_scenario_is_verified(scenario: str) -> None:
    assert "verify" in [name for name, *_given in steps(scenario)]
