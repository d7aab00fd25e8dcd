# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the checkout importable as ansible_collections.healthops.clinical: the core is tested with no Ansible there."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

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
