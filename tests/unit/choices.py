# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the public faces let a user choose from: in documentation, code and specifications."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def of_module(module: str, option: str) -> tuple[str, ...]:
    """Return the choices of a module's option; its documentation and its ``main`` have to agree on them."""
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    specified = _specified(tree, option)
    assert tuple(_documentation(tree)["options"][option]["choices"]) == specified
    return specified


def of_role(role: str, variable: str) -> tuple[str, ...]:
    """Return the choices of a role's variable; every entry point that has it has to agree on them."""
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values()
    (choices,) = {tuple(entry["options"][variable]["choices"]) for entry in entries if variable in entry["options"]}
    return choices


def documented(module: str, block: str) -> Any:
    """Return DOCUMENTATION, EXAMPLES or RETURN of a module."""
    tree = ast.parse((ROOT / "plugins" / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    return _documentation(tree, block)


def _documentation(tree: ast.Module, block: str = "DOCUMENTATION") -> Any:
    (text,) = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == block
    ]
    return yaml.safe_load(text)


def _specified(tree: ast.Module, option: str) -> tuple[str, ...]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values):
                if isinstance(key, ast.Constant) and key.value == option and isinstance(value, ast.Dict):
                    return tuple(ast.literal_eval(value)["choices"])
    raise AssertionError(f"main() knows no option {option}")
