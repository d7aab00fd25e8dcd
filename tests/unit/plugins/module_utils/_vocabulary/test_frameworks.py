# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of framework: those of the catalogue are all known, and each of ours is used."""

from __future__ import annotations

from pathlib import Path

import yaml
from ansible_collections.healthops.clinical.plugins.module_utils._vocabulary import frameworks

CATALOGUE = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue" / "frameworks"


def test_every_framework_of_the_catalogue_has_a_known_status() -> None:
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(CATALOGUE.glob("*.yml"))]
    assert {data["status"] for data in files if "status" in data} <= set(frameworks.STATUSES)
    assert "law" in {data.get("status") for data in files}


def test_what_binds_people_comes_first() -> None:
    assert frameworks.STATUSES[0] == "law"
