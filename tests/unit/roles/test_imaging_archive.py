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
    "imaging_archive_pilot_clients": ["scanner", "CT of ward 2", "10.1.1.1"],
    "imaging_archive_rest_users": {"ops": "x"},
    "certificates_unit": "imaging-archive",
    "certificates_paths": ["/etc/a.pem"],
}
DATABASE = {"host": "/run/postgresql", "port": 5432, "database": "orthanc", "user": "orthanc"}
HOSTILE: dict[str, dict[str, Any]] = {
    "database_host": {"imaging_archive_postgresql": {**DATABASE, "host": "/run; touch x"}},
    "database_name": {"imaging_archive_postgresql": {**DATABASE, "database": "a > b"}},
    "storage": {"imaging_archive_storage_directory": "/srv/a /etc"},
    "login": {"imaging_archive_rest_users": {"a:b": "x"}},
    "timer": {"imaging_archive_snapshot_at": "daily\nUnit=other.service"},
    "title": {"imaging_archive_aet": "A\n"},
    "client": {"imaging_archive_pilot_clients": ["../../etc/passwd"]},
    "watched": {"certificates_paths": ["/etc/a b.pem"]},
    "unit": {"certificates_unit": "a/../b"},
}


def tasks_of(role: str, file: str, *begins: str) -> list[dict[str, Any]]:
    tasks = yaml.safe_load((ROOT / "roles" / role / "tasks" / file).read_text(encoding="utf-8"))
    return [task for task in tasks if task["name"].startswith(begins)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("archive")
    checks = tasks_of("imaging_archive", "preflight.yml", "Check what goes", "Check the AE", "Check the addresses")
    checks += tasks_of("certificates", "main.yml", "Check the paths")
    assert len(checks) == 5
    defaults: dict[str, Any] = {}
    for role in ("imaging_archive", "certificates"):
        defaults.update(yaml.safe_load((ROOT / "roles" / role / "defaults" / "main.yml").read_text(encoding="utf-8")))
    cases = {"good": {}, **HOSTILE}
    blocks = [plays.outcome(name, checks, {**GOOD, **case}) for name, case in cases.items()]
    plays.run(made, [{"vars": defaults, "tasks": [*blocks, plays.keep_outcomes(made)]}])
    return made


def test_what_is_right_passes(folder: Path) -> None:
    assert plays.reason("good", folder) == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_is_refused_with_what_it_should_be(name: str, folder: Path) -> None:
    words = ("letters, digits", "absolute")
    assert any(word in plays.reason(name, folder) for word in words), plays.reason(name, folder)
