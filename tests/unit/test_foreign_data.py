# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whoever reads files on the control node: catalogue, approvals, advisories, and evidence that others have damaged.

Each file says something else, hostile or merely odd. Either it is read, or an error of ours names it.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("yaml")

from ansible_collections.healthops.clinical.plugins.module_utils._errors import ClinicalError
from ansible_collections.healthops.clinical.plugins.plugin_utils._catalogue import load, profiles
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence import store
from ansible_collections.healthops.clinical.plugins.plugin_utils._evidence.verify import verify
from ansible_collections.healthops.clinical.plugins.plugin_utils._patch import advisories, approvals
from strangeness import PYTHON, variants
from unit_tests.plugin_utils._catalogue.catalogues import DMESG, FRAMEWORK, TRIES, make
from unit_tests.plugin_utils._evidence import chains
from unit_tests.plugin_utils._evidence.stored_runs import report
from unit_tests.plugin_utils._patch.test_advisories import carried_in
from unit_tests.plugin_utils._patch.test_approvals import GOOD, NOW

PROFILE = """
id: lab
title: A laboratory
about: It receives results.
purposes: [lab]
values:
  - {tunable: tries, value: 3, reason: Few people work there.}
"""


@dataclass(frozen=True)
class Store:
    """Something on the control node, and what reads it; ``make`` returns the files that may say something else."""

    make: Callable[[Path], list[Path]]
    read: Callable[[Path], object]


def catalogue(root: Path) -> list[Path]:
    make(root, {"ssh.yml": TRIES, "kernel.yml": DMESG}, {"nist.yml": FRAMEWORK})
    (root / "profiles").mkdir()
    (root / "profiles" / "lab.yml").write_text(PROFILE, encoding="utf-8")
    return sorted(root.rglob("*.yml"))


def choose(root: Path) -> object:
    return profiles.choose(load.load([root]), [root], ["lab"], {})


def approval(root: Path) -> list[Path]:
    path = root / "approvals.yml"
    path.write_text(GOOD, encoding="utf-8")
    return [path]


def advised(root: Path) -> object:
    given = {option: root / option for option in advisories.files.NAMES if (root / option).exists()}
    return advisories.index(given, root / "cache")


def evidence(root: Path) -> list[Path]:
    for run_id in chains.RUNS[:2]:
        chains.run(root, run_id, hosts=1)
    return sorted(path for path in root.rglob("*") if path.is_file() and path.name != "lock")


def read_evidence(root: Path) -> object:
    for problem in verify(root)["told"]:
        assert not PYTHON.search(problem), problem
    store.latest_run(root)
    for run_id in chains.RUNS[:2]:
        store.load_run(root, run_id)
        store.load_records(root, run_id)
    return None


STORES = {
    "catalogue": Store(catalogue, choose),
    "approvals": Store(approval, lambda root: approvals.approved(root / "approvals.yml", "pacs-01", NOW)),
    "advisories": Store(lambda root: list(carried_in(root).values()), advised),
    "evidence": Store(evidence, read_evidence),
    "another run": Store(evidence, lambda root: report(root, run_id=chains.RUNS[1], formats=["csv"])),
}
#: JSON that is whole, and of another shape.
SHAPES = tuple(json.dumps(value).encode() for value in ([], {}, 7, None, "x", [7], {"a": [7]}, {"hosts": 7, "id": []}))


@contextlib.contextmanager
def another_content(root: Path, path: Path, content: bytes) -> Iterator[None]:
    """Let a file say something else; afterwards everything is as it was."""
    before = {known: known.read_bytes() for known in root.rglob("*") if known.is_file()}
    path.write_bytes(content)
    yield
    for known in root.rglob("*"):
        if known.is_file() and known not in before:
            known.unlink()
    for known, earlier in before.items():
        if not known.exists() or known.read_bytes() != earlier:
            known.write_bytes(earlier)


def complaint(path: Path, root: Path, store_: Store) -> str:
    try:
        store_.read(root)
    except ClinicalError as error:
        if PYTHON.search(str(error)):
            return f"a Python message: {str(error)[:300]}"
        return "" if path.name in str(error) else f"{path.name} is not named: {str(error)[:300]}"
    except Exception as error:  # noqa: BLE001  what nobody foresaw is what is looked for
        return f"{type(error).__name__}: {error}"[:300]
    return ""


@pytest.mark.parametrize("name", STORES)
def test_whatever_a_file_says_it_is_read_or_named(name: str, tmp_path: Path) -> None:
    paths = STORES[name].make(tmp_path)
    assert complaint(paths[0], tmp_path, STORES[name]) == ""
    wrong = []
    for path in paths:
        for content in [*variants(path.read_bytes())[:: 1 if len(paths) < 4 else 7], *SHAPES]:
            with another_content(tmp_path, path, content):
                trouble = complaint(path, tmp_path, STORES[name])
            if trouble:
                wrong.append(f"{path.relative_to(tmp_path)} {content[:40]!r}: {trouble}")
    assert list(dict.fromkeys(wrong))[:10] == []
