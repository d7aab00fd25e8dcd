# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables: the specification, the defaults, the README and the tasks name the same."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())


def read(role: str, path: str) -> t.Any:
    return yaml.safe_load((ROLES / role / path).read_text(encoding="utf-8"))


def specified(role: str) -> dict[str, dict[str, t.Any]]:
    """Variable to its specification, which is the same for each entry point that has it."""
    found: dict[str, dict[str, t.Any]] = {}
    for entry in read(role, "meta/argument_specs.yml")["argument_specs"].values():
        for name, option in entry["options"].items():
            assert found.setdefault(name, option) == option
    return found


@pytest.mark.parametrize("role", NAMES)
def test_the_specification_has_the_defaults(role: str) -> None:
    assert {name: option["default"] for name, option in specified(role).items()} == read(role, "defaults/main.yml")


@pytest.mark.parametrize("role", NAMES)
def test_the_readme_has_every_variable_with_its_default(role: str) -> None:
    text = (ROLES / role / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(rf"^\| `({role}_\w+)` \| `(.*?)` \|", text, re.M))
    assert {name: yaml.safe_load(value) for name, value in rows.items()} == read(role, "defaults/main.yml")


@pytest.mark.parametrize("role", NAMES)
def test_every_entry_point_specifies_what_its_tasks_use(role: str) -> None:
    specs = read(role, "meta/argument_specs.yml")["argument_specs"]
    for entry, spec in specs.items():
        text = (ROLES / role / "tasks" / f"{entry}.yml").read_text(encoding="utf-8")
        used = {name for name in re.findall(rf"\b{role}_\w+", text) if not re.search(rf"register: {name}\b", text)}
        assert used & set(specified(role)) == set(spec["options"])
