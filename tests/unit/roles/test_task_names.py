# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever watches a run reads what is being done: plays, tasks and handlers begin with a verb in the imperative."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
FOLDERS = (
    "roles/*/tasks",
    "roles/*/handlers",
    "playbooks",
    "molecule",
    "tests/benchmark",
    "tests/control_node",
    "tests/hosts",
    "tools",
)
#: What a sentence begins with that says how things are, or of what it is about, in place of what is done.
NO_VERB = re.compile(
    r"(an?|the|its?|they|their|there|this|these|that|those|all|each|every|both|no|nobody|nothing|none|somebody|one|two"
    r"|what|who|where|when|how|whether|by|in|on|of|with|without|and|\w+'s)\b",
    re.IGNORECASE,
)
NESTED = ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers")


def names(entries: Any) -> Iterator[str]:
    """Yield the names of plays and tasks, those in blocks included."""
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            if "name" in entry:
                yield str(entry["name"])
            for section in NESTED:
                yield from names(entry.get(section))


def files() -> list[Path]:
    return sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}/**/*.yml") if path.name != "molecule.yml")


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_names_say_what_is_done(path: Path) -> None:
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert [name for name in names(entries) if not says_what_is_done(name)] == []


def says_what_is_done(name: str) -> bool:
    return name.startswith("{{") or (name[:1].isupper() and not NO_VERB.match(name))


@pytest.mark.parametrize(
    ("name", "is_done"),
    [
        ("Install HAProxy and nftables", True),
        ("{{ fault.name }}", True),
        ("The packages are there", False),
        ("It is known whether systemd has read all of it", False),
        ("No session is left", False),
        ("install HAProxy", False),
    ],
)
def test_how_a_name_is_judged(name: str, is_done: bool) -> None:
    assert says_what_is_done(name) == is_done
