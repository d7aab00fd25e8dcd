# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checkouts on one machine have test hosts of their own: no name and no address is used twice."""

from __future__ import annotations

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "hosts"))

import inventory  # noqa: E402

TEXT = """
test_hosts:
  hosts:
    one: {suite: bookworm, ansible_host: 10.$NET.7$LANE.11}
  children:
    others:
  vars:
    test_hosts_network: healthops-$MARK-shared$LANE
others:
  hosts:
    two: {suite: trixie, ansible_host: 10.$NET.7$LANE.12}
"""


def test_hosts_of_the_long_form_alone_are_left_out_of_the_short_one() -> None:
    text = TEXT.replace("suite: trixie", "suite: trixie, drills_only: true")
    full, short = (inventory.render(text, "a", 0, "1", full) for full in (True, False))
    assert list(full["others"]["hosts"]) == ["two"]
    assert short["others"]["hosts"] == {}
    assert short["test_hosts"] == {**full["test_hosts"], "children": {"others": None}}


def test_a_checkout_keeps_its_mark_when_it_is_moved(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    mark = inventory.mark_of(old)
    assert inventory.mark_of(old) == mark
    old.rename(new)
    assert [inventory.mark_of(new) for _time in range(2)] == [mark, mark]


def test_a_copy_of_a_checkout_gets_a_mark_of_its_own(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    mark = inventory.mark_of(old)
    shutil.copytree(old, new)
    assert inventory.mark_of(new) != mark
    assert inventory.mark_of(old) == mark


def test_each_checkout_has_its_own_number_and_keeps_it(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    assert [inventory.number_of(mark, tmp_path, cache) for mark in ("a", "b", "a", "c", "b")] == [0, 1, 0, 2, 1]


def test_the_number_of_one_that_is_gone_is_used_again_when_there_is_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "CHECKOUTS", 2)
    cache, gone = tmp_path / "cache", tmp_path / "gone"
    gone.mkdir()
    assert inventory.number_of("a", gone, cache) == 0
    gone.rmdir()
    assert inventory.number_of("b", tmp_path, cache) == 1
    assert inventory.number_of("c", tmp_path, cache) == 0
    with pytest.raises(SystemExit, match="2 checkouts have test hosts"):
        inventory.number_of("d", tmp_path, cache)


def test_an_inventory_is_listed_as_ansible_wants_it() -> None:
    pytest.importorskip("yaml")
    listed = inventory.listed(inventory.render(TEXT, "abc123", 2, "3"))
    second = inventory.FIRST + 2
    assert listed == {
        "test_hosts": {
            "hosts": ["one"],
            "children": ["others"],
            "vars": {"test_hosts_network": "healthops-abc123-shared3"},
        },
        "others": {"hosts": ["two"], "children": [], "vars": {}},
        "_meta": {
            "hostvars": {
                "one": {"suite": "bookworm", "ansible_host": f"10.{second}.73.11"},
                "two": {"suite": "trixie", "ansible_host": f"10.{second}.73.12"},
            }
        },
    }


@pytest.mark.parametrize("path", sorted((ROOT / "molecule").rglob("hosts.yml")), ids=lambda path: path.parts[-3])
def test_no_set_of_hosts_names_an_address_or_a_network_that_another_checkout_has(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert path.with_suffix("").resolve() == ROOT / "tests" / "hosts" / "inventory.py"
    assert "test_hosts_network: healthops-$MARK-" in text
    assert " 10.1" not in text


def test_lanes_that_begin_at_once_in_a_new_checkout_have_one_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = threading.Barrier(2, timeout=30)
    replace = Path.replace

    def replace_when_both_have_written(path: Path, target: Path) -> Path:
        both.wait()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", replace_when_both_have_written)
    with ThreadPoolExecutor(2) as lanes:
        marks = set(lanes.map(inventory.mark_of, [tmp_path, tmp_path]))
    assert len(marks) == 1
