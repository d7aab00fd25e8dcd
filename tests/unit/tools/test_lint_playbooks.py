# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are read as playbooks by the syntax check."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible_collections.healthops.clinical.tools.lint_playbooks import import_roles, playbooks

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("- hosts: all\n  tasks: []\n", True, id="play"),
        pytest.param("- import_playbook: a.yml\n- hosts: all\n", True, id="imported"),
        pytest.param("- ansible.builtin.import_playbook: a.yml\n", True, id="imported-by-full-name"),
        pytest.param("- hosts: all\n  vars: {secret: !vault x, text: !unsafe y}\n", True, id="tags"),
        pytest.param("- name: Task\n  ansible.builtin.debug:\n", False, id="tasks"),
        pytest.param("all:\n  hosts: {}\n", False, id="inventory"),
        pytest.param("[]\n", False, id="empty-list"),
        pytest.param("", False, id="empty"),
    ],
)
def test_a_playbook_is_a_list_of_plays(text: str, expected: bool, tmp_path: Path) -> None:
    path = tmp_path / "file.yml"
    path.write_text(text, encoding="utf-8")
    assert playbooks([path]) == ([path] if expected else [])


def test_every_file_among_the_playbooks_of_the_collection_is_one() -> None:
    files = sorted((ROOT / "playbooks").glob("*.yml"))
    assert files
    assert playbooks(files) == files


def test_every_scenario_s_plays_are_among_them() -> None:
    files = sorted(path for path in (ROOT / "molecule").glob("*/*.yml") if path.stem in ("converge", "prepare"))
    assert files
    assert playbooks(files) == files


def test_roles_are_imported_so_that_their_tasks_are_read() -> None:
    (play,) = yaml.safe_load(import_roles([Path("/roles/a"), Path("/roles/b")]))
    assert [task["ansible.builtin.import_role"]["name"] for task in play["tasks"]] == ["/roles/a", "/roles/b"]
