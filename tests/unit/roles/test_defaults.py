# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role takes when nothing is given passes the specification of each of its entry points."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ansible")

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

ROLES = Path(__file__).resolve().parents[3] / "roles"


def specifications() -> list[tuple[str, str]]:
    paths = sorted(ROLES.glob("*/meta/argument_specs.yml"))
    return [(path.parents[1].name, entry) for path in paths for entry in read(path)["argument_specs"]]


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8")) or {} if path.is_file() else {}


@pytest.mark.parametrize(("role", "entry"), specifications())
def test_the_defaults_of_a_role_are_valid(role: str, entry: str) -> None:
    options = read(ROLES / role / "meta" / "argument_specs.yml")["argument_specs"][entry].get("options", {})
    defaults = read(ROLES / role / "defaults" / "main.yml")
    given = {name: value for name, value in defaults.items() if name in options and "{{" not in str(value)}
    required = {
        name: {**spec, "required": spec.get("required", False) and name in given} for name, spec in options.items()
    }
    assert ArgumentSpecValidator(required).validate(given).error_messages == []
