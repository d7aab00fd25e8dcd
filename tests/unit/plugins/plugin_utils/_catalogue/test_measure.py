# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is held against, and where the catalogues of a site are looked for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue.measure import (
    catalogue_folders,
    measure,
    places,
)

ROOT = Path(__file__).resolve().parents[5]
SHIPPED = ROOT / "roles" / "hardening" / "catalogue"


def test_a_catalogue_is_looked_for_beside_the_inventory_first_and_then_beside_the_playbook(tmp_path: Path) -> None:
    for folder in ("inventory", "playbooks"):
        (tmp_path / folder / "both").mkdir(parents=True)
    (tmp_path / "playbooks" / "one").mkdir()
    beside = places({"inventory_dir": str(tmp_path / "inventory"), "playbook_dir": str(tmp_path / "playbooks")})
    assert catalogue_folders(SHIPPED, ["both", "one", "/srv/site"], beside) == [
        SHIPPED,
        tmp_path / "inventory" / "both",
        tmp_path / "playbooks" / "one",
        Path("/srv/site"),
    ]
    assert catalogue_folders(SHIPPED, None, beside) == [SHIPPED]


def test_a_catalogue_that_is_nowhere_is_told_with_all_the_places(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match=r"the catalogue nowhere: there is no such directory in .*/inventory, /"):
        catalogue_folders(SHIPPED, ["nowhere"], places({"inventory_dir": str(tmp_path / "inventory")}))


def test_a_host_is_held_against_its_tier_and_its_waivers(tmp_path: Path) -> None:
    made = measure({"tier": "essential"}, [SHIPPED], "a", {}, date(2026, 11, 22), tmp_path)
    assert (made.selection.tier, made.waivers, made.choice.purposes) == ("essential", (), [])
