# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation of a module with its fragments in place, as Ansible puts them together."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any

import yaml

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
MODULES = sorted(path.stem for path in (PLUGINS / "modules").glob("*.py") if path.stem != "__init__")


def _literals(body: list[ast.stmt]) -> dict[str, Any]:
    """Return the texts that are assigned to names in capitals, read as YAML."""
    texts = {}
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper():
            texts[node.targets[0].id] = yaml.safe_load(ast.literal_eval(node.value))
    return texts


@functools.cache
def fragment(name: str) -> dict[str, Any]:
    """Return a fragment by its name in ``extends_documentation_fragment`` (``healthops.clinical._probe.peer``)."""
    assert name.startswith("healthops.clinical."), name
    source, _dot, variable = name[len("healthops.clinical.") :].partition(".")
    tree = ast.parse((PLUGINS / "doc_fragments" / f"{source}.py").read_text(encoding="utf-8"))
    (holder,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "ModuleDocFragment"]
    document: dict[str, Any] = _literals(holder.body)[(variable or "documentation").upper()]
    return document


@functools.cache
def documentation(module: str) -> dict[str, Any]:
    """Return DOCUMENTATION of a module; what the module says itself counts before what its fragments say."""
    tree = ast.parse((PLUGINS / "modules" / f"{module}.py").read_text(encoding="utf-8"))
    assigned = [node for node in tree.body if isinstance(node, ast.Assign)]
    document: dict[str, Any] = _literals([node for node in assigned if node.targets[0].id == "DOCUMENTATION"])[  # type: ignore[attr-defined]
        "DOCUMENTATION"
    ]
    for section in ("options", "attributes"):
        merged: dict[str, Any] = {}
        for part in (*map(fragment, document["extends_documentation_fragment"]), document):
            for name, about in (part.get(section) or {}).items():
                merged[name] = {**merged.get(name, {}), **about}
        document[section] = merged
    return document
