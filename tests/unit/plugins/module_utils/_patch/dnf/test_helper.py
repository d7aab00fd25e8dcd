# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that dnf's own Python runs, where that needs no dnf."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.healthops.clinical.plugins.module_utils._patch.dnf import helper


def test_versions_are_put_together_as_rpm_tells_them() -> None:
    class Pkg:
        def __init__(self, epoch: int, sourcerpm: str | None) -> None:
            self.name, self.epoch, self.version, self.release, self.sourcerpm = "lib", epoch, "1.0", "2", sourcerpm

    assert helper.evr(Pkg(0, None)) == "1.0-2"
    assert helper.evr(Pkg(3, None)) == "3:1.0-2"
    assert helper.source_of(Pkg(3, "src-pkg-1.1-4.src.rpm")) == ("src-pkg", "3:1.1-4")
    assert helper.source_of(Pkg(0, None)) == ("lib", "1.0-2")


HOLDS = "import fcntl, sys; f = open(sys.argv[1], 'a'); fcntl.lockf(f, fcntl.LOCK_EX); print('held'); sys.stdin.read()"


def test_who_holds_a_lock_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert helper.holder_of(str(path)) == 0
    path.touch()
    assert helper.holder_of(str(path)) == 0
    argv = [sys.executable, "-uc", HOLDS, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout
        other.stdout.readline()
        assert helper.holder_of(str(path)) == other.pid
        assert "python" in helper.name_of(other.pid)


class Locked(Exception):
    """dnf.exceptions.ProcessLockError, which is there only where dnf is."""

    pid = 1


@pytest.mark.parametrize(("times", "wait", "asked", "rc"), [(2, 60, 3, 0), (99, 0, 1, 1)], ids=["freed", "kept"])
def test_a_lock_is_waited_for_as_long_as_the_site_says(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    times: int,
    wait: int,
    asked: int,
    rc: int,
) -> None:
    requests: list[Any] = []

    def answer(request: Any) -> int:
        requests.append(request)
        if len(requests) <= times:
            raise Locked("RPMDB already locked by 1")
        return 0

    monkeypatch.setattr(
        helper, "import_module", lambda _name: SimpleNamespace(exceptions=SimpleNamespace(ProcessLockError=Locked))
    )
    monkeypatch.setattr(helper, "answer", answer)
    monkeypatch.setattr(helper, "PAUSE", 0.0)
    assert (helper.answer_patiently({"lock_wait": wait}), len(requests)) == (rc, asked)
    assert ("It is held by process 1 (" in capsys.readouterr().err) == bool(rc)
