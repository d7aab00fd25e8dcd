# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The generated reference: it is complete, its links lead somewhere, and it claims nothing that was not run."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Dict, List

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import reference

ROOT = Path(__file__).resolve().parents[5]
SHIPPED = ROOT / "roles" / "hardening" / "catalogue"
DATA = reference.read(SHIPPED)
PAGES = reference.pages(DATA)

CONTROLS = r"""# SPDX-FileCopyrightText: X
# What it is *about*.
---
- id: cron_runs
  title: Jobs | run
  rationale: Backups <hang> on it.
  severity: high
  hazard: none
  tier: strict
  kind: config
  applies: {distributions: {Debian: ["12"], Ubuntu: ["24.04"]}, container: false, requires_path: [/usr/sbin/cron]}
  settings: {file: /etc/a, format: shell, key: "`a|b`", value: {tunable: cron_value}}
  tunables:
    cron_value: {type: int, default: 4, min: 1, max: 6, about: How often.}
  differs:
    Ubuntu: {kind: service, unit: cron.service, state: enabled, applies: {requires_path: [/usr/bin/cron]}}
  max_waiver_days: 7
"""
PROPOSED = """
id: proposal
title: A proposal
version: "1"
status: proposed
as_of: "2025-01-06"
source: A register
quotable: true
grammar: '.+'
references:
  - {id: "1(a)", strength: partial, controls: [cron_runs]}
"""
PROFILE = """
id: night_clinic
title: Night clinic
about: Works at night.
purposes: [web_server]
values: [{tunable: cron_value, value: 5, reason: More at night.}]
exceptions: [{control: cron_runs, reason: Nobody is there.}]
"""


def sample(root: Path) -> Dict[str, str]:
    for folder, text in (("controls", CONTROLS), ("frameworks", PROPOSED), ("profiles", PROFILE)):
        (root / folder).mkdir()
        (root / folder / "one.yml").write_text(text, encoding="utf-8")
    (root / "platforms.yml").write_text((SHIPPED / "platforms.yml").read_text(encoding="utf-8"), encoding="utf-8")
    return reference.pages(reference.read(root))


def test_a_control_says_all_that_is_known_of_it(tmp_path: Path) -> None:
    text = sample(tmp_path)["controls/one.md"]
    for part in (
        "What it is \\*about\\*.",
        "## cron_runs\n\n**Jobs \\| run.** Backups \\<hang> on it.",
        "Severity **high**, hazard **none** (nothing is interrupted), tier **strict**.",
        "Sets `config`: file `/etc/a`, format `shell`, key `` `a\\|b` ``, value of the tunable `cron_value`.",
        "On Ubuntu it is `service`: unit `cron.service`, state `enabled`; where `/usr/bin/cron` is.",
        "Tunable `cron_value`: a whole number from 1 to 6; by default `4`. How often.",
        "For Debian 12; untested: Ubuntu 24.04, not in containers, where `/usr/sbin/cron` is.",
        "The profile [night_clinic](../profiles.md#night_clinic) leaves it out: Nobody is there.",
        "A waiver may last 7 days.",
        "References: [A proposal](../frameworks/proposal.md) 1(a) (partial).",
    ):
        assert part in text


def test_a_proposed_rule_is_never_printed_as_law(tmp_path: Path) -> None:
    pages = sample(tmp_path)
    assert "**Proposed. It is not law**" in pages["frameworks/proposal.md"]
    assert "law" not in pages["frameworks/proposal.md"].replace("not law", "")
    assert "| proposed |" in pages["README.md"]


def test_the_other_pages_name_what_they_are_for(tmp_path: Path) -> None:
    pages = sample(tmp_path)
    assert "| `cron_value` | `5` | More at night. |" in pages["profiles.md"]
    assert "| [cron_runs](controls/one.md#cron_runs) | Nobody is there. |" in pages["profiles.md"]
    assert "| [cron_runs](controls/one.md#cron_runs) | high | 7 days |" in pages["waivers.md"]
    assert "| `cron_value` | `4` | a whole number from 1 to 6 |" in pages["tunables.md"]
    assert "| Enterprise Linux 9 | untested | 0 |" in pages["README.md"]


def test_the_same_data_gives_the_same_pages() -> None:
    assert reference.pages(reference.read(SHIPPED)) == PAGES


def test_every_control_framework_and_profile_has_its_place() -> None:
    for control in DATA.catalogue.controls:
        assert PAGES[f"controls/{control.file.stem}.md"].count(f"\n## {control.id}\n") == 1
    assert {f"frameworks/{item.id}.md" for item in DATA.catalogue.frameworks} <= set(PAGES)
    assert {item.id for item in DATA.profiles} == set(re.findall(r"^## (\w+)$", PAGES["profiles.md"], re.M))


def test_the_pages_in_docs_are_fresh() -> None:
    """Where this fails, run ``nox -s reference`` and commit what it wrote."""
    folder = ROOT / "docs" / "reference"
    kept = {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in folder.rglob("*.md")}
    assert sorted(kept) == sorted(PAGES)
    assert [path for path, text in PAGES.items() if kept[path] != text] == []


def targets(path: str) -> List[str]:
    found = re.findall(r"\]\(([^)\s]+)\)", PAGES[path])
    return [posixpath.normpath(posixpath.join(posixpath.dirname(path), target)) for target in found if target[0] != "#"]


@pytest.mark.parametrize("path", sorted(PAGES))
def test_links_lead_somewhere(path: str) -> None:
    for target in targets(path):
        page, _mark, anchor = target.partition("#")
        if page.startswith(".."):
            assert (ROOT / "docs" / "reference" / page).exists(), target
        else:
            assert not anchor or f"## {anchor}\n" in PAGES[page], target


@pytest.mark.parametrize("path", sorted(PAGES))
def test_a_page_is_plain_text_with_a_header(path: str) -> None:
    lines = PAGES[path].splitlines()
    assert lines[0] == "<!--"
    assert lines[4] == "-->"
    assert [line for line in lines if line != line.rstrip()] == []
    columns = [line.replace("\\|", "").count("|") for line in lines if line.startswith("|")]
    assert all(count >= 3 for count in columns)


def test_a_broken_list_of_platforms_is_refused(tmp_path: Path) -> None:
    sample(tmp_path)
    (tmp_path / "platforms.yml").write_text("- {distribution: Debain, version: '12', title: T, tested: true}\n")
    with pytest.raises(ClinicalError, match="did you mean Debian"):
        reference.read(tmp_path)
