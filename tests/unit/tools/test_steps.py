# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios in lanes: each is run once, the longest first, none after a failure; and the table of what steps took."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

import scenarios  # noqa: E402


def test_each_is_run_once_and_the_longest_begin_first() -> None:
    begun: list[tuple[str, int]] = []
    started = threading.Barrier(2)

    def run(name: str, lane: int) -> int:
        begun.append((name, lane))
        if len(begun) <= 2:
            started.wait(timeout=30)  # both lanes have one
        return 0

    lanes = scenarios.Lanes(run, ["hosts", "probes", "hardening", "imaging_archive"], lanes=2)
    lanes.go()
    assert sorted(name for name, _lane in begun) == ["hardening", "hosts", "imaging_archive", "probes"]
    assert {name for name, _lane in begun[:2]} == {"hardening", "imaging_archive"}
    assert {lane for _name, lane in begun[:2]} == {1, 2}
    assert (lanes.failed, lanes.left) == ([], [])


def test_after_a_failure_none_is_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "LONG", {"hardening": 20, "logins": 10})
    begun: list[str] = []

    def run(name: str, _lane: int) -> int:
        begun.append(name)
        return 1 if name == "hardening" else 0

    lanes = scenarios.Lanes(run, ["hosts", "hardening", "logins"], lanes=1)
    lanes.go()
    assert (begun, lanes.failed, lanes.left) == (["hardening"], ["hardening"], ["logins", "hosts"])


def test_what_keeps_a_lane_from_running_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    def run(_name: str, _lane: int) -> int:
        raise OSError("no engine")

    lanes = scenarios.Lanes(run, ["hosts", "logins"], lanes=1)
    lanes.go()
    assert (lanes.failed, lanes.left) == (["logins"], ["hosts"])
    assert "no engine" in capsys.readouterr().err


def test_every_scenario_is_run_and_the_estimates_are_of_scenarios() -> None:
    there = {path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml")}
    assert set(scenarios.every_scenario()) == there - {"default"}
    assert set(scenarios.LONG) <= there


def test_a_scenario_with_an_inventory_of_its_own_does_not_start_the_shared_hosts() -> None:
    pytest.importorskip("yaml")
    for name in scenarios.every_scenario():
        own = (ROOT / "molecule" / name / "inventory").is_dir()
        assert not own or scenarios.settings_of(name)["shared_state"] is False, name


def test_the_table_has_sums_and_shows_what_failed(tmp_path: Path) -> None:
    steps = [
        scenarios.Step("short", "verify", 1.0, 0.5, 0.2, True),
        scenarios.Step("long", "check", 10.0, 4.0, 3.0, True),
        scenarios.Step("long", "converge", 20.0, 6.0, 5.5, False),
    ]
    assert [line.split() for line in scenarios.table(steps).splitlines()] == [
        ["seconds", "wall", "controller", "hosts"],
        ["long", "30.0", "10.0", "8.5"],
        ["check", "10.0", "4.0", "3.0"],
        ["converge", "FAILED", "20.0", "6.0", "5.5"],
        ["short", "1.0", "0.5", "0.2"],
        ["verify", "1.0", "0.5", "0.2"],
        ["all", "31.0", "10.5", "8.7"],
    ]


def test_steps_of_several_lanes_are_kept_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTHOPS_STEPS", str(tmp_path / "steps.jsonl"))
    step = scenarios.Step("hosts", "verify", 1.0, 0.5, 0.2, True)
    scenarios.keep(step)
    scenarios.keep(step)
    assert scenarios.read_steps(tmp_path) == [step, step]


def test_a_checkout_has_one_run_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenarios, "STATE", tmp_path)
    with scenarios.only_run(), pytest.raises(SystemExit, match="run in this checkout already"), scenarios.only_run():
        pass
    with scenarios.only_run():
        pass
