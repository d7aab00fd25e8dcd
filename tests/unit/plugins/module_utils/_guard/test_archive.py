# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reverter is one file that Python runs alone, whatever is broken beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ansible_collections.healthops.clinical.plugins.module_utils._guard import archive as guard_archive


def test_it_starts_without_anything_of_ours_beside_it(tmp_path: Path) -> None:
    archive = tmp_path / "revert.pyz"
    archive.write_bytes(guard_archive.pack())
    argv = [sys.executable, "-I", "-S", str(archive), "--ready"]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_look_starts_without_anything_of_ours_beside_it(tmp_path: Path) -> None:
    """With all that it imports only when it needs it."""
    archive = tmp_path / "look.pyz"
    archive.write_bytes(guard_archive.pack("boot_look"))
    names = ("boot_look", "boot_watch", "ways_in", "break_glass")
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); from healthops._guard import {', '.join(names)}"
    argv = [sys.executable, "-I", "-S", "-c", code]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_look_can_lay_out_the_reverter(tmp_path: Path) -> None:
    archive = tmp_path / "look.pyz"
    archive.write_bytes(guard_archive.pack("boot_look"))
    code = f"import sys; sys.path.insert(0, {str(archive)!r}); from healthops._guard import archive"
    argv = [sys.executable, "-I", "-S", "-c", f"{code}; sys.stdout.buffer.write(archive.pack())"]
    done = subprocess.run(argv, cwd="/", env={}, capture_output=True, check=False)
    assert done.stderr == b""
    assert done.stdout == guard_archive.pack()


def test_what_lies_beside_python_does_not_disturb_it(tmp_path: Path) -> None:
    for name in ("sitecustomize.py", "usercustomize.py", "json.py", "subprocess.py"):
        (tmp_path / name).write_text("raise SystemExit('broken')\n")
    archive = tmp_path / "revert.pyz"
    archive.write_bytes(guard_archive.pack())
    argv = [sys.executable, "-I", "-S", str(archive), "--ready"]
    environment = {
        "PYTHONPATH": str(tmp_path),
        "PYTHONUSERBASE": str(tmp_path),
        "PYTHONSTARTUP": str(tmp_path / "json.py"),
    }
    done = subprocess.run(argv, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_sources_give_the_same_bytes() -> None:
    assert guard_archive.pack() == guard_archive.pack()
