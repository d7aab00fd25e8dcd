# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role certificates on a control node that speaks German: a month has another name there, and counts the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rooms import ROOT

pytest.importorskip("ansible")

from roles import plays

ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
#: What a locale changes in Python: the names by which strptime knows a month. No host of the tests need have one.
GERMAN = 'import calendar\ncalendar.month_abbr = " Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez".split(" ")\n'


def play(folder: Path, *months: str) -> list[dict[str, Any]]:
    """Return what the role says of certificates that are named after the months in which they end."""
    (folder / "sitecustomize.py").write_text(GERMAN, encoding="utf-8")
    (folder / "bin").mkdir()
    (folder / "bin" / "openssl").write_text(
        '#!/bin/sh\nfor path; do :; done\necho "notAfter=${path##*/}  5 07:30:05 2099 GMT"\n', encoding="utf-8"
    )
    (folder / "bin" / "openssl").chmod(0o755)
    role = ROOT / "roles" / "certificates"
    tasks = [
        {"ansible.builtin.include_vars": str(role / "vars" / "main.yml")},
        {"ansible.builtin.include_tasks": str(role / "tasks" / "days.yml")},
        {"ansible.builtin.copy": {"content": "{{ certificates_days | to_json }}", "dest": str(folder / "days.json")}},
    ]
    variables = {"certificates_paths": [f"/x/{month}" for month in months], "certificates_renew_days": 30}
    path = f"{folder}/bin:{os.environ['PATH']}"
    plays.run(folder, [{"vars": variables, "tasks": tasks}], PATH=path, PYTHONPATH=str(folder))
    days: list[dict[str, Any]] = json.loads((folder / "days.json").read_text(encoding="utf-8"))
    return days


def test_every_month_is_read_whatever_the_control_node_calls_it(tmp_path: Path) -> None:
    days = play(tmp_path, *ENGLISH)
    assert [day["ends"] for day in days] == [f"2099-{number:02d}-05 07:30:05" for number in range(1, 13)]
    assert {day["state"] for day in days} == {"valid"}


def test_the_control_node_of_this_test_does_speak_german(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(GERMAN, encoding="utf-8")
    code = "import datetime; datetime.datetime.strptime('Dec', '%b')"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert "does not match format" in done.stderr
