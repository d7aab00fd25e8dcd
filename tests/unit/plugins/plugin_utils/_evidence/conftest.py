# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories of evidence with four runs, and the keys that sign them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from unit_tests.plugin_utils._evidence.chains import four_runs


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return four_runs(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def fleet(honest: Path, tmp_path: Path) -> Path:
    """Four runs, not signed."""
    return Path(shutil.copytree(honest, tmp_path / "evidence", symlinks=True))


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys "ours", "next" and "theirs", and a list of signers that allows the first two."""
    folder = tmp_path_factory.mktemp("keys")
    lines = []
    for name in ("ours", "next", "theirs"):
        path = folder / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(path)], check=True)
        if name != "theirs":
            public = path.with_suffix(".pub").read_text(encoding="utf-8").split()
            lines.append(f'{name}@hospital.example namespaces="healthops.clinical" {public[0]} {public[1]}\n')
    (folder / "allowed").write_text("".join(lines), encoding="utf-8")
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret words", "-C", "locked", "-f", str(folder / "locked")],
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def honest_and_signed(tmp_path_factory: pytest.TempPathFactory, keys: Path) -> Path:
    return four_runs(tmp_path_factory.mktemp("signed"), key=keys / "ours")


@pytest.fixture
def signed(honest_and_signed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(honest_and_signed, tmp_path / "evidence", symlinks=True))
