# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventory says nothing that a run would refuse."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
import yaml
from ansible_collections.healthops.clinical.plugins.module_utils._patch import policy as patch_policy
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, profiles, waivers
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories_files

ROOT = Path(__file__).resolve().parents[3]
SHIPPED = ROOT / "roles" / "hardening" / "catalogue"
INVENTORY = ROOT / "inventories" / "example_hospital"
CATALOGUE = load.load([SHIPPED])


def variables(group: str) -> Dict[str, Any]:
    """What Ansible would read of a group: a file, or all files of a folder."""
    folder = INVENTORY / "group_vars"
    files = [folder / f"{group}.yml", *sorted((folder / group).glob("*.yml"))]
    data: Dict[str, Any] = {}
    for path in files:
        data.update(yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {})
    return data


def members(name: str, group: Any) -> Iterator[Tuple[str, List[str]]]:
    """Each group below this one, and itself, with all hosts in it."""
    hosts = list((group or {}).get("hosts", {}))
    for child, below in (group or {}).get("children", {}).items():
        for found, inside in members(child, below):
            hosts += inside if found == child else []
            yield found, inside
    yield name, list(dict.fromkeys(hosts))


GROUPS = dict(members("all", yaml.safe_load((INVENTORY / "hosts.yml").read_text(encoding="utf-8"))["all"]))


@pytest.mark.parametrize("group", sorted(path.stem for path in (INVENTORY / "group_vars").iterdir()))
def test_the_variables_of_a_group_are_accepted(group: str) -> None:
    assert group in GROUPS
    own = {**variables("all"), **variables(group)}
    choice = profiles.choose(CATALOGUE, [SHIPPED], own.get("hardening_profiles"), own.get("hardening_tunables"))
    selected = load.select(
        CATALOGUE,
        own["hardening_tier"],
        own.get("hardening_tunables"),
        own.get("hardening_skip"),
        choice.values,
        choice.exceptions,
    )
    assert set(choice.exceptions) & set(selected.metadata) <= set(selected.skipped)


def test_its_waiver_is_accepted_and_concerns_the_group_that_it_names() -> None:
    known = {control.id: control for control in CATALOGUE.controls}
    (waiver,) = waivers.read(variables("all")["hardening_waivers"], known, GROUPS, date(2026, 11, 25))
    assert [host for host in GROUPS["all"] if waiver.concerns(host)] == GROUPS["interface_engines"]
    assert len(GROUPS["interface_engines"]) == 2


def test_its_patch_policy_and_the_names_of_its_advisories_are_accepted() -> None:
    own = variables("all")
    policy = patch_policy.read(own["patching_policy"])
    assert [rule.expired(date(2026, 11, 25)) for rule in policy.rules] == [False]
    assert set(own["patching_advisory_files"]) == set(advisories_files.NAMES)


def test_each_kind_of_system_has_its_profile() -> None:
    systems = set(GROUPS) - {"all", "canary", "clinical", "support"}
    assert {group for group in systems if not variables(group).get("hardening_profiles")} == set()


@pytest.mark.parametrize("role", ["imaging_archive", "interface_gateway"])
def test_the_clinical_systems_show_their_variables(role: str) -> None:
    """Each is one that the role knows; what is secret only names a variable of the vault, and the vault has it."""
    known = yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8"))
    group = variables(f"{role}s")
    shown = {name for name in group if name.startswith(role)}
    assert shown <= set(known)
    assert f"{role}_certificate" in shown
    named = set(re.findall(r"\{\{ (vault_\w+) \}\}", str(group)))
    assert named == {name for name in group if name.startswith("vault_")}
    assert all("{{ vault_" in str(group[name]) for name in shown if re.search("password|_users", name))
