# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file of the collection is installed as the README tells those who can reach no Galaxy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ansible")

ROOT = Path(__file__).resolve().parents[2]
GALAXY = Path(sys.executable).with_name("ansible-galaxy")


def test_the_file_is_installed_without_a_galaxy(tmp_path: Path) -> None:
    """What is built is the face of the collection alone: its dependencies are what would be looked for."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    (source / "meta").mkdir(parents=True)
    for name in ("galaxy.yml", "README.md", "meta/runtime.yml"):
        (source / name).write_bytes((ROOT / name).read_bytes())
    nobody = {"ANSIBLE_GALAXY_SERVER": "http://127.0.0.1:9", "ANSIBLE_COLLECTIONS_PATH": str(installed)}
    environment = {**os.environ, **nobody, "ANSIBLE_HOME": str(tmp_path / "home")}
    for command in (("build", "--output-path", str(tmp_path)), ("install", "healthops-clinical-1.0.0.tar.gz")):
        folder = source if command[0] == "build" else tmp_path
        ended = subprocess.run(
            [str(GALAXY), "collection", *command],
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert ended.returncode == 0, ended.stdout + ended.stderr
    assert (installed / "ansible_collections" / "healthops" / "clinical" / "MANIFEST.json").is_file()
