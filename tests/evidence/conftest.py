# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same names for the checkout as in the unit tests, and a bundle in which everything occurs, as files."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import cast

import pytest

UNIT = Path(__file__).resolve().parents[1] / "unit"
runpy.run_path(str(UNIT / "conftest.py"))


@pytest.fixture(scope="session")
def files() -> dict[str, bytes]:
    from unit_tests.plugin_utils._evidence.export import test_formats as formats

    return cast("dict[str, bytes]", formats.exported(formats.sample_bundle(), formats.FORMATS))


@pytest.fixture(scope="session")
def nearly_empty() -> dict[str, bytes]:
    """The files of a run that no host answered."""
    from unit_tests.plugin_utils._evidence.export import test_formats as formats

    run = formats.evidence.bundle("by-hand", {}, ["down"], {}, "harden")
    return cast("dict[str, bytes]", formats.exported(run, formats.FORMATS))
