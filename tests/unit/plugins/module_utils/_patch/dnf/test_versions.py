# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of rpm versions: as rpm itself has it, on a hundred thousand pairs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import rpm_pairs
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf.versions import RpmVersion, brings, is_later
from mutations import mutations

#: What rpm 4.18.0 said of rpm_pairs.pairs(), a sign a pair.
CAPTURED = Path(__file__).resolve().parents[5] / "fixtures" / "rpm_vercmp" / "debian12-4.18.0.txt"


def sign(left: str, right: str) -> str:
    return "<" if is_later(right, left) else ">" if is_later(left, right) else "="


def disagreements(signs: str) -> list[tuple[str, str, str]]:
    assert len(signs) == rpm_pairs.NUMBER
    return [(*pair, said) for pair, said in zip(rpm_pairs.pairs(), signs) if sign(*pair) != said]


def test_it_agrees_with_what_a_real_rpm_said() -> None:
    signs = CAPTURED.read_text(encoding="ascii").replace("\n", "")
    assert {signs.count(each) > 10_000 for each in "<=>"} == {True}
    assert disagreements(signs) == []


@pytest.mark.skipif(shutil.which("rpm") is None, reason="there is no rpm here; what one said is captured")
def test_it_agrees_with_the_rpm_of_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "pairs"
    path.write_text("".join(f"{one} {other}\n" for one, other in rpm_pairs.pairs()), encoding="ascii")
    told = subprocess.run(["rpm", "--eval", rpm_pairs.inputs(str(path))], capture_output=True, text=True, check=True)
    assert disagreements(told.stdout.strip()) == []


def test_equal_versions_are_equal_however_they_are_written() -> None:
    assert RpmVersion("0:1.0-1") == RpmVersion("1.00-01") == RpmVersion("1_0-1")
    assert hash(RpmVersion("0:1.0-1")) == hash(RpmVersion("1.00-01"))
    assert RpmVersion("1.0-1") != "1.0-1"


@pytest.mark.parametrize(
    ("version", "brought"),
    [
        pytest.param("1:2.0-1.el9", False, id="what is installed"),
        pytest.param("1:2.0-2.el9", True, id="between"),
        pytest.param("1:2.1-1.el9_4", True, id="the candidate"),
        pytest.param("1:2.1-1.el9_4.1", False, id="after the candidate"),
        pytest.param("1:2.1~rc1-1.el9", True, id="before the candidate by its tilde"),
        pytest.param("9.9-9.el9", False, id="without the epoch"),
    ],
)
def test_what_an_update_brings(version: str, brought: bool) -> None:
    assert brings(version, "1:2.0-1.el9", "1:2.1-1.el9_4") is brought


def test_what_is_no_version_is_ordered_all_the_same() -> None:
    for text in mutations("1:2.36-9.el9"):
        assert not (is_later(text, "1.0") and is_later("1.0", text))
    assert is_later(f"1.{'9' * 6000}", "1.9")
