# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt on a test host knows what the scenarios install there: its lists are short, so that it is quick."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ROOT / "tests" / "hosts" / "image"
PLAYS = [
    path for folder in ("molecule", "tests/control_node", "tests/benchmark") for path in (ROOT / folder).rglob("*.yml")
]


def apt_tasks(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the options of every task that installs with apt, at any depth of blocks."""
    if isinstance(node, list):
        for item in node:
            yield from apt_tasks(item)
    elif isinstance(node, dict):
        options = node.get("ansible.builtin.apt")
        if isinstance(options, dict) and options.get("state", "present") == "present":
            yield options
        for value in node.values():
            yield from apt_tasks(value)


def installed(path: Path) -> set[str]:
    """Return the packages that a file of plays or tasks names; not those of a repository that the scenario makes."""
    names: set[str] = set()
    for options in apt_tasks(yaml.safe_load(path.read_text(encoding="utf-8"))):
        given = options.get("name", [])
        names.update([given] if isinstance(given, str) else given)
    return {name for name in names if "{{" not in name and not name.startswith(("lab-", "linux-image-lab"))}


def known() -> set[str]:
    texts = ((IMAGE / name).read_text(encoding="utf-8") for name in ("packages.txt", "installable.txt"))
    return {line for text in texts for line in text.split("\n") if line and not line.startswith("#")}


@pytest.mark.parametrize("path", [path for path in PLAYS if "ansible.builtin.apt" in path.read_text(encoding="utf-8")])
def test_apt_knows_what_is_installed(path: Path) -> None:
    assert installed(path) - known() == set(), "add them to tests/hosts/image/installable.txt"
