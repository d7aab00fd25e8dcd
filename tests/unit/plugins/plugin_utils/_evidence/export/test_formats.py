# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every writer promises: the same bytes from the same run, nothing that was unknown looks good, no secret."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import bundle as evidence
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import record
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import FORMATS as PATHS
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.export.formats import exported
from unit_tests.plugin_utils._evidence import samples, secrets
from unit_tests.plugin_utils._evidence.export.fleets import sample_bundle
from unit_tests.plugin_utils._evidence.test_record import planted

FORMATS = sorted(PATHS)


def shuffled(value: t.Any, dice: random.Random) -> t.Any:
    """The same data with the keys of every mapping in another order."""
    if isinstance(value, dict):
        keys = list(value)
        dice.shuffle(keys)
        return {key: shuffled(value[key], dice) for key in keys}
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", FORMATS)
def test_the_order_in_which_results_came_changes_no_byte(name: str) -> None:
    wanted = exported(sample_bundle(), [name])
    for seed in range(3):
        dice = random.Random(seed)
        records = shuffled(sample_bundle()["hosts"], dice)
        expected = [*records, "down"]
        dice.shuffle(expected)
        assert exported(evidence.bundle(samples.RUN_ID, records, expected), [name]) == wanted


PRINT_DIGESTS = """
import hashlib, runpy, sys, locale
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/tests/unit"]
runpy.run_path(sys.argv[1] + "/tests/unit/conftest.py")
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
from unit_tests.plugin_utils._evidence.export import test_formats as tests
for path, data in sorted(tests.exported(tests.sample_bundle(), tests.FORMATS).items()):
    print(path, hashlib.sha256(data).hexdigest())
"""


def elsewhere(**environment: str) -> str:
    root = str(Path(__file__).resolve().parents[6])
    return subprocess.run(
        [sys.executable, "-c", PRINT_DIGESTS, root],
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def test_another_machine_makes_the_same_bytes() -> None:
    here = elsewhere(TZ="UTC", LC_ALL="C.UTF-8", PYTHONHASHSEED="1")
    assert len(here.splitlines()) == len(exported(sample_bundle(), FORMATS)) >= 10
    assert elsewhere(TZ="Pacific/Auckland", LC_ALL="tr_TR.UTF-8", PYTHONHASHSEED="2", LANG="de_DE.UTF-8") == here
    assert elsewhere(TZ="America/New_York", LC_ALL="POSIX", PYTHONHASHSEED="3", PYTHONUTF8="0") == here


def test_no_writer_looks_at_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = exported(sample_bundle(), FORMATS)
    for name in ("time", "time_ns", "gmtime", "localtime", "strftime", "monotonic"):
        monkeypatch.setattr(f"time.{name}", lambda *_args: pytest.fail("a writer asked for the time"))
    assert exported(sample_bundle(), FORMATS) == wanted


@pytest.mark.parametrize("name", FORMATS)
def test_no_planted_secret_is_in_any_exported_file(name: str) -> None:
    run = evidence.bundle(samples.RUN_ID, {"a": record.clean_result(planted(), "a")}, ["b"])
    for path, data in exported(run, [name]).items():
        assert secrets.found(data.decode("utf-8")) == [], path


@pytest.mark.parametrize("name", FORMATS)
def test_a_run_without_any_result_is_told(name: str) -> None:
    run = evidence.bundle(samples.RUN_ID, {}, ["down"], {"half": "/x/half.json: cut"}, "harden")
    told = "".join(data.decode("utf-8") for data in exported(run, [name]).values())
    assert "down" in told
    assert "half" in told


@pytest.mark.parametrize("name", FORMATS)
def test_a_rollback_can_be_written(name: str) -> None:
    run = evidence.bundle("r2", {"a": record.clean_result(samples.reverted(run_id="r2"), "a")}, ["a"])
    made = exported(run, [name])
    assert all(data.endswith(b"\n") for data in made.values() if name != "ocsf")
    assert name != "ocsf" or made == {"ocsf.jsonl": b""}  # it has no word for what was put back
