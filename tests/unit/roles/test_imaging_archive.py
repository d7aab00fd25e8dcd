# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory says of an archive and its certificates is of a form that its units and commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT

pytest.importorskip("ansible")

import yaml

from roles import plays

GOOD: dict[str, Any] = {
    "imaging_archive_modalities": [{"name": "ct", "aet": "CT1", "host": "10.1.1.1", "allow": ["store"]}],
    "imaging_archive_index": "postgresql",
    "imaging_archive_pilot_ca": True,
    "imaging_archive_pilot_clients": ["scanner", "CT of ward 2", "10.1.1.1"],
    "imaging_archive_rest_users": {"ops": "x"},
}
DATABASE = {"host": "/run/postgresql", "port": 5432, "database": "orthanc", "user": "orthanc"}
HOSTILE: dict[str, dict[str, Any]] = {
    "database_host": {"imaging_archive_postgresql": {**DATABASE, "host": "/run; touch x"}},
    "database_name": {"imaging_archive_postgresql": {**DATABASE, "database": "a > b"}},
    "storage": {"imaging_archive_storage_directory": "/srv/a /etc"},
    "login": {"imaging_archive_rest_users": {"a:b": "x"}},
    "timer": {"imaging_archive_snapshot_at": "daily\nUnit=other.service"},
    "title": {"imaging_archive_aet": "A\n"},
    "password": {"imaging_archive_postgresql_password": "a$b"},
    "login_password": {"imaging_archive_rest_users": {"ops": "a\nb"}},
    "option": {"imaging_archive_options": {"RemoteAccessAllowed": True}},
    "certificate": {"imaging_archive_pilot_ca": False},
    "confirm": {"imaging_archive_confirm_within": 60},
    "address": {"imaging_archive_monitors": ["monitor.example"]},
    "client": {"imaging_archive_pilot_clients": ["../../etc/passwd"]},
}


def tasks_of(role: str, file: str, *begins: str) -> list[dict[str, Any]]:
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / file).read_text(encoding="utf-8"))
    return [task for task in tasks if task["name"].startswith(begins)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("archive")
    checks = tasks_of("imaging_archive", "preflight.yml", "Check the variables")
    assert len(checks) == 1
    defaults = yaml.safe_load(
        (ROOT / "roles" / "imaging_archive" / "defaults" / "main.yml").read_text(encoding="utf-8")
    )
    cases = {"good": {}, **HOSTILE}
    blocks = [plays.outcome(name, checks, {**GOOD, **case}) for name, case in cases.items()]
    variables = str(ROOT / "roles" / "imaging_archive" / "vars" / "main.yml")
    play = {"vars": defaults, "vars_files": [variables], "tasks": [*blocks, plays.keep_outcomes(made)]}
    plays.run(made, [play])
    return made


def test_what_is_right_passes(folder: Path) -> None:
    assert plays.reason("good", folder) == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_is_refused_with_what_it_should_be(name: str, folder: Path) -> None:
    words = (
        "letters, digits",
        "absolute",
        "has a quote",
        "the role decides",
        "The archive needs",
        "is 60",
        "no name server",
    )
    assert any(word in plays.reason(name, folder) for word in words), plays.reason(name, folder)


def test_no_password_is_in_what_is_said_of_it(folder: Path) -> None:
    assert "a$b" not in plays.reason("password", folder)
