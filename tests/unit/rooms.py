# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which source imports which: also inside of functions, and for type checkers."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "plugins"
TESTS = ROOT / "tests" / "unit"
NAME = "ansible_collections.healthops.clinical.plugins."
#: The halves whose packages are rooms; every other folder below plugins/ is one room.
HALVES = ("module_utils", "plugin_utils")


@functools.cache
def sources() -> dict[str, Path]:
    """Return every source below plugins/ by its dotted name (``module_utils._guard.record``)."""
    return {
        path.relative_to(PLUGINS).with_suffix("").as_posix().replace("/", "."): path
        for path in sorted(PLUGINS.rglob("*.py"))
        if path.name != "__init__.py"
    }


def room_of(source: str) -> str:
    """Return the room that a source stands in: ``module_utils._guard``, ``module_utils._core``, ``action``."""
    parts = source.split(".")
    return ".".join(parts[:2]) if parts[0] in HALVES else parts[0]


@functools.cache
def imports(source: str, path: Path) -> set[str]:
    """Return the dotted names of our own sources that a source imports."""
    known = sources()
    return {
        target
        for base, name in _imported(source, ast.parse(path.read_text(encoding="utf-8")))
        for target in (f"{base}.{name}" if f"{base}.{name}" in known else base,)
        if target in known
    }


def _imported(source: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
    package = source.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):  # import_module(f"... .export.{name}") may import any of them
            start = node.values[0].value if isinstance(node.values[0], ast.Constant) else ""
            if str(start).startswith(NAME):
                base = str(start)[len(NAME) : -1]
                yield from ((base, known[len(base) + 1 :]) for known in sources() if known.startswith(f"{base}."))
        if not isinstance(node, ast.ImportFrom):
            continue
        module = node.module or ""
        if node.level:
            base = ".".join(filter(None, [*package[: len(package) - node.level + 1], module]))
        elif module.startswith(NAME):
            base = module[len(NAME) :]
        else:
            continue
        for alias in node.names:
            yield base, alias.name


def arrows() -> dict[str, set[str]]:
    """Return, for each room, the other rooms that it imports from."""
    targets: dict[str, set[str]] = {}
    for source, path in sources().items():
        room = room_of(source)
        targets.setdefault(room, set()).update(room_of(target) for target in imports(source, path))
        targets[room].discard(room)
    return targets


def own_test(source: str) -> Path:
    """Return where the test of a source's name would be."""
    folder, _dot, name = source.replace(".", "/").rpartition("/")
    return TESTS / "plugins" / folder / f"test_{name}.py"


if __name__ == "__main__":
    for room, targets in arrows().items():
        print(f"{room}: {', '.join(sorted(targets))}")
