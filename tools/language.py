# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the language of the Python sources, and hold what is still to be renamed in a table that only shrinks.

python -m tools.language                      figures for module_utils, plugin_utils and action, and for all three
python -m tools.language plugins/action ...   figures for these folders
python -m tools.language --root DIR ...       the same for another checkout
python -m tools.language --write              write tests/unit/language.json anew, where there is no more than before
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import statistics
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
TABLE = CHECKOUT / "tests" / "unit" / "language.json"
FOLDERS = ("plugins/module_utils", "plugins/plugin_utils", "plugins/action")

#: Words that say nothing of what they name. Their share among all assigned names is the figure to watch.
_WORDS = (
    "told found one each saw looks look kept mine words word asked left gone there rest whole others other theirs"
    " wish wishes lasts own"
)
STOCK = frozenset(_WORDS.split())
#: No name may be one of these, in any case; left, other and rest have their ordinary uses.
FORBIDDEN = (STOCK | {"seen"}) - {"left", "other", "rest"}
QUESTION = re.compile(r"(What|Whether|Why|Which|Who|How|Where|When)\b")
#: The error family's own word: doing, subject, saw, try_this.
ALLOWED = ("ClinicalError", "saw")

Function = (ast.FunctionDef, ast.AsyncFunctionDef)
Nesting = (ast.If, ast.For, ast.While, ast.With, ast.Try)


@dataclass
class Figures:
    """What was counted in some files. `lengths` and `depths` have one entry a function.

    `promised` are those of the undocumented methods of which a base class, or the protocol, says what they do.
    """

    lines: int = 0
    names: int = 0
    stock_names: int = 0
    docstrings: int = 0
    questions: int = 0
    conditionals: int = 0
    public: int = 0
    undocumented: int = 0
    promised: int = 0
    lengths: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)

    def add(self, text: str, promises: Promises | None = None) -> None:
        """Count what is in the text of one file; `promises` knows the classes of all files."""
        tree = ast.parse(text)
        if promises is not None:
            self.promised += sum(map(promises.kept_by, ast.walk(tree)))
        self.lines += text.count("\n")
        for node in ast.walk(tree):
            name = _assigned_name(node)
            self.names += name is not None
            self.stock_names += name is not None and name.strip("_") in STOCK
            self.conditionals += isinstance(node, ast.IfExp)
            if isinstance(node, ast.FunctionDef):
                docstring = ast.get_docstring(node)
                self.docstrings += docstring is not None
                self.questions += docstring is not None and QUESTION.match(docstring) is not None
                self.lengths.append((node.end_lineno or node.lineno) - node.lineno + 1)
                self.depths.append(_depth(node.body))
        for function in _outer_functions(tree):
            if not function.name.startswith("_"):
                self.public += 1
                self.undocumented += ast.get_docstring(function) is None

    def __str__(self) -> str:
        lengths = sorted(self.lengths) or [0]
        rows = [
            ("lines", f"{self.lines}"),
            ("stock words among assigned names", f"{_percent(self.stock_names, self.names):.1f} % of {self.names}"),
            (
                "docstrings beginning What, Whether ...",
                f"{_percent(self.questions, self.docstrings):.0f} % of {self.docstrings}",
            ),
            ("conditional expressions per 1,000 lines", f"{1000 * self.conditionals / max(self.lines, 1):.1f}"),
            (
                "public functions without a docstring",
                f"{_percent(self.undocumented, self.public):.0f} % of {self.public},"
                f" {_percent(self.undocumented - self.promised, self.public):.0f} % that no base documents",
            ),
            (
                "lines a function: median, 90th, most",
                f"{statistics.median(lengths):.0f}, {lengths[int(0.9 * (len(lengths) - 1))]}, {lengths[-1]}"
                f" in {len(self.lengths)}",
            ),
            (
                "nested four deep or more, deepest",
                f"{sum(depth >= 4 for depth in self.depths)}, {max(self.depths, default=0)}",
            ),
        ]
        return "\n".join(f"  {title:<41}{value}" for title, value in rows)


class Promises:
    """The classes of some files, and which of their methods are documented by what they inherit or implement."""

    def __init__(self, texts: Iterable[str]) -> None:
        trees = [ast.parse(text) for text in texts]
        self._classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
        self._protocols = [node for node in self._classes.values() if "Protocol" in map(ast.unparse, node.bases)]

    def kept_by(self, node: ast.AST) -> int:
        """Return how many public methods of a class have no docstring of their own, and one where they come from."""
        if not isinstance(node, ast.ClassDef) or node.name.startswith("_"):
            return 0
        documented = {name for above in self._above(node) for name, text in _methods(above).items() if text}
        return sum(1 for name, text in _methods(node).items() if not text and name in documented)

    def _above(self, node: ast.ClassDef) -> list[ast.ClassDef]:
        """Return what a class inherits from, and the protocols of which it has every method."""
        bases: list[ast.ClassDef] = []
        waiting = [node]
        while waiting:
            names = (ast.unparse(base).partition("[")[0] for base in waiting.pop().bases)
            nearer = [self._classes[name] for name in names if name in self._classes]
            bases += nearer
            waiting += nearer
        names_of_all = {name for known in (node, *bases) for name in _methods(known)}
        return bases + [protocol for protocol in self._protocols if _methods(protocol).keys() <= names_of_all]


