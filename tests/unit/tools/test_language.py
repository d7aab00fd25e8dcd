# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The language of the sources: names say what they name, and a function's docstring says what the function does.

Where `test_the_sources_have_only_what_the_table_still_allows` fails because there is less to rename than the table
says, run `python -m tools.language --write` and commit what it wrote.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.healthops.clinical.tools import language


def test_the_sources_have_only_what_the_table_still_allows() -> None:
    now, allowed = language.counted(), language.read_table()
    differing = {path: (allowed.get(path), now.get(path)) for path in {**allowed, **now}}
    complaints = [
        f"{path}: the table has {row or 'no row'}, the file {real or 'nothing'}{_places(path)}"
        for path, (row, real) in sorted(differing.items())
        if row != real
    ]
    assert not complaints, "\n".join(["", *complaints])


def _places(path: str) -> str:
    file = language.CHECKOUT / path
    listed = language.offences(file.read_text(encoding="utf-8")) if file.exists() else []
    return "".join(f"\n    {offence.line}: {offence.kind} {offence.text}" for offence in listed)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param("told = 1", [("names", "told")], id="variable"),
        pytest.param("_seen: int = 1", [("names", "_seen")], id="private"),
        pytest.param("class Wish: pass", [("names", "Wish")], id="class"),
        pytest.param("def each(one): pass", [("names", "each"), ("names", "one")], id="function-and-parameter"),
        pytest.param("[one for one in ()]", [("names", "one")], id="comprehension"),
        pytest.param("async def words(): pass", [("names", "words")], id="async"),
        pytest.param("def f():\n    'What it does.'", [("docstrings", "f")], id="question"),
        pytest.param("def f():\n    'Whatever is given is returned.'", [], id="whatever"),
        pytest.param("class A:\n    'What it is.'", [], id="class-docstring"),
        pytest.param("print(told, x.told, f(told=1))", [], id="use"),
        pytest.param("left, other, rest = 1, 2, 3", [], id="ordinary"),
        pytest.param("class ClinicalError:\n    def __init__(self, saw): pass", [], id="error-field"),
        pytest.param("class Result:\n    saw = 1", [("names", "saw")], id="other-field"),
    ],
)
def test_offences(source: str, expected: list[tuple[str, str]]) -> None:
    assert [(offence.kind, offence.text) for offence in language.offences(source)] == expected


def test_figures() -> None:
    measured = language.Figures()
    measured.add(
        """\
class Host:
    def told(self, path):
        'Whether it was told.'
        return 1 if path else 2

    def read(self):
        for a in ():
            if a:
                pass
            elif self:
                try:
                    pass
                except OSError:
                    while a:
                        pass

    def _inner(self):
        'Read all.'
"""
    )
    assert measured == language.Figures(
        lines=18,
        names=8,  # three functions, three times self, path, a
        stock_names=1,
        docstrings=2,
        questions=1,
        conditionals=1,
        public=2,
        undocumented=1,
        lengths=[3, 10, 2],
        depths=[0, 4, 0],
    )


def test_a_method_that_a_base_or_a_protocol_documents_is_told_apart() -> None:
    source = """\
class Door(Protocol):
    def read(self):
        'Return it.'
    def write(self):
        'Write it.'

class Real:
    def read(self): ...
    def write(self): ...
    def other(self): ...

class Half:
    def read(self): ...

class Small(Real):
    def write(self): ...
"""
    measured = language.Figures()
    measured.add(source, language.Promises([source]))
    assert (measured.public, measured.undocumented, measured.promised) == (7, 5, 3)


@pytest.fixture
def table(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    file = tmp_path / "language.json"
    monkeypatch.setattr(language, "TABLE", file)
    return file


def test_a_table_is_written_and_read(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {"plugins/a.py": {"docstrings": 1, "names": 2}, "plugins/b.py": {"names": 1}}
    monkeypatch.setattr(language, "counted", lambda: rows)
    assert language.write_table() == "2 files: 3 names, 1 docstrings"
    assert language.read_table() == rows
    monkeypatch.setattr(language, "counted", dict)
    assert language.write_table() == "0 files: 0 names, 0 docstrings"
    assert language.read_table() == {}


def test_a_table_never_grows(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "counted", lambda: {"plugins/a.py": {"names": 2}})
    language.write_table()
    moved_and_worse = {"plugins/b.py": {"names": 3}}
    monkeypatch.setattr(language, "counted", lambda: moved_and_worse)
    with pytest.raises(SystemExit, match="names: 2 became 3"):
        language.write_table()
    assert language.read_table() == {"plugins/a.py": {"names": 2}}
