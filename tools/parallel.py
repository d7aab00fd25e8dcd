# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run commands beside one another, a few at a time, each with an output of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

# How long a command that is told to end may take for it.
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Job:
    """A command, and the name by which a reader knows it; the output of a live one is passed on as it comes."""

    name: str
    command: Sequence[str]
    live: bool = False


@dataclass(frozen=True)
class Ended:
    """A job that has ended; `cpu` is user and system time of all its processes, `output` what a job printed.

    That of a live one is empty.
    """

    job: Job
    exit_code: int
    wall: float
    cpu: float
    output: bytes


class _Running:
    """A started job. It leads a process group, so that nothing of it survives being ended."""

    def __init__(self, job: Job, env: Mapping[str, str]) -> None:
        self.job = job
        self.began = time.monotonic()
        self.shown: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the job has ended
        self.process = subprocess.Popen(
            job.command,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=None if job.live else self.shown,
            stderr=None if job.live else subprocess.STDOUT,
            start_new_session=True,
        )

    def poll(self) -> Ended | None:
        pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
        if not pid:
            return None
        self.process.returncode = os.waitstatus_to_exitcode(status)
        wall = time.monotonic() - self.began
        with self.shown:
            self.shown.seek(0)
            output = self.shown.read()
        return Ended(self.job, self.process.returncode, wall, usage.ru_utime + usage.ru_stime, output)

    def end(self) -> Ended:
        """End the whole group: politely, then, after GRACE_SECONDS, at once."""
        deadline = time.monotonic() + GRACE_SECONDS
        self._signal(signal.SIGTERM)
        while (ended := self.poll()) is None:
            if time.monotonic() > deadline:
                self._signal(signal.SIGKILL)
            time.sleep(POLL_SECONDS)
        self._signal(signal.SIGKILL)
        return ended

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def run_jobs(jobs: Sequence[Job], workers: int, env: Mapping[str, str]) -> Iterator[Ended]:
    """Start the jobs in their order, at most `workers` at a time, and yield each as it ends.

    After the first that fails none is started, and those that run are ended and yielded, too. A caller that stops
    to listen ends them as well.
    """
    waiting, running = deque(jobs), list[_Running]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(_Running(waiting.popleft(), env))
            time.sleep(POLL_SECONDS)
            for started in list(running):
                ended = started.poll()
                if ended is None:
                    continue
                running.remove(started)
                yield ended
                if ended.exit_code != 0:
                    waiting.clear()
                    while running:
                        yield running.pop().end()
                    return
    finally:
        for started in running:
            started.end()
