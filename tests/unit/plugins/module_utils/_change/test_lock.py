# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run at a time: the lock names its holder and dies with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._change import lock as host_lock
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError

HOLDER = """
import importlib.util, pathlib, sys
sys.path.insert(0, sys.argv[1])
import conftest
from ansible_collections.healthops.clinical.plugins.module_utils._change import lock
with lock.held("theirs", sys.argv[2]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def lock(tmp_path: Path) -> str:
    return str(tmp_path / "run" / "baseline.lock")


@pytest.fixture
def holder(lock: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    unit = str(Path(__file__).resolve().parents[3])
    argv = [sys.executable, "-c", HOLDER, unit, lock]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_free_lock_is_taken_and_given_back(lock: str) -> None:
    for run_id in ("one", "two"):
        with host_lock.held(run_id, lock):
            assert run_id in Path(lock).read_text()
    assert Path(lock).stat().st_mode & 0o777 == 0o600
    assert Path(lock).parent.stat().st_mode & 0o777 == 0o700


def test_a_held_lock_names_its_holder(lock: str, holder: subprocess.Popen[bytes]) -> None:
    words = rf"another run is at work: run theirs, process {holder.pid}, since \d{{4}}-"
    with pytest.raises(ClinicalError, match=words), host_lock.held("ours", lock):
        pytest.fail("two runs at once")
    assert "theirs" in Path(lock).read_text()


def test_the_lock_of_a_killed_process_is_taken_over(lock: str, holder: subprocess.Popen[bytes]) -> None:
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert "theirs" in Path(lock).read_text()
    with host_lock.held("ours", lock):
        assert "ours" in Path(lock).read_text()


def test_a_lock_inside_the_same_process_is_held_too(lock: str) -> None:
    with host_lock.held("first", lock), pytest.raises(ClinicalError, match="run first"), host_lock.held("second", lock):
        pytest.fail("two runs at once")


def test_an_unreadable_note_is_no_reason_to_go_on(lock: str, holder: subprocess.Popen[bytes]) -> None:
    Path(lock).write_text("{")
    with pytest.raises(ClinicalError, match="its name is not yet written"), host_lock.held("ours", lock):
        pytest.fail("two runs at once")


def test_a_link_in_place_of_the_lock_is_not_followed(lock: str, tmp_path: Path) -> None:
    Path(lock).parent.mkdir()
    Path(lock).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClinicalError, match="Locking"), host_lock.held("ours", lock):
        pytest.fail("followed")
    assert not (tmp_path / "elsewhere").exists()
