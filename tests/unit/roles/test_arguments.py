# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role says of its variables: the specification, the defaults, the README and the tasks name the same."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[3] / "roles"
NAMES = sorted(path.name for path in ROLES.iterdir() if path.is_dir())


def read(role: str, path: str) -> Any:
    return yaml.safe_load((ROLES / role / path).read_text(encoding="utf-8"))


def specified(role: str) -> dict[str, dict[str, Any]]:
    """Variable to its specification, which is the same for each entry point that has it."""
    options: dict[str, dict[str, Any]] = {}
    for entry in read(role, "meta/argument_specs.yml")["argument_specs"].values():
        for name, option in entry["options"].items():
            assert options.setdefault(name, option) == option
    return options


def read_text(role: str, path: str) -> str:
    file = ROLES / role / path
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def used_by(role: str, entry: str) -> str:
    """Return what an entry point may evaluate: tasks and what they name (tasks, templates, handlers, variables)."""
    texts: dict[str, str] = {}
    waiting = [f"tasks/{entry}.yml"]
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        texts[path] = text = read_text(role, path)
        waiting += [f"tasks/{name}" for name in re.findall(r"(?:include|import)_tasks: (\S+\.yml)", text)]
        if "tasks_from: confirm" in text:  # of the role system, which includes these of the system's own
            waiting += [f"tasks/{name}.yml" for name in ("restart", "probe")]
        waiting += [f"templates/{name}" for name in re.findall(r"[\w./-]+\.j2", text)]
        waiting += ["handlers/main.yml"] if "notify:" in text else []
    text = "\n".join(texts.values())
    internal = yaml.safe_load(read_text(role, "vars/main.yml") or "{}")
    while named := {name for name in internal if re.search(rf"\b{name}\b", text)}:
        text += "\n".join(str(internal.pop(name)) for name in named)
    return text


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
        text = used_by(role, entry)
        used = {name for name in re.findall(rf"\b{role}_\w+", text) if not re.search(rf"register: {name}\b", text)}
        assert used & set(specified(role)) == set(spec["options"])
