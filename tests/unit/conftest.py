# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the checkout importable as ansible_collections.healthops.clinical: the core is tested with no Ansible there."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAME = "ansible_collections.healthops.clinical"


def _package(name: str, path: Path | None) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__path__ = [str(path)] if path else []
    sys.modules[name] = module
    return module


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


# Under ansible-test the real loader provides the name; anywhere else the checkout stands in for it, also beside other
# collections that are installed.
if not _exists(NAME):
    if not _exists("ansible_collections"):
        _package("ansible_collections", None)
    _package("ansible_collections.healthops", None)
    _package(NAME, ROOT)
sys.path.insert(0, str(ROOT / "tests" / "unit"))
# What one test file has for others too, by a name that cannot be taken for the sources that the tests mirror.
_package("unit_tests", ROOT / "tests" / "unit" / "plugins")

#: Under this name a test records a row, a name and counts, that stands at the end of the run; workers send it along.
COUNTED = "counted"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Show what tests have counted in one short table, with workers too, whose own output nobody sees."""
    rows: dict[str, dict[str, int]] = {}
    for reports in terminalreporter.stats.values():
        for report in reports:
            rows.update(value for name, value in getattr(report, "user_properties", ()) if name == COUNTED)
    if not rows:
        return
    columns = list(dict.fromkeys(column for counts in rows.values() for column in counts))
    width = max(map(len, rows))
    terminalreporter.section("counted")
    terminalreporter.write_line("  ".join([" " * width, *columns]))
    for name, counts in rows.items():
        cells = [str(counts.get(column, 0)).rjust(len(column)) for column in columns]
        terminalreporter.write_line("  ".join([name.ljust(width), *cells]))
