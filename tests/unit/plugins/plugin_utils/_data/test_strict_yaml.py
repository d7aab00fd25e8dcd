# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML that is read strictly: what is read, on which line it stands, and what is refused instead of being guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.healthops.clinical.plugins.plugin_utils._data import strict_yaml

GOOD = """# What it is about.
- id: first
  quoted: "0640"
  count: -3
  wanted: TRUE
  day: 2026-01-31
  inside:
    list: [a, 0]
"""


@pytest.fixture(params=["the fast parser", "the slow parser"], autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "the slow parser":
        monkeypatch.setattr(strict_yaml, "LOADER", yaml.SafeLoader)


def written(folder: Path, text: str) -> Path:
    path = folder / "some.yml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> strict_yaml.BadYaml:
    with pytest.raises(strict_yaml.BadYaml) as caught:
        strict_yaml.read(path)
    return caught.value


def test_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    (item,) = strict_yaml.read(written(tmp_path, GOOD))
    assert item == {
        "id": "first",
        "quoted": "0640",
        "count": -3,
        "wanted": True,
        "day": "2026-01-31",
        "inside": {"list": ["a", 0]},
    }
    assert item["wanted"] is True


def test_every_key_knows_its_line(tmp_path: Path) -> None:
    (item,) = strict_yaml.read(written(tmp_path, GOOD))
    assert [item.line_of(key) for key in item] == [2, 3, 4, 5, 6, 7]
    assert item["inside"].line_of("list") == 8
    assert item.line_of("nowhere") == item.line == 2


@pytest.mark.parametrize(
    ("text", "line", "key", "fault"),
    [
        pytest.param("a: 1\na: 2\n", 2, "a", "the key 'a' stands twice, first on line 1", id="a key twice"),
        pytest.param("a: 1\nmode: 0640\n", 2, "mode", 'put it in quotes: "0640"', id="octal"),
        pytest.param("a: no\n", 1, "a", 'put it in quotes: "no"', id="a boolean of YAML 1.1"),
        pytest.param("a: 24.04\n", 1, "a", 'put it in quotes: "24.04"', id="a fraction"),
        pytest.param("a:\n", 1, "a", "no value", id="no value"),
        pytest.param("12: a\n", 1, "", "the key 12 is not text", id="a number as key"),
        pytest.param("a: {<<: {b: c}}\n", 1, "a", "the key << is not text", id="a merge"),
        pytest.param("a: &x [1]\nb: *x\n", 1, "b", "an alias (*name)", id="an alias"),
        pytest.param("a: !!set {b}\n", 1, "a", "a plain mapping is allowed", id="a tagged mapping"),
        pytest.param("a: !own [b]\n", 1, "a", "a plain list is allowed", id="a tagged list"),
        pytest.param("a: !own b\n", 1, "a", "put it in quotes", id="a tagged word"),
        pytest.param("a: [1\n", 2, "", "broken YAML", id="broken"),
        pytest.param("--- 1\n--- 2\n", 2, "", "broken YAML", id="two documents"),
        pytest.param("# nothing\n---\n", 0, "", "the file is empty", id="nothing but comments"),
    ],
)
def test_what_could_be_misread_is_refused_with_line_and_key(
    tmp_path: Path, text: str, line: int, key: str, fault: str
) -> None:
    error = refused(written(tmp_path, text))
    assert (error.line, error.key) == (line, key)
    assert fault in error.fault


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "some.yml").write_bytes(b"- caf\xe9\n")
    assert refused(tmp_path / "some.yml").fault == "it is not UTF-8 text (byte 5)"
    assert refused(tmp_path / "none.yml").fault == "it cannot be read: No such file or directory"


def test_the_files_of_a_folder_come_in_one_order(tmp_path: Path) -> None:
    for name in ("b.yaml", "a.yml", "c.txt"):
        (tmp_path / name).write_text("a: 1\n", encoding="utf-8")
    (tmp_path / "d.yml").mkdir()
    assert [path.name for path in strict_yaml.files(tmp_path)] == ["a.yml", "b.yaml"]
