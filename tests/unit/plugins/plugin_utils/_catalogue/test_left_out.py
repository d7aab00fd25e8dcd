# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a framework has no control: nothing is forgotten, and nothing stands there that has one."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import left_out, load

DIRECTORY = Path(__file__).resolve().parents[5] / "roles" / "hardening" / "catalogue"
(SHIPPED,) = left_out.load(DIRECTORY)
FRAMEWORKS = {framework.id: framework for framework in load.load([DIRECTORY]).frameworks}


def test_all_numbers_are_there_once_and_few_are_left_out() -> None:
    assert len(SHIPPED.numbers) == len(set(SHIPPED.numbers)) == 312
    assert 40 < len(SHIPPED.reasons) < 70
    assert all(len(reason) > 40 for reason in SHIPPED.reasons.values())


@pytest.mark.skipif(SHIPPED.framework not in FRAMEWORKS, reason="the framework has no links yet")
def test_every_number_is_linked_or_left_out_and_none_is_both() -> None:
    linked = {reference.id for reference in FRAMEWORKS[SHIPPED.framework].references}
    assert {number for number in SHIPPED.numbers if number not in linked and number not in SHIPPED.reasons} == set()
    assert linked & set(SHIPPED.reasons) == set()
    assert linked <= set(SHIPPED.numbers)


def test_reasons_come_in_the_order_of_their_numbers() -> None:
    item = left_out.LeftOut("x", ("1", "2", "3", "4"), {"3": "b", "1": "a", "4": "a"})
    assert item.grouped() == [("a", ["1", "4"]), ("b", ["3"])]


@pytest.mark.parametrize(
    ("numbers", "left"), [('["1"]', '["2"]'), ('["1", "1"]', '["1"]'), ('["1", "2"]', '["2", "2"]')]
)
def test_a_number_that_is_unknown_or_stands_twice_is_refused(tmp_path: Path, numbers: str, left: str) -> None:
    (tmp_path / "left_out").mkdir()
    text = f"framework: x\nnumbers:\n  - {numbers}\nleft_out:\n  - numbers: {left}\n    why: so\n"
    (tmp_path / "left_out" / "x.yml").write_text(text, encoding="utf-8")
    with pytest.raises(ClinicalError, match="unknown or twice"):
        left_out.load(tmp_path)
