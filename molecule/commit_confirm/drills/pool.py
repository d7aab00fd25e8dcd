# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the drills side by side, each on hosts that are its own meanwhile: nearly all of their time is waiting."""

from __future__ import annotations

import os
import threading
import time
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from drills import Drill
from outside import Host


class DrillFailed(AssertionError):
    """What went wrong, and all that was seen on the way."""


@dataclass
class Pool:
    hosts: list[Host]
    seconds: dict[str, float] = field(default_factory=dict)
    _free: threading.Condition = field(default_factory=threading.Condition)

    def begin(self, drills: list[Drill]) -> dict[str, Future[None]]:
        """Those that need several hosts come first: later, hosts become free one at a time."""
        executor = ThreadPoolExecutor(max_workers=len(self.hosts))
        ordered = sorted(drills, key=lambda drill: (-drill.hosts, -drill.seconds))
        futures = {drill.name: executor.submit(self._run, drill) for drill in ordered}
        executor.shutdown(wait=False)
        return futures

    def _take(self, drill: Drill) -> list[Host]:
        with self._free:
            while True:
                fitting = [host for host in self.hosts if drill.suite in ("", host.suite)]
                if len(fitting) >= drill.hosts:
                    taken = sorted(fitting[: drill.hosts], key=lambda host: host.number)  # as a play takes them
                    self.hosts = [host for host in self.hosts if host not in taken]
                    return taken
                self._free.wait()

    def _give_back(self, hosts: list[Host]) -> None:
        with self._free:
            self.hosts += hosts
            self._free.notify_all()

    def _run(self, drill: Drill) -> None:
        taken = self._take(drill)
        began, outcome = time.monotonic(), "passed"
        try:
            for host in taken:
                host.log.clear()
                host.plays.clear()
            drill.act(*taken)
        except Exception as error:
            for host in taken:
                host.stop_plays()
                host.replace()
            where = "".join(traceback.format_tb(error.__traceback__))
            seen = "\n".join(line for host in taken for line in host.log)
            said = "\n".join(play.said for play in taken[0].plays)
            outcome = f"failed: {error}\n--- where\n{where}\n--- what was said\n{said}\n--- what was seen\n{seen}"
            raise DrillFailed(outcome) from error
        finally:
            self.seconds[drill.name] = time.monotonic() - began
            self._keep(drill, taken, outcome)
            self._give_back(taken)

    def _keep(self, drill: Drill, hosts: list[Host], outcome: str) -> None:
        """DRILL_NOTES=FOLDER keeps what was seen in each drill, also in those that passed."""
        folder = os.environ.get("DRILL_NOTES")
        if folder:
            seen = [line for host in hosts for line in host.log]
            text = "\n".join([f"{drill.name}: {self.seconds[drill.name]:.1f} s, {outcome}", *seen, ""])
            Path(folder, drill.name).write_text(text, "utf-8")
