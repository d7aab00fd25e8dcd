# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands beside one another: how many at once, what each printed, and what a failure does to the rest."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.tools.parallel import Job, run_jobs


def python(name: str, code: str) -> Job:
    return Job(name, (sys.executable, "-c", code))


def test_each_output_is_whole_and_with_its_job() -> None:
    jobs = [python(name, f"import sys; print('{name} out'); print('{name} err', file=sys.stderr)") for name in "abc"]
    ended = {outcome.job.name: outcome for outcome in run_jobs(jobs, 2, os.environ)}
    assert {name: sorted(outcome.output.split(b"\n")) for name, outcome in ended.items()} == {
        name: [b"", f"{name} err".encode(), f"{name} out".encode()] for name in "abc"
    }
    assert all(outcome.exit_code == 0 and outcome.cpu > 0 and outcome.wall > 0 for outcome in ended.values())


def test_a_live_output_is_passed_on_and_not_collected(capfd: pytest.CaptureFixture[str]) -> None:
    job = Job("a", (sys.executable, "-c", "import sys; print('out'); print('err', file=sys.stderr)"), live=True)
    (ended,) = run_jobs([job], 1, os.environ)
    assert (ended.output, capfd.readouterr()) == (b"", ("out\n", "err\n"))


def test_two_wait_for_each_other_only_when_both_run(tmp_path: Path) -> None:
    """Each waits for the file that the other writes, so that one after the other would never end."""
    code = """
import pathlib, sys, time
own, other = map(pathlib.Path, ({own!r}, {other!r}))
own.touch()
deadline = time.monotonic() + 30
while not other.exists():
    if time.monotonic() > deadline:
        sys.exit("alone")
    time.sleep(0.01)
"""
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    jobs = [python("a", code.format(own=a, other=b)), python("b", code.format(own=b, other=a))]
    assert [outcome.exit_code for outcome in run_jobs(jobs, 2, os.environ)] == [0, 0]


def test_no_more_than_the_workers_run_at_once(tmp_path: Path) -> None:
    code = f"""
import pathlib, sys
mark = pathlib.Path({str(tmp_path / "mark")!r})
mark.touch(exist_ok=False)
mark.unlink()
"""
    jobs = [python(str(number), code) for number in range(4)]
    assert [outcome.exit_code for outcome in run_jobs(jobs, 1, os.environ)] == [0] * 4


def test_a_failure_ends_what_runs_with_its_children_and_starts_nothing_more(tmp_path: Path) -> None:
    child = tmp_path / "child"
    endless = f"""
import pathlib, subprocess, sys
made = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
pathlib.Path({str(child)!r}).write_text(str(made.pid))
made.wait()
"""
    fails = f"""
import pathlib, sys, time
while not (pathlib.Path({str(child)!r}).exists() and pathlib.Path({str(child)!r}).read_text()):
    time.sleep(0.01)
sys.exit(3)
"""
    jobs = [python("endless", endless), python("fails", fails), python("never", "")]
    codes = {outcome.job.name: outcome.exit_code for outcome in run_jobs(jobs, 2, os.environ)}
    assert codes["fails"] == 3
    assert codes["endless"] != 0
    assert "never" not in codes
    assert _ends(int(child.read_text()))


def _ends(pid: int) -> bool:
    """Whether a process is gone, or waits only for whoever adopted it to notice, within some seconds."""
    for _attempt in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False