def _methods(node: ast.ClassDef) -> dict[str, bool]:
    """Return the public methods of a class by name, and whether each has a docstring."""
    functions = (child for child in node.body if isinstance(child, ast.FunctionDef))
    return {function.name: bool(ast.get_docstring(function)) for function in functions if function.name[0] != "_"}


def _percent(part: int, whole: int) -> float:
    return 100 * part / max(whole, 1)


def _assigned_name(node: ast.AST) -> str | None:
    """Return the name that a node gives to a variable, a parameter or a function, or None."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    if isinstance(node, ast.arg):
        return node.arg
    return node.name if isinstance(node, ast.FunctionDef) else None


def _outer_functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions and methods of a module, without those inside a function or a private class."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield node
        elif not isinstance(node, ast.ClassDef) or not node.name.startswith("_"):
            yield from _outer_functions(node)


def _depth(statements: Sequence[ast.stmt]) -> int:
    """Return how deep compound statements stand in one another; an `elif` is as deep as its `if`."""
    return max((_depth_of(statement) for statement in statements), default=0)


def _depth_of(statement: ast.stmt) -> int:
    if isinstance(statement, ast.If) and len(statement.orelse) == 1 and isinstance(statement.orelse[0], ast.If):
        return max(1 + _depth(statement.body), _depth_of(statement.orelse[0]))
    if isinstance(statement, Function) or not isinstance(statement, Nesting):
        return 0
    inner = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
    handlers = [child.body for child in ast.iter_child_nodes(statement) if isinstance(child, ast.ExceptHandler)]
    return 1 + max(_depth(inner), *(_depth(body) for body in handlers), 0)


@dataclass(frozen=True)
class Offence:
    """One place to rename or to reword; `kind` is a key of the table."""

    kind: str
    line: int
    text: str


def offences(text: str) -> list[Offence]:
    """Return every forbidden name and every function docstring that begins with a question word, by line."""
    return sorted(_offences(ast.parse(text)), key=lambda offence: offence.line)


def _offences(node: ast.AST, enclosing: str = "") -> Iterator[Offence]:
    for child in ast.iter_child_nodes(node):
        name = child.name if isinstance(child, (*Function, ast.ClassDef)) else _assigned_name(child)
        if name and name.strip("_").lower() in FORBIDDEN and (enclosing, name) != ALLOWED:
            yield Offence("names", getattr(child, "lineno", 0), name)
        if isinstance(child, Function) and QUESTION.match(ast.get_docstring(child) or ""):
            yield Offence("docstrings", child.lineno, child.name)
        yield from _offences(child, child.name if isinstance(child, ast.ClassDef) else enclosing)


def counted(root: Path = CHECKOUT) -> dict[str, dict[str, int]]:
    """Return {file: {kind: count}} for the files below plugins/ that offend, in the order of their paths."""
    table = {}
    for path in sources(root, ["plugins"]):
        kinds = [offence.kind for offence in offences(path.read_text(encoding="utf-8"))]
        if kinds:
            table[path.relative_to(root).as_posix()] = {kind: kinds.count(kind) for kind in sorted(set(kinds))}
    return table


def sources(root: Path, folders: Sequence[str]) -> list[Path]:
    return sorted(path for folder in folders for path in (root / folder).rglob("*.py"))


def figures(root: Path, folders: Sequence[str]) -> Figures:
    total = Figures()
    promises = Promises(path.read_text(encoding="utf-8") for path in sources(root, FOLDERS))
    for path in sources(root, folders):
        total.add(path.read_text(encoding="utf-8"), promises)
    return total


def read_table() -> dict[str, dict[str, int]]:
    return dict(json.loads(TABLE.read_text(encoding="utf-8")))


def write_table() -> str:
    """Write the table anew and return a line about it. Raises SystemExit where a kind has more than before."""
    now = counted()
    sums = totals(now)
    if TABLE.exists():
        before = totals(read_table())
        grown = [f"{kind}: {before[kind]} became {sums[kind]}" for kind in sums if sums[kind] > before[kind]]
        if grown:
            raise SystemExit(f"The table may only shrink. {'; '.join(grown)}")
    rows = ",\n".join(f"  {json.dumps(path)}: {json.dumps(kinds)}" for path, kinds in now.items())
    TABLE.write_text(f"{{\n{rows}\n}}\n" if rows else "{}\n", encoding="utf-8")
    return f"{len(now)} files: {', '.join(f'{count} {kind}' for kind, count in sums.items())}"


def totals(table: dict[str, dict[str, int]]) -> dict[str, int]:
    return {kind: sum(kinds.get(kind, 0) for kinds in table.values()) for kind in ("names", "docstrings")}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.language", description="Measure the language of the sources")
    parser.add_argument("--root", type=Path, default=CHECKOUT, help="the checkout to measure")
    parser.add_argument("--write", action="store_true", help=f"write {TABLE.relative_to(CHECKOUT)} anew")
    parser.add_argument("folders", nargs="*", default=[], help="folders to measure, each by itself")
    options = parser.parse_args(arguments)
    if options.write:
        print(write_table())
        return
    for folders in [[folder] for folder in options.folders or FOLDERS] + ([] if options.folders else [list(FOLDERS)]):
        print(f"{', '.join(folders)}\n{figures(options.root, folders)}")


if __name__ == "__main__":
    main(sys.argv[1:])
