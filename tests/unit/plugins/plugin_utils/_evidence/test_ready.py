# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would keep evidence from being written is told before a run."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import ready
from unit_tests.plugin_utils._evidence.stored_runs import own


def problems(
    root: Path, hosts: t.Sequence[str] = ("a",), fleet: str = "fleet", key: t.Optional[Path] = None
) -> t.List[str]:
    return [str(problem) for problem in ready.evidence_problems(root, own(root), hosts, fleet, key)]


def test_a_directory_that_can_be_written_is_left_as_it_was(tmp_path: Path, keys: Path) -> None:
    assert problems(tmp_path / "evidence", key=keys / "ours") == []
    assert [path.name for path in (tmp_path / "evidence").rglob("*")] == [".chain"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a file that nobody may change")
def test_a_directory_on_a_file_system_that_is_read_only_is_told(tmp_path: Path) -> None:
    assert "Creating the directory /proc/evidence" in problems(Path("/proc/evidence"))[0]


def test_each_host_whose_name_can_name_no_file_is_told(tmp_path: Path) -> None:
    made = problems(tmp_path / "evidence", hosts=["a", "b/c", ".d", "e" * 300])
    assert [line.partition(": ")[0] for line in made] == [
        "Using the host name 'b/c'",
        "Using the host name '.d'",
        f"Using the host name '{'e' * 300}'",
    ]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready, "SHARE_OF_A_HOST", 1 << 60)
    (made,) = problems(tmp_path / "evidence")
    assert "MB are free, and the evidence of this run takes" in made


@pytest.mark.parametrize(
    ("name", "words"), [("absent", "Reading the signing key"), ("locked", "Signing with")], ids=["absent", "locked"]
)
def test_a_key_that_cannot_sign_is_told(tmp_path: Path, keys: Path, name: str, words: str) -> None:
    (made,) = problems(tmp_path / "evidence", key=keys / name)
    assert made.startswith(words)


def test_a_signed_chain_without_a_key_is_told(signed: Path) -> None:
    (made,) = problems(signed)
    assert "number 4 is signed, and no key is named for the next" in made


def test_a_fleet_and_a_link_that_are_none_are_told(tmp_path: Path) -> None:
    root = tmp_path / "evidence"
    root.mkdir()
    (root / "latest").write_text("mine", encoding="utf-8")
    made = problems(root, fleet="../x")
    assert [line.partition(": ")[0] for line in made] == [f"Pointing {root}/latest", "Using the fleet name '../x'"]
