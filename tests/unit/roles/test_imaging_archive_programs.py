# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the programs of the archive's own secret print, and when its database is made."""

from __future__ import annotations

import base64
import hashlib
import json
import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from rooms import ROOT

ROLE = ROOT / "roles" / "imaging_archive"
VARS: dict[str, Any] = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
SECRET = "Kept0123456789"
#: As an earlier release wrote it.
EARLIER = f'IMAGING_ARCHIVE_SECRET={SECRET}\nIMAGING_ARCHIVE_DATABASE_SECRET="old"\n'


def printed(program: str, environment: Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    argv = ["/bin/sh", "-c", VARS[f"__imaging_archive_{program}_program"], "sh", str(environment)]
    return subprocess.run(argv, input=stdin, check=False, capture_output=True, text=True)


@pytest.fixture(name="environment")
def fixture_environment(tmp_path: Path) -> Path:
    path = tmp_path / "environment"
    path.write_text(EARLIER)
    return path


def test_a_new_host_gets_a_secret_of_its_own(tmp_path: Path) -> None:
    first, second = (printed("environment", tmp_path / "environment", "MORE=1\n").stdout for _time in range(2))
    assert first != second
    name, secret = first.split("\n")[0].split("=")
    assert (name, len(secret), secret.isalnum()) == ("IMAGING_ARCHIVE_SECRET", 40, True)
    assert first.endswith("\nMORE=1\n")


def test_the_secret_of_a_host_stays(environment: Path) -> None:
    assert printed("environment", environment, EARLIER.split("\n")[1] + "\n").stdout == EARLIER


def test_the_login_of_nginx_is_what_an_earlier_release_wrote(environment: Path) -> None:
    login = base64.b64encode(f"proxy:{SECRET}".encode()).decode()
    assert printed("login", environment).stdout == f'proxy_set_header Authorization "Basic {login}";\n'


@pytest.mark.parametrize("password", ["plain", "a:b:", " blank ", "back\\slash $x `y` \"'", "pässwort"])
def test_the_logins_of_rest_are_what_an_earlier_release_wrote(environment: Path, password: str) -> None:
    salt = hashlib.sha256(f"{SECRET}reader".encode()).hexdigest()[:16]
    argv = ["openssl", "passwd", "-6", "-salt", salt, "-stdin"]
    hashed = subprocess.run(argv, input=f"{password}\n", check=True, capture_output=True, text=True).stdout
    done = printed("htpasswd", environment, f"reader:{password}\n")
    assert done.stdout == f"# Who may log in to REST; the role imaging_archive writes this file.\nreader:{hashed}"
    assert printed("htpasswd", environment).stdout.count("\n") == 1


@pytest.mark.parametrize("program", ["login", "htpasswd"])
@pytest.mark.parametrize("text", [None, "IMAGING_ARCHIVE_SECRET=\n"])
def test_nothing_is_made_of_no_secret(tmp_path: Path, program: str, text: str | None) -> None:
    if text is not None:
        (tmp_path / "environment").write_text(text)
    done = printed(program, tmp_path / "environment", "reader:x\n")
    assert (done.returncode, done.stdout) == (1, "")


#: A runuser that answers as psql does, and notes what else it is asked for.
RUNUSER = """#!/bin/sh
case "$*" in
  *pg_roles*) echo {roles} ;;
  *pg_database*) echo {databases} ;;
  *) echo "$4" >> {notes} ;;
esac
exit {code}
"""


@pytest.mark.parametrize(
    ("roles", "databases", "image", "code", "made"),
    [
        pytest.param(0, 0, False, 0, ["createuser", "createdb"], id="new"),
        pytest.param(1, 0, False, 0, ["createdb"], id="role"),
        pytest.param(1, 1, True, 0, [], id="both"),
        pytest.param(1, 0, True, 1, [], id="images without a database"),
        pytest.param(0, 0, True, 1, [], id="images without anything"),
    ],
)
@pytest.mark.parametrize("answers", [True, False])
def test_a_database_is_made_only_where_no_image_would_miss_it(
    tmp_path: Path, answers: bool, roles: int, databases: int, image: bool, code: int, made: list[str]
) -> None:
    storage, notes, programs = tmp_path / "storage", tmp_path / "notes", tmp_path / "bin"
    (storage / "ab" / "cd").mkdir(parents=True)
    if image:
        (storage / "ab" / "cd" / "image").touch()
    programs.mkdir()
    text = RUNUSER.format(roles=roles, databases=databases, notes=notes, code=0 if answers else 2)
    (programs / "runuser").write_text(text)
    (programs / "runuser").chmod(0o755)
    script = (ROLE / "templates" / "database.j2").read_text(encoding="utf-8")
    values = {"imaging_archive_storage_directory": str(storage)}
    values |= {f"imaging_archive_postgresql.{key}": "orthanc" for key in ("user", "database")}
    for name, value in values.items():
        script = script.replace("{{ " + name + " }}", value)
    assert "{{" not in script
    done = subprocess.run(["sh", "-c", script], env={"PATH": f"{programs}:/usr/bin:/bin"}, check=False)
    assert done.returncode == (code if answers else 2)
    assert (notes.read_text().split() if notes.exists() else []) == (made if answers else [])


@pytest.mark.parametrize(("restarts", "looks"), [([0, 1, 2, 3], 2), ([4, 4, 5, 5, 5, 5, 5], 6)])
def test_an_orthanc_that_ends_again_and_again_is_not_awaited(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], restarts: list[int], looks: int
) -> None:
    """One that was started anew once is: it may answer."""
    program = runpy.run_path(str(ROLE / "files" / "status.py"), run_name="status")
    counted, clock, looked = iter(restarts), iter(range(100)), []
    values = program["main"].__globals__
    monkeypatch.setitem(values, "restarts", lambda: next(counted))
    monkeypatch.setitem(values, "look", lambda port: looked.append(port) or {"answers": False})
    monkeypatch.setitem(values, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _seconds: None))
    monkeypatch.setattr(sys, "argv", ["status", "2762", "6"])
    program["main"]()
    assert json.loads(capsys.readouterr().out) == {"answers": False}
    assert len(looked) == looks
