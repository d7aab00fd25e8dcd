# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of the findings about packages: they are data, whole, and the ones that the rules use."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import finding_texts
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.patch_findings import findings_of
from unit_tests.plugin_utils._evidence import patch_samples
from unit_tests.plugin_utils._evidence.patch_bundles import patch_record

GOOD = finding_texts.PATCHING.read_text(encoding="utf-8")


def test_every_text_belongs_to_a_rule_and_every_rule_has_one() -> None:
    results = [patch_samples.result(patch_samples.plan()), patch_samples.applied(), patch_samples.rolled_back()]
    used = {finding["id"] for result in results for finding in findings_of(patch_record(result))}
    assert used == set(finding_texts.load(finding_texts.PATCHING))


def test_the_text_of_a_configuration_has_the_place_of_its_name() -> None:
    (text,) = finding_texts.load(finding_texts.CONFIGURATION).values()
    assert "{name}" in text.title
    assert "{name}" in text.subject


def test_two_findings_share_no_reference_that_could_be_changed() -> None:
    first, second = findings_of(patch_record(patch_samples.result(patch_samples.plan())))[:2]
    assert first["references"] == second["references"] != []
    assert first["references"][0] is not second["references"][0]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        pytest.param("severity: critical", "severity: urgent", "saw 'urgent'; allowed: one of low", id="severity"),
        pytest.param("    hazard: reboot\n", "", "missing key", id="missing"),
        pytest.param("    title: No sec", "    titel: x\n    title: No sec", "did you mean title?", id="unknown"),
        pytest.param("status: guidance", "status: custom", "allowed: one of law", id="reference"),
        pytest.param("findings:", "findings: yes", "no", id="broken"),
        pytest.param(GOOD, "- a list\n", "a mapping with findings, references", id="list"),
    ],
)
def test_a_wrong_file_is_refused_with_what_is_wrong(tmp_path: Path, old: str, new: str, told: str) -> None:
    file = tmp_path / "findings.yml"
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ClinicalError) as refused:
        finding_texts.load(file)
    assert "findings.yml" in str(refused.value)
    assert "problems" not in str(refused.value)
    assert told in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClinicalError, match="it cannot be read"):
        finding_texts.load(tmp_path / "none.yml")
