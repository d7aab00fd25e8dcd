# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks of the clinical roles share: hosts of their own, and what is seen of two ways in turns."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HOSTS = Path(__file__).resolve().parents[1] / "hosts"


@dataclass
class Timings:
    """How many a second in each round, and how many seconds until each acknowledgement."""

    rates: list[float] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    def wait(self, percent: int) -> float:
        """Return how long this percentage of acknowledgements took at most, in milliseconds."""
        return 1000 * statistics.quantiles(self.waits, n=100)[percent - 1]


def read_options(about: str | None, seconds: float) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=6, help="how often each way is measured; even (default 6)")
    parser.add_argument("--seconds", type=float, default=seconds, help=f"how long each time (default {seconds:g})")
    return parser.parse_args()


@contextmanager
def hosts(setup: Path) -> Iterator[Path]:
    """New hosts by hosts.yml and setup.yml of this folder; gives the one in which these put certificates."""
    inventory = setup / "hosts.yml"
    playbook(inventory, HOSTS / "create.yml", "--extra-vars", "test_hosts_fresh=true")
    try:
        with tempfile.TemporaryDirectory() as folder:
            playbook(inventory, setup / "setup.yml", "--extra-vars", f"folder={folder}")
            yield Path(folder)
    finally:
        playbook(inventory, HOSTS / "destroy.yml")


def playbook(inventory: Path, path: Path, *arguments: str) -> None:
    command = ["ansible-playbook", "--inventory", str(inventory), str(path), *arguments]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{path.name} failed:\n{done.stdout}\n{done.stderr}")
